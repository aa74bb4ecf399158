# aarch64-linux.cmake - toolchain for 64-bit Arm Linux from Debian's packages
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#   cmake -S . -B build-aarch64 -G Ninja -DSTERNA_RUNTIME_ONLY=ON \
#     -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux.cmake
#
# Needs libstdc++-12-dev:arm64, libpcre2-dev:arm64 and libutf8proc-dev:arm64,
# whose C library qemu-aarch64 of qemu-user finds at its own place.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER clang-22)
set(CMAKE_CXX_COMPILER clang++-22)
set(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_CXX_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_EXE_LINKER_FLAGS_INIT -fuse-ld=lld-22)
# Libraries of headers alone are the host's; its system headers come last.
set(CMAKE_CXX_FLAGS_INIT "-idirafter /usr/include")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
