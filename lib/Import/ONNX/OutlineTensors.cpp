//===- OutlineTensors.cpp - Models without the bytes of their tensors -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See OutlineTensors.h. Numbers of fields are those of onnx-ml.proto; the wire
// format is that of https://protobuf.dev/programming-guides/encoding.
//
//===----------------------------------------------------------------------===//

#include "OutlineTensors.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/LEB128.h"
#include "llvm/Support/raw_ostream.h"

#include <optional>

using namespace sterna;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;

namespace {

/// The messages on the way from a model to its tensors.
enum class Message { Model, Function, Graph, Node, Attribute, Tensor };

/// Of messages, of which a graph in a graph is three.
constexpr unsigned maxDepth = 200;
constexpr unsigned dataTypeField = 2, externalDataField = 13,
                   dataLocationField = 14;

/// The message in `field` of `message` on which the way goes on.
std::optional<Message> getNested(Message message, uint64_t field) {
  switch (message) {
  case Message::Model:
    if (field == 7)
      return Message::Graph;
    return field == 25 ? std::optional(Message::Function) : std::nullopt;
  case Message::Function:
    return field == 7 ? std::optional(Message::Node) : std::nullopt;
  case Message::Graph:
    if (field == 1)
      return Message::Node;
    return field == 5 ? std::optional(Message::Tensor) : std::nullopt;
  case Message::Node:
    return field == 5 ? std::optional(Message::Attribute) : std::nullopt;
  case Message::Attribute:
    if (field == 5 || field == 10)
      return Message::Tensor;
    return field == 6 || field == 11 ? std::optional(Message::Graph)
                                     : std::nullopt;
  case Message::Tensor:
    return std::nullopt;
  }
  return std::nullopt;
}

/// A field as it lies in its message.
struct Field {
  uint64_t number = 0;
  unsigned wireType = 0;
  uint64_t number64 = 0; // of a varint
  StringRef payload;     // of a length-delimited one
  StringRef whole;       // with tag and length
};

class Outliner {
public:
  explicit Outliner(StringRef file) : file(file) {}

  Error run(StringRef message, Message kind, unsigned depth,
            std::string &output) {
    if (depth > maxDepth)
      return llvm::createStringError("graphs are nested too deeply");
    int64_t dataType = 0;
    if (kind == Message::Tensor)
      if (Error error = findDataType(message, dataType))
        return error;
    StringRef elements;
    while (!message.empty()) {
      Expected<Field> field = take(message);
      if (!field)
        return field.takeError();
      std::optional<Message> nested =
          field->wireType == 2 ? getNested(kind, field->number) : std::nullopt;
      if (nested) {
        std::string inner;
        if (Error error = run(field->payload, *nested, depth + 1, inner))
          return error;
        appendBytes(output, field->number, inner);
      } else if (kind == Message::Tensor && isOutlined(*field, dataType)) {
        elements = field->payload;
      } else {
        output += field->whole;
      }
    }
    // Last, for the message may say of itself that they are in it.
    if (!elements.empty())
      appendPlace(output, elements);
    return Error::success();
  }

private:
  Error makeError(StringRef rest) {
    return llvm::createStringError("not a model of ONNX: its bytes at " +
                                   llvm::Twine(rest.data() - file.data()) +
                                   " are no field of a message");
  }

  /// Takes a varint off `rest`.
  bool takeNumber(StringRef &rest, uint64_t &value) {
    const char *problem = nullptr;
    unsigned size = 0;
    // Ten bytes hold 64 bits; LLVM's reader shifts by what more of them say.
    StringRef number = rest.take_front(10);
    value = llvm::decodeULEB128(number.bytes_begin(), &size, number.bytes_end(),
                                &problem);
    if (problem || size == 0 || size > rest.size())
      return false;
    rest = rest.drop_front(size);
    return true;
  }

  /// Takes the first field off `rest`.
  Expected<Field> take(StringRef &rest) {
    StringRef start = rest;
    uint64_t tag = 0;
    if (!takeNumber(rest, tag) || tag >> 3 == 0)
      return makeError(start);
    Field field;
    field.number = tag >> 3;
    field.wireType = tag & 7;
    uint64_t size = 0;
    if (field.wireType == 0) {
      if (!takeNumber(rest, field.number64))
        return makeError(start);
    } else if (field.wireType == 1 || field.wireType == 5) {
      size = field.wireType == 1 ? 8 : 4;
    } else if (field.wireType != 2 || !takeNumber(rest, size)) {
      return makeError(start);
    }
    if (size > rest.size())
      return makeError(start);
    field.payload = rest.take_front(size);
    rest = rest.drop_front(size);
    field.whole = start.drop_back(rest.size());
    return field;
  }

  Error findDataType(StringRef tensor, int64_t &dataType) {
    while (!tensor.empty()) {
      Expected<Field> field = take(tensor);
      if (!field)
        return field.takeError();
      if (field->number == dataTypeField && field->wireType == 0)
        dataType = int64_t(field->number64);
    }
    return Error::success();
  }

  /// Whether `field` holds elements of `dataType` as they lie in memory:
  /// raw_data, float_data of FLOAT and double_data of DOUBLE.
  static bool isOutlined(const Field &field, int64_t dataType) {
    bool isRaw = field.number == 9 || (field.number == 4 && dataType == 1) ||
                 (field.number == 10 && dataType == 11);
    return isRaw && field.wireType == 2 && !field.payload.empty();
  }

  static void appendNumber(std::string &output, uint64_t value) {
    llvm::raw_string_ostream stream(output);
    llvm::encodeULEB128(value, stream);
  }

  static void appendBytes(std::string &output, uint64_t field,
                          StringRef bytes) {
    appendNumber(output, field << 3 | 2);
    appendNumber(output, bytes.size());
    output += bytes;
  }

  static void appendEntry(std::string &output, StringRef key, StringRef value) {
    std::string entry;
    appendBytes(entry, 1, key);
    appendBytes(entry, 2, value);
    appendBytes(output, externalDataField, entry);
  }

  void appendPlace(std::string &output, StringRef bytes) {
    appendEntry(output, "location", "");
    appendEntry(output, "offset", std::to_string(bytes.data() - file.data()));
    appendEntry(output, "length", std::to_string(bytes.size()));
    appendNumber(output, dataLocationField << 3);
    appendNumber(output, 1); // EXTERNAL
  }

  StringRef file;
};

} // namespace

Expected<std::string> sterna::outlineTensors(StringRef model) {
  std::string output;
  if (Error error = Outliner(model).run(model, Message::Model, 0, output))
    return std::move(error);
  return output;
}
