//===- device_binary.h - The header of a device binary --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the compiler writes and the runtime expects at the start of a .stn file;
// docs/device-binary.md describes it.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_DEVICE_BINARY_H
#define STERNA_DEVICE_BINARY_H

/// The first eight bytes.
#define STERNA_DEVICE_BINARY_MAGIC "STERNA\r\n"

/// Rises with every change that a reader of the older version would misread.
#define STERNA_DEVICE_BINARY_VERSION 4u

/// Bytes of the header.
#define STERNA_DEVICE_BINARY_HEADER_SIZE 64u

#endif // STERNA_DEVICE_BINARY_H
