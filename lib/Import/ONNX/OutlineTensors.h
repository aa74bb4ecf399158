//===- OutlineTensors.h - Models without the bytes of their tensors -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights are most of a model's file, and are not to be in memory: a file is
// rewritten, before it is parsed, so that its tensors say where in it their
// bytes are.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_ONNX_OUTLINETENSORS_H
#define STERNA_LIB_IMPORT_ONNX_OUTLINETENSORS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace sterna {

/// The serialized ModelProto `model` with each tensor's elements, which lie in
/// it as in memory, replaced by external data: an empty location (the
/// file itself), offset and length. Fails where it is not in the wire format of
/// protocol buffers, or is nested too deeply.
llvm::Expected<std::string> outlineTensors(llvm::StringRef model);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_ONNX_OUTLINETENSORS_H
