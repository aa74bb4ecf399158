//===- CheckpointTensors.h - Tensors of a checkpoint ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Says of the tensors in safetensors files which of the model's they are, and
// what shape they have once unpacked.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_LIB_IMPORT_HUGGINGFACE_CHECKPOINTTENSORS_H
#define STERNA_LIB_IMPORT_HUGGINGFACE_CHECKPOINTTENSORS_H

#include "../TensorTable.h"
#include "Quantization.h"

namespace sterna {

/// Reads the headers of the safetensors files in `folder`. Fails where there
/// are none, and where packed weights are not as `quantization` says.
llvm::Expected<TensorTable>
readCheckpointTensors(llvm::StringRef folder, const Quantization &quantization);

} // namespace sterna

#endif // STERNA_LIB_IMPORT_HUGGINGFACE_CHECKPOINTTENSORS_H
