//===- Json.cpp - JSON, read within limits --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The limits of Json.h around nlohmann's parser, which reads without recursion,
// and what its messages become for a user.
//
//===----------------------------------------------------------------------===//

#include "io/Json.h"

#include "io/Escape.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

using namespace sterna;

namespace {

using Json = nlohmann::json;

/// Receives what the parser reads and builds the value of it.
class Builder : public nlohmann::json_sax<Json> {
public:
  Builder(Json &root, const JsonLimits &limits) : root(root), limits(limits) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string &) override {
    return add(value);
  }
  bool string(std::string &value) override { return add(std::move(value)); }
  bool binary(Json::binary_t &) override { return false; } // never in text
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string &name) override {
    if (parents.back()->contains(name))
      return stop("the key '" + excerpt(name) + "' occurs twice");
    slot = &(*parents.back())[name];
    return true;
  }

  bool parse_error(size_t position, const std::string &,
                   const Json::exception &error) override {
    // The parser counts the byte that it stumbles over.
    failure.offset = position == 0 ? 0 : position - 1;
    failure.reason = error.what();
    return false;
  }

  JsonFailure failure;

private:
  template <class Value> bool add(Value &&value) {
    return place(std::forward<Value>(value)) != nullptr;
  }

  bool open(Json container) {
    if (parents.size() == limits.depth)
      return stop("it is nested more than " + std::to_string(limits.depth) +
                  " deep");
    Json *placed = place(std::move(container));
    if (placed)
      parents.push_back(placed);
    return placed != nullptr;
  }

  bool close() {
    parents.pop_back();
    return true;
  }

  /// Puts a value where the next one belongs; null beyond the limit.
  Json *place(Json value) {
    if (++count > limits.values) {
      stop("it has more than " + std::to_string(limits.values) + " values");
      return nullptr;
    }
    if (parents.empty())
      return &(root = std::move(value));
    Json &parent = *parents.back();
    if (parent.is_object())
      return &(*slot = std::move(value));
    parent.push_back(std::move(value));
    return &parent.back();
  }

  bool stop(std::string reason) {
    failure.byLimit = true;
    failure.reason = std::move(reason);
    return false;
  }

  Json &root;
  const JsonLimits &limits;
  std::vector<Json *> parents; // open lists and objects
  Json *slot = nullptr;        // where the value of the last key goes
  uint64_t count = 0;
};

/// An iterator that tells how far the parser has read, which it does not when
/// the builder stops it.
class CountingIterator {
public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char *;
  using reference = const char &;

  CountingIterator(const char *position, const char **furthest)
      : position(position), furthest(furthest) {}

  reference operator*() const { return *position; }
  CountingIterator &operator++() {
    *furthest = position++;
    return *this;
  }
  bool operator==(const CountingIterator &other) const {
    return position == other.position;
  }
  bool operator!=(const CountingIterator &other) const {
    return position != other.position;
  }

private:
  const char *position;
  const char **furthest;
};

void cutOut(std::string &text, size_t begin, size_t end) {
  if (begin != std::string::npos)
    text.erase(begin, end == std::string::npos ? end : end - begin);
}

/// The parser's message without what the caller says better: its own name, the
/// place, and all that it read of a token, which can be the whole file.
std::string shorten(std::string message) {
  size_t dash = message.find(" - ");
  if (dash != std::string::npos)
    message.erase(0, dash + 3);
  else if (size_t bracket = message.find("] "); bracket != std::string::npos)
    message.erase(0, bracket + 2);
  cutOut(message, message.find("; last read: '"), message.rfind("; expected "));
  return excerpt(message, 160);
}

/// What the writer of such a text most likely did.
std::string hintFor(std::string_view text, const JsonFailure &failure) {
  std::string_view rest = text.substr(std::min(failure.offset, text.size()));
  auto begins = [&](std::string_view word) {
    return rest.substr(0, word.size()) == word;
  };
  if (begins("'"))
    return ": strings stand in double quotes";
  if (begins("None"))
    return ": write null";
  if (begins("N") || begins("I"))
    return ": NaN and Infinity are no JSON, write null or leave the key out";
  if (begins("T") || begins("F"))
    return ": write true, false and null in small letters";
  if (failure.reason.find("surrogate") != std::string::npos)
    return ": the text was cut inside of a character";
  if (failure.reason.find("ill-formed UTF-8") != std::string::npos)
    return ": convert the text to UTF-8";
  return "";
}

} // namespace

std::optional<JsonFailure> sterna::readJson(std::string_view text, Json &value,
                                            const JsonLimits &limits) {
  Builder builder(value, limits);
  const char *end = text.data() + text.size();
  const char *furthest = text.data();
  bool done = Json::sax_parse(CountingIterator(text.data(), &furthest),
                              CountingIterator(end, &furthest), &builder);
  if (done)
    return std::nullopt;
  JsonFailure failure = std::move(builder.failure);
  if (failure.byLimit) {
    failure.offset = static_cast<size_t>(furthest - text.data());
    return failure;
  }
  failure.reason = "invalid JSON: " + shorten(failure.reason);
  failure.reason += hintFor(text, failure);
  return failure;
}

std::string sterna::describePlace(std::string_view text, size_t offset,
                                  size_t firstLine) {
  std::string_view before = text.substr(0, offset);
  size_t lines =
      static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
  size_t begin = before.rfind('\n') + 1; // 0 where there is none
  size_t column = 1;
  for (char byte : before.substr(begin))
    column += (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
  return "line " + std::to_string(firstLine + lines) + ", column " +
         std::to_string(column);
}

Expected<Json> sterna::parseJson(std::string_view text,
                                 const JsonLimits &limits) {
  Json value;
  if (std::optional<JsonFailure> failure = readJson(text, value, limits))
    return Status::error(describePlace(text, failure->offset) + ": " +
                         failure->reason);
  return Expected<Json>(std::move(value));
}
