//===- SafetensorsHeader.h - What a safetensors file holds ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The format: eight bytes of header length, a JSON header, then the bytes of
// the tensors without gaps. Apart from Safetensors.h, which reads whole files,
// so that the compiler can index a model without reading its weights.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_RUNTIME_IO_SAFETENSORSHEADER_H
#define STERNA_RUNTIME_IO_SAFETENSORSHEADER_H

#include "io/Safetensors.h"
#include "io/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sterna {

/// Bytes before the header, which hold its length, little-endian.
constexpr uint64_t safetensorsLengthSize = 8;

/// One tensor; its bytes are [begin, end) behind the header, as many as shape
/// and type take.
struct SafetensorsEntry {
  std::string name;
  std::string type; // of the format: "F32", "BF16", "U8", ...
  std::vector<uint64_t> shape;
  uint64_t begin = 0;
  uint64_t end = 0;
};

struct SafetensorsHeader {
  /// Where the tensors begin in the file.
  uint64_t dataOffset = 0;
  /// In order of name; together they fill the rest of the file exactly.
  std::vector<SafetensorsEntry> entries;
  /// Entries of `__metadata__` that are text.
  SafetensorsMetadata metadata;
};

/// What is wrong with the file that messages call `origin`.
Status unusableSafetensors(const std::string &origin, const std::string &what);

/// The length of the header of a file of `fileSize` bytes that begins with
/// `start`, eight bytes or more. Fails where the header does not fit.
Expected<uint64_t> findSafetensorsHeader(const std::string &origin,
                                         std::string_view start,
                                         uint64_t fileSize);

/// Parses the header `text` of a file of `fileSize` bytes. Fails on a header
/// that is not as specified, on types that the format does not have, and on
/// tensors that overlap, leave gaps, or reach beyond the file.
Expected<SafetensorsHeader> parseSafetensorsHeader(const std::string &origin,
                                                   std::string_view text,
                                                   uint64_t fileSize);

} // namespace sterna

#endif // STERNA_RUNTIME_IO_SAFETENSORSHEADER_H
