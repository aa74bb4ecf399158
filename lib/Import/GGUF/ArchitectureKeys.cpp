//===- ArchitectureKeys.cpp - Keys of an architecture ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ArchitectureKeys.h.
//
//===----------------------------------------------------------------------===//

#include "ArchitectureKeys.h"

#include <cmath>

using namespace llvm;
using namespace sterna;

Error ArchitectureKeys::readSize(const Twine &suffix, int64_t &size,
                                 uint64_t limit) const {
  Expected<uint64_t> value = file.getU64(spell(suffix));
  if (!value)
    return value.takeError();
  if (*value == 0 || *value > limit)
    return file.makeError("{0}: expected 1 to {1}, but got {2}", spell(suffix),
                          limit, *value);
  size = *value;
  return Error::success();
}

Error ArchitectureKeys::readSizeIfAny(const Twine &suffix, int64_t &size,
                                      uint64_t limit) const {
  return has(suffix) ? readSize(suffix, size, limit) : Error::success();
}

Error ArchitectureKeys::readPositive(const Twine &suffix,
                                     double &number) const {
  Expected<float> value = file.getF32(spell(suffix));
  if (!value)
    return value.takeError();
  if (!(*value > 0) || !std::isfinite(*value))
    return file.makeError("{0}: expected a positive finite number, but got {1}",
                          spell(suffix), formatNumber(*value));
  number = *value;
  return Error::success();
}

Error ArchitectureKeys::readPositiveIfAny(const Twine &suffix,
                                          double &number) const {
  return has(suffix) ? readPositive(suffix, number) : Error::success();
}
