//===- Parameters.cpp - Elements of parameters ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files and tables are read by the packer of the link phase, so that there is
// one reader; packed trits are decoded again.
//
//===----------------------------------------------------------------------===//

#include "Parameters.h"

#include "sterna/Target/DeviceBinary/DeviceBinary.h"
#include "sterna/Target/DeviceBinary/TritPanels.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace sterna;

/// The layout through which trits are read where a parameter has none yet.
static tern::PanelAttr anyLayout(MLIRContext *context) {
  return tern::PanelAttr::get(context, /*rows=*/8, /*columns=*/16);
}

/// The elements of a dense attribute of an array type.
static Array arrayOf(DenseElementsAttr elements) {
  Array array = zerosOf(elements.getType());
  ArrayRef<char> raw = elements.getRawData();
  if (raw.empty())
    return array;
  for (size_t at = 0; at < array.bytes.size(); ++at)
    array.bytes[at] = raw[at % raw.size()];
  return array;
}

/// What the packer reads for `param`, whose type is `type` and has a layout
/// where it is ternary.
static llvm::Error pack(tern::ParamOp param, RankedTensorType type,
                        llvm::raw_ostream &out) {
  OwningOpRef<tern::ParamOp> packed = param.clone();
  packed->setType(type);
  LinkReport report;
  return packParameter(packed->getOperation(), out, report);
}

/// The elements of a parameter in a file or a table. Fails where the packer
/// does or does not write what the type takes.
static llvm::Expected<Array> readSource(tern::ParamOp param) {
  RankedTensorType type = param.getType();
  Array array = zerosOf(withoutTrits(type));
  SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  bool isTernary = isa<tern::TritType>(type.getElementType());
  auto layout = dyn_cast_or_null<tern::PanelAttr>(type.getEncoding());
  if (isTernary && !layout)
    layout = anyLayout(param.getContext());
  size_t size = array.bytes.size();
  if (isTernary) {
    type =
        RankedTensorType::get(type.getShape(), type.getElementType(), layout);
    size = layout.getPackedBytes(type.getDimSize(0), type.getDimSize(1));
  }
  if (llvm::Error error = pack(param, type, out))
    return std::move(error);
  if (bytes.size() != size)
    return llvm::createStringError("expected " + Twine(size) +
                                   " bytes of elements, but its source gives " +
                                   Twine(bytes.size()));
  if (isTernary)
    decodePanels(bytes, layout, type.getDimSize(0), type.getDimSize(1),
                 array.bytes.data());
  else
    array.bytes.assign(bytes.begin(), bytes.end());
  return array;
}

/// Whether the packer can be asked for `param` at all.
static bool hasReadableSource(tern::ParamOp param) {
  RankedTensorType type = param.getType();
  if (isa<tern::RopeTableSourceAttr>(param.getSource()))
    return type.getRank() == 2 && type.getElementType().isF32();
  if (isa<tern::TernaryScalesAttr>(param.getSource()))
    return type.getRank() >= 1 && type.getElementType().isF32();
  if (isa<tern::ElementsSourceAttr, tern::BlocksAttr>(param.getSource()))
    return true;
  if (isa<tern::RowScalesAttr>(param.getSource()))
    return type.getRank() == 1 && type.getElementType().isF32();
  if (!isa<tern::FileSourceAttr>(param.getSource()) || type.getRank() == 0)
    return false;
  if (!isa<tern::TritType>(type.getElementType()))
    return true;
  return type.getRank() == 2;
}

Type sterna::withoutTrits(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !isa<tern::TritType>(tensor.getElementType()))
    return type;
  return RankedTensorType::get(tensor.getShape(),
                               IntegerType::get(type.getContext(), 8));
}

FailureOr<Array>
sterna::readParameter(tern::ParamOp param,
                      const std::map<std::string, Array> &given) {
  std::string name = param.getSymName().str();
  Type type = withoutTrits(param.getType());
  auto emitError = [&] { return param.emitError(); };
  if (!isArrayType(type))
    return emitError() << "expected parameter '" << name
                       << "' to have a static type with a NumPy equivalent, "
                          "but it is "
                       << type;
  if (auto it = given.find(name); it != given.end()) {
    if (failed(checkArray(it->second, type, "parameter '" + name + "'",
                          emitError)))
      return failure();
    return it->second;
  }
  if (auto dense = dyn_cast<DenseElementsAttr>(param.getSource()))
    if (dense.getType() == type)
      return arrayOf(dense);
  std::string reason = "its source cannot hold them";
  if (hasReadableSource(param)) {
    llvm::Expected<Array> array = readSource(param);
    if (array)
      return *array;
    reason = llvm::toString(array.takeError());
  }
  return emitError() << "expected elements of parameter '" << name
                     << "': " << reason << "; pass them with --param=" << name
                     << "=FILE.npy";
}
