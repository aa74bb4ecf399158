//===- TritPanels.h - Packing of ternary panels -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The encoder and the decoder of #tern.panel, side by side so that they are
// each other's inverse. Generated code decodes in its own ways.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TARGET_DEVICEBINARY_TRITPANELS_H
#define STERNA_TARGET_DEVICEBINARY_TRITPANELS_H

#include "sterna/Dialect/Tern/IR/Tern.h"

namespace sterna {

/// Packs the trits of one panel: `layout.getRows()` rows of `stride` columns
/// each, a multiple of the columns of a block. `out` has room for
/// `layout.getPackedBytes(rows, stride)` bytes.
void encodePanel(llvm::ArrayRef<int8_t> trits, int64_t stride,
                 tern::PanelAttr layout, llvm::MutableArrayRef<uint8_t> out);

/// Writes the trits of a packed matrix of `rows` x `columns` to `trits`, row by
/// row.
void decodePanels(llvm::ArrayRef<char> packed, tern::PanelAttr layout,
                  int64_t rows, int64_t columns, char *trits);

} // namespace sterna

#endif // STERNA_TARGET_DEVICEBINARY_TRITPANELS_H
