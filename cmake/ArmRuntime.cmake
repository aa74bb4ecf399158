# ArmRuntime.cmake - sterna-run for 64-bit Arm Linux, built on another machine
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# sterna-compile --emit=exe --target=aarch64-linux looks for it beside itself.
# A build of its own makes it, because it has another compiler's target.

foreach(file include/aarch64-linux-gnu/c++ lib/aarch64-linux-gnu/libpcre2-8.a
    lib/aarch64-linux-gnu/libutf8proc.a)
  if(NOT EXISTS /usr/${file})
    message(STATUS "sterna-run-aarch64 is not built: it needs "
      "libstdc++-12-dev:arm64, libpcre2-dev:arm64 and libutf8proc-dev:arm64")
    return()
  endif()
endforeach()

set(folder ${PROJECT_BINARY_DIR}/aarch64)
set(toolchain ${PROJECT_SOURCE_DIR}/cmake/aarch64-linux.cmake)
set(runtime ${PROJECT_BINARY_DIR}/bin/sterna-run-aarch64)
# The same sources make this machine's sterna-run: if that is new, this is old.
add_custom_command(OUTPUT ${runtime}
  COMMAND ${CMAKE_COMMAND} -S ${PROJECT_SOURCE_DIR} -B ${folder}
    -G ${CMAKE_GENERATOR} -DCMAKE_TOOLCHAIN_FILE=${toolchain}
    -DCMAKE_BUILD_TYPE=Release -DSTERNA_RUNTIME_ONLY=ON
    "-DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}"
  COMMAND ${CMAKE_COMMAND} --build ${folder} --target sterna-run
  COMMAND ${CMAKE_COMMAND} -E copy ${folder}/bin/sterna-run ${runtime}
  DEPENDS sterna-run ${toolchain}
  COMMENT "Building sterna-run-aarch64"
  USES_TERMINAL VERBATIM)
add_custom_target(sterna-run-aarch64 ALL DEPENDS ${runtime})
