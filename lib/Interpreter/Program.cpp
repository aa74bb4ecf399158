//===- Program.cpp - Memory and code of a scheduled program ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Spaces are as long as the program needs; what the module says about their
// sizes is not read.
//
//===----------------------------------------------------------------------===//

#include "Program.h"

#include "Parameters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include <cstring>

using namespace mlir;
using namespace sterna;

static constexpr unsigned numSpaces = plan::getMaxEnumValForSpace() + 1;

/// Makes `space` at least `bytes` long.
static void reserve(Array &space, int64_t bytes) {
  if (bytes <= space.shape[0])
    return;
  space.shape[0] = bytes;
  space.bytes.resize(bytes);
}

ProgramMemory::ProgramMemory(plan::ProgramOp program) : program(program) {
  Array empty;
  empty.type = "|i1";
  empty.shape = {0};
  arrays.assign(numSpaces, empty);
  for (auto buffer : program.getBody().getOps<plan::BufferOp>())
    reserve(arrayOf(buffer.getSpace()), buffer.getOffset() + buffer.getBytes());
}

void ProgramMemory::write(plan::Space space, int64_t offset,
                          const Array &array) {
  reserve(arrayOf(space), offset + array.bytes.size());
  llvm::copy(array.bytes, arrayOf(space).bytes.begin() + offset);
}

LogicalResult ProgramMemory::fill(ModuleOp module, ArrayRef<Array> inputs,
                                  const std::map<std::string, Array> &params) {
  if (failed(readFields(program.getInputs(), inputFields)) ||
      failed(readFields(program.getOutputs(), results)))
    return failure();
  return failure(failed(fillInputs(inputs)) ||
                 failed(fillState(module, params)) ||
                 failed(fillWeights(module, params)));
}

LogicalResult ProgramMemory::readFields(ArrayAttr descriptions,
                                        std::vector<Field> &fields) {
  for (Attribute attribute : descriptions) {
    auto dictionary = dyn_cast<DictionaryAttr>(attribute);
    auto name = dictionary ? dictionary.getAs<StringAttr>("name") : nullptr;
    auto offset =
        dictionary ? dictionary.getAs<IntegerAttr>("offset") : nullptr;
    auto type = dictionary ? dictionary.getAs<TypeAttr>("type") : nullptr;
    auto buffer = type ? dyn_cast<MemRefType>(type.getValue()) : nullptr;
    if (!name || !offset || offset.getInt() < 0 || !buffer ||
        !isArrayType(buffer))
      return program.emitError("expected a name, an offset and a type of a "
                               "buffer, but got ")
             << attribute;
    fields.push_back(
        {name.getValue(), plan::Space::block, offset.getInt(), buffer});
    reserve(arrayOf(plan::Space::block),
            offset.getInt() + zerosOf(buffer).bytes.size());
  }
  return success();
}

LogicalResult ProgramMemory::fillInputs(ArrayRef<Array> inputs) {
  if (inputs.size() != inputFields.size())
    return program.emitError("expected ")
           << inputFields.size() << " inputs for '" << program.getSymName()
           << "', but got " << inputs.size();
  for (auto [field, input] : llvm::zip_equal(inputFields, inputs)) {
    if (failed(checkArray(input, field.type, "input '" + field.name + "'",
                          [&] { return program.emitError(); })))
      return failure();
    write(field.space, field.offset, input);
  }
  return success();
}

llvm::SetVector<StringRef> ProgramMemory::findWeightNames() {
  llvm::SetVector<StringRef> names;
  for (auto buffer : program.getBody().getOps<plan::BufferOp>())
    if (buffer.getSpace() == plan::Space::weights)
      names.insert(buffer.getName().value_or(""));
  return names;
}

SmallVector<plan::BufferOp> ProgramMemory::findWrittenState(ModuleOp module) {
  SmallVector<plan::BufferOp> buffers;
  for (auto launch : program.getBody().getOps<plan::LaunchOp>()) {
    auto kernel = module.lookupSymbol<plan::KernelOp>(launch.getKernel());
    unsigned next = kernel.getBodyBlock()->getNumArguments();
    for (int64_t tied : kernel.getTied()) {
      Value written = launch.getBuffers()[tied >= 0 ? tied : next++];
      auto buffer = written.getDefiningOp<plan::BufferOp>();
      if (buffer.getSpace() == plan::Space::state)
        buffers.push_back(buffer);
    }
  }
  return buffers;
}

/// Whether `buffer` shows any byte of `state`.
static bool shows(plan::BufferOp buffer, plan::StateOp state) {
  int64_t begin = state.getOffset(), offset = buffer.getOffset();
  int64_t bytes = plan::getBufferBytes(cast<MemRefType>(state.getType()));
  return offset < begin + bytes && begin < offset + buffer.getBytes();
}

LogicalResult
ProgramMemory::fillState(ModuleOp module,
                         const std::map<std::string, Array> &params) {
  SmallVector<plan::BufferOp> written = findWrittenState(module);
  SmallVector<plan::BufferOp> touched;
  for (auto buffer : program.getBody().getOps<plan::BufferOp>())
    if (buffer.getSpace() == plan::Space::state)
      touched.push_back(buffer);
  for (auto buffer : touched)
    if (llvm::none_of(module.getOps<plan::StateOp>(), [&](plan::StateOp state) {
          return shows(buffer, state) && isArrayType(state.getType());
        }))
      return program.emitError(
                 "expected a state tensor of static shape named '")
             << buffer.getName().value_or("") << "'";
  for (auto state : module.getOps<plan::StateOp>()) {
    auto isShown = [&](plan::BufferOp buffer) { return shows(buffer, state); };
    if (llvm::none_of(touched, isShown))
      continue;
    StringRef name = state.getSymName();
    if (auto given = params.find(name.str()); given != params.end()) {
      if (failed(checkArray(given->second, state.getType(),
                            "state '" + name + "'",
                            [&] { return state.emitError(); })))
        return failure();
      write(plan::Space::state, state.getOffset(), given->second);
    }
    if (llvm::any_of(written, isShown)) {
      auto type = cast<MemRefType>(state.getType());
      results.push_back(
          {name, plan::Space::state, int64_t(state.getOffset()), type});
      reserve(arrayOf(plan::Space::state),
              state.getOffset() + zerosOf(type).bytes.size());
    }
  }
  return success();
}

LogicalResult
ProgramMemory::fillWeights(ModuleOp module,
                           const std::map<std::string, Array> &params) {
  for (StringRef name : findWeightNames()) {
    auto param = module.lookupSymbol<tern::ParamOp>(name);
    auto offset = param ? param->getAttrOfType<IntegerAttr>("offset") : nullptr;
    if (!offset || offset.getInt() < 0)
      return program.emitError("expected a parameter '")
             << name << "' with an offset";
    FailureOr<Array> array = readParameter(param, params);
    if (failed(array))
      return failure();
    if (isa<tern::TritType>(param.getType().getElementType())) {
      ternary[name] = arrays.size();
      arrays.push_back(std::move(*array));
    } else {
      write(plan::Space::weights, offset.getInt(), *array);
    }
  }
  return success();
}

Value ProgramMemory::convertBuffer(OpBuilder &b, plan::BufferOp buffer,
                                   ValueRange spaces) {
  if (buffer.getSpace() == plan::Space::weights)
    if (auto it = ternary.find(buffer.getName().value_or(""));
        it != ternary.end())
      return spaces[it->second];
  Value offset =
      arith::ConstantIndexOp::create(b, buffer.getLoc(), buffer.getOffset());
  return memref::ViewOp::create(
      b, buffer.getLoc(), cast<MemRefType>(buffer.getType()),
      spaces[unsigned(buffer.getSpace())], offset, ValueRange());
}

func::FuncOp ProgramMemory::convertProgram() {
  program->getContext()
      ->loadDialect<arith::ArithDialect, func::FuncDialect,
                    memref::MemRefDialect>();
  OpBuilder b(program);
  SmallVector<Type> types;
  for (const Array &array : arrays)
    types.push_back(MemRefType::get(array.shape, b.getI8Type()));
  auto entry = func::FuncOp::create(b, program.getLoc(), program.getSymName(),
                                    b.getFunctionType(types, {}));
  Block *body = entry.addEntryBlock();
  b.setInsertionPointToEnd(body);
  IRMapping values;
  for (Operation &op : program.getBody().front()) {
    if (auto buffer = dyn_cast<plan::BufferOp>(op)) {
      values.map(buffer.getResult(),
                 convertBuffer(b, buffer, body->getArguments()));
    } else if (auto launch = dyn_cast<plan::LaunchOp>(op)) {
      SmallVector<Value> operands;
      for (Value operand : launch.getBuffers())
        operands.push_back(values.lookup(operand));
      func::CallOp::create(b, op.getLoc(), launch.getKernel(), TypeRange(),
                           operands);
    }
  }
  func::ReturnOp::create(b, program.getLoc());
  program.erase();
  return entry;
}

std::vector<Array> ProgramMemory::getResults() const {
  std::vector<Array> values;
  for (const Field &field : results) {
    Array value = zerosOf(field.type);
    std::memcpy(value.bytes.data(),
                arrays[unsigned(field.space)].bytes.data() + field.offset,
                value.bytes.size());
    values.push_back(std::move(value));
  }
  return values;
}
