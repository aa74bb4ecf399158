//===- Npz.h - NumPy archives ---------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads .npz files as numpy.savez writes them: ZIP archives (APPNOTE 6.3, Zip64
// included) of .npy files that are not compressed.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_IO_NPZ_H
#define STERNA_RUNTIME_IO_NPZ_H

#include "io/Npy.h"

#include <map>

namespace sterna {

/// The arrays in `content`, the bytes of a file, by name; they refer to it.
/// `origin` names it in messages. Fails on what is no such archive, on
/// compressed or encrypted entries, on those whose checksum differs or that are
/// no arrays, and on two of one name.
Expected<std::map<std::string, NpyView>> viewNpz(const std::string &origin,
                                                 std::string_view content);

} // namespace sterna

#endif // STERNA_RUNTIME_IO_NPZ_H
