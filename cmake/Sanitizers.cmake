# Sanitizers.cmake - builds that watch themselves
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# -DSTERNA_SANITIZER=address  memory errors and undefined behaviour; with it
#                             comes what fuzzers need
# -DSTERNA_SANITIZER=thread   data races
#
# MLIR's library is not instrumented and shares containers and allocators with
# us: run what links it with ASAN_OPTIONS=
# detect_container_overflow=0:allow_user_poisoning=0:detect_leaks=0.

set(STERNA_SANITIZER "" CACHE STRING "address, thread, or none")
set_property(CACHE STERNA_SANITIZER PROPERTY STRINGS "" address thread)

if(STERNA_SANITIZER STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined,fuzzer-no-link
    -fno-sanitize=vptr,function -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
elseif(STERNA_SANITIZER STREQUAL "thread")
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
elseif(NOT STERNA_SANITIZER STREQUAL "")
  message(FATAL_ERROR "unknown STERNA_SANITIZER=${STERNA_SANITIZER}; "
                      "expected address or thread")
endif()
if(STERNA_SANITIZER)
  add_compile_options(-fno-omit-frame-pointer -O1)
endif()
