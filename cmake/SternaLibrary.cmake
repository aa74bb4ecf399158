# SternaLibrary.cmake - one way to make a compiler library, tool or unit test
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Everything links the one shared MLIR of the distribution: mixing it with the
# static archives would register every dialect twice.

add_library(sterna_compiler_options INTERFACE)
target_compile_definitions(sterna_compiler_options INTERFACE
  ${LLVM_DEFINITIONS_LIST})
target_link_libraries(sterna_compiler_options INTERFACE MLIR LLVM)
if(NOT LLVM_ENABLE_ASSERTIONS)
  target_compile_options(sterna_compiler_options INTERFACE
    "SHELL:-include ${CMAKE_CURRENT_LIST_DIR}/LLVMStatistic.h")
endif()

# sterna_library(NAME sources... [DEPENDS targets...] [LINK libraries...])
function(sterna_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC sterna_compiler_options ${ARG_LINK})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  # Generated headers of all dialects exist before any library compiles: one
  # edge is simpler than a list per library, and generation is quick.
  add_dependencies(${name} sterna-headers)
endfunction()

# sterna_tool(NAME sources... LINK libraries...)
function(sterna_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_compile_definitions(${name} PRIVATE
    STERNA_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${name} PRIVATE sterna_compiler_options ${ARG_LINK})
  add_dependencies(${name} sterna-headers)
endfunction()
