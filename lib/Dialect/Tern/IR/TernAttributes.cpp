//===- TernAttributes.cpp - Rules of attributes ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of the attributes, and of what modules and program functions say
// with them.
//
//===----------------------------------------------------------------------===//

#include "sterna/Dialect/Tern/IR/Tern.h"

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sterna::tern;

/// The value of `names`, an enumeration's in order, that is called `name`.
template <typename Enum>
static std::optional<Enum> symbolize(const char *const *names, StringRef name) {
  for (unsigned i = 0; names[i]; ++i)
    if (name == names[i])
      return static_cast<Enum>(i);
  return std::nullopt;
}

template <typename Enum>
static FailureOr<Enum> parseName(AsmParser &parser, const char *const *names,
                                 StringRef what) {
  StringRef name;
  llvm::SMLoc loc = parser.getCurrentLocation();
  if (failed(parser.parseKeyword(&name)))
    return failure();
  if (std::optional<Enum> value = symbolize<Enum>(names, name))
    return *value;
  InFlightDiagnostic diagnostic = parser.emitError(loc)
                                  << "expected " << what << ", one of ";
  for (unsigned i = 0; names[i]; ++i)
    diagnostic << (i ? ", " : "") << names[i];
  return diagnostic << ", but got '" << name << "'";
}

std::optional<StateKind> sterna::tern::symbolizeStateKind(StringRef name) {
  return symbolize<StateKind>(format::EnumNamesStateKind(), name);
}

std::optional<Projection> sterna::tern::symbolizeProjection(StringRef name) {
  return symbolize<Projection>(format::EnumNamesProjection(), name);
}

std::optional<OptimizerKind>
sterna::tern::symbolizeOptimizerKind(StringRef name) {
  return symbolize<OptimizerKind>(format::EnumNamesOptimizerKind(), name);
}

std::optional<GradientClipping>
sterna::tern::symbolizeGradientClipping(StringRef name) {
  return symbolize<GradientClipping>(format::EnumNamesGradientClipping(), name);
}

FailureOr<StateKind> sterna::tern::parseStateKind(AsmParser &parser) {
  return parseName<StateKind>(parser, format::EnumNamesStateKind(),
                              "a kind of state");
}

FailureOr<Projection> sterna::tern::parseProjection(AsmParser &parser) {
  return parseName<Projection>(parser, format::EnumNamesProjection(),
                               "a linear of a block");
}

FailureOr<OptimizerKind> sterna::tern::parseOptimizerKind(AsmParser &parser) {
  return parseName<OptimizerKind>(parser, format::EnumNamesOptimizerKind(),
                                  "an optimizer");
}

FailureOr<GradientClipping>
sterna::tern::parseGradientClipping(AsmParser &parser) {
  return parseName<GradientClipping>(
      parser, format::EnumNamesGradientClipping(), "a way to clip gradients");
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

LogicalResult StateAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                StringRef name, StateKind, int64_t, StringRef) {
  if (name.empty())
    return emitError() << "expected a state tensor to have a name";
  return success();
}

LogicalResult
StatePartAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                      StateAttr state, RankedTensorType type, int64_t offset) {
  if (!type.hasStaticShape() || offset < 0)
    return emitError() << "expected state tensor '" << state.getName()
                       << "' to have a static shape and an offset that is not "
                          "negative, but got "
                       << type << " at " << offset;
  return success();
}

LogicalResult LoraAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t, ArrayAttr targets) {
  for (Attribute target : targets) {
    auto name = dyn_cast<StringAttr>(target);
    if (!name || !symbolizeProjection(name))
      return emitError() << "expected targets of adapters to be projections, "
                            "such as \"q_proj\", but got "
                         << target;
  }
  return success();
}

LogicalResult BlocksAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 FileSourceAttr, int64_t columns, unsigned bits,
                                 BlockPart part) {
  if (bits != 4 && bits != 6)
    return emitError() << "expected codes of 4 or 6 bits, but got " << bits;
  if (columns <= 0 || columns % blockColumns)
    return emitError() << "expected blocks of " << blockColumns
                       << " columns, but got " << columns << " columns";
  if (part == BlockPart::Minimums && bits != 4)
    return emitError() << "expected minimums of codes of 4 bits alone";
  return success();
}

LogicalResult
FileSourceAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef,
                       uint64_t, StorageType, bool, int64_t, Attribute scales,
                       int64_t group) {
  auto file = dyn_cast_or_null<FileSourceAttr>(scales);
  if (scales && (!file || file.getScales()))
    return emitError() << "expected scales in a #tern.file without scales";
  if (scales ? group < 1 : group != 0)
    return emitError() << "expected scales and a group of columns, but got "
                       << group << (scales ? "" : " of no scales");
  return success();
}

LogicalResult
ElementsSourceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                           StringRef, uint64_t, unsigned bits, bool) {
  if (bits != 0 && bits != 2 && bits != 4)
    return emitError() << "expected bits to be 0, 2 or 4, but got " << bits;
  return success();
}

LogicalResult
TernaryScalesAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                          FileSourceAttr, int64_t columns, int64_t group,
                          FileSourceAttr factors, int64_t numFactors) {
  if (group < 1 || group > columns)
    return emitError() << "expected a group of 1 to " << columns
                       << " columns, but got " << group;
  if (factors ? numFactors < 1 : numFactors != 0)
    return emitError() << "expected factors and their number, but got "
                       << numFactors << (factors ? " of some" : " of none");
  return success();
}

LogicalResult
RopeTableSourceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                            DenseFPElementsAttr frequencies, bool,
                            FloatAttr amplitude) {
  if (!frequencies.getElementType().isF64() ||
      frequencies.getType().getRank() != 1)
    return emitError()
           << "expected frequencies of f64 in one dimension, but got "
           << frequencies.getType();
  if (amplitude && !amplitude.getType().isF64())
    return emitError() << "expected an amplitude of f64, but got " << amplitude;
  return success();
}

LogicalResult
OptimizerAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                      OptimizerKind, GradientClipping, FloatAttr beta1,
                      FloatAttr beta2) {
  for (FloatAttr beta : {beta1, beta2})
    if (!beta.getType().isF64() ||
        !(beta.getValueAsDouble() >= 0 && beta.getValueAsDouble() < 1))
      return emitError() << "expected betas of f64 in [0, 1), but got " << beta;
  return success();
}

LogicalResult TokenizerAttr::verify(
    function_ref<InFlightDiagnostic()> emitError, StringRef,
    DenseResourceElementsAttr pieces, DenseResourceElementsAttr lengths,
    DenseResourceElementsAttr scores, DenseResourceElementsAttr types,
    DenseResourceElementsAttr bytePairs, int64_t, int64_t, int64_t, int64_t,
    bool, bool, StringRef, DenseI32ArrayAttr) {
  int64_t tokens = lengths.getType().getNumElements();
  auto check = [&](StringRef name, DenseResourceElementsAttr array, bool fits,
                   bool ofTokens) -> LogicalResult {
    int64_t count = array.getType().getNumElements();
    if (fits && array.getType().getRank() == 1 &&
        (!ofTokens || count == 0 || count == tokens))
      return success();
    return emitError() << "expected '" << name << "' of a vocabulary of "
                       << tokens << " tokens to fit it, but got "
                       << array.getType();
  };
  auto element = [](DenseResourceElementsAttr array) {
    return array.getType().getElementType();
  };
  return success(
      succeeded(check("pieces", pieces, element(pieces).isInteger(8), false)) &&
      succeeded(
          check("lengths", lengths, element(lengths).isInteger(32), true)) &&
      succeeded(check("scores", scores, element(scores).isF32(), true)) &&
      succeeded(check("types", types, element(types).isInteger(32), true)) &&
      (!bytePairs || succeeded(check("bytePairs", bytePairs,
                                     element(bytePairs).isInteger(8), false))));
}

LogicalResult PanelAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                int64_t rows, int64_t columns) {
  if (rows > 0 && (columns == 16 || columns == 20))
    return success();
  return emitError() << "expected panels of at least one row and blocks of 16 "
                        "or 20 columns, but got "
                     << rows << " and " << columns;
}

int64_t PanelAttr::getPackedBytes(int64_t numRows, int64_t numColumns) const {
  return llvm::divideCeil(numRows, getRows()) *
         llvm::divideCeil(numColumns, getColumns()) * getBlockBytes();
}

//===----------------------------------------------------------------------===//
// Modules and program functions
//===----------------------------------------------------------------------===//

/// Checks that `attribute` of `op` has a value for which `isFitting` holds.
static LogicalResult expect(Operation *op, NamedAttribute attribute,
                            StringRef what, bool isFitting) {
  if (isFitting)
    return success();
  return op->emitOpError("expected ")
         << attribute.getName().getValue() << " to be " << what << ", but got "
         << attribute.getValue();
}

static LogicalResult refuse(Operation *op, NamedAttribute attribute,
                            StringRef where) {
  return op->emitOpError("has an attribute '")
         << attribute.getName().getValue()
         << "' that the dialect does not know " << where;
}

LogicalResult TernDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attribute) {
  Attribute value = attribute.getValue();
  StringRef name = attribute.getName();
  if (name == modelAttr)
    return expect(op, attribute, "a #tern.model", isa<ModelAttr>(value));
  if (name == tokenizerAttr)
    return expect(op, attribute, "a #tern.tokenizer",
                  isa<TokenizerAttr>(value));
  if (name == shapesAttr)
    return expect(op, attribute, "a #tern.shapes", isa<ShapesAttr>(value));
  if (name == loraAttr)
    return expect(op, attribute, "a #tern.lora", isa<LoraAttr>(value));
  if (name == optimizerAttr)
    return expect(op, attribute, "a #tern.optimizer",
                  isa<OptimizerAttr>(value));
  if (name == phaseAttr || name == trainableAttr)
    return expect(op, attribute, "a name", isa<StringAttr>(value));
  if (name == gradientsAttr) {
    auto type = dyn_cast<TypeAttr>(value);
    return expect(op, attribute, "i8 or i16",
                  type && (type.getValue().isInteger(8) ||
                           type.getValue().isInteger(16)));
  }
  return refuse(op, attribute, "here");
}

LogicalResult TernDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                    unsigned,
                                                    NamedAttribute attribute) {
  Attribute value = attribute.getValue();
  StringRef name = attribute.getName();
  if (name == inputAttr)
    return expect(op, attribute, "a name", isa<StringAttr>(value));
  if (name == stateAttr)
    return expect(op, attribute, "a #tern.state", isa<StateAttr>(value));
  if (name == lossScaleAttr || name == unsignedAttr)
    return expect(op, attribute, "a unit", isa<UnitAttr>(value));
  if (name != statesAttr)
    return refuse(op, attribute, "of an argument");
  auto states = dyn_cast<ArrayAttr>(value);
  return expect(op, attribute, "a list of #tern.state_part, not empty",
                states && !states.empty() &&
                    llvm::all_of(states, llvm::IsaPred<StatePartAttr>));
}

LogicalResult TernDialect::verifyRegionResultAttribute(
    Operation *op, unsigned, unsigned number, NamedAttribute attribute) {
  Attribute value = attribute.getValue();
  StringRef name = attribute.getName();
  if (name == outputAttr)
    return expect(op, attribute, "a name", isa<StringAttr>(value));
  if (name == unsignedAttr || name == lossAttr)
    return expect(op, attribute, "a unit", isa<UnitAttr>(value));
  if (name != tiedAttr)
    return refuse(op, attribute, "of a result");
  auto tied = dyn_cast<IntegerAttr>(value);
  auto function = dyn_cast<FunctionOpInterface>(op);
  return expect(op, attribute, "the number of an argument of the result's type",
                tied && function && !tied.getValue().isNegative() &&
                    tied.getValue().ult(function.getNumArguments()) &&
                    function.getArgumentTypes()[tied.getInt()] ==
                        function.getResultTypes()[number]);
}
