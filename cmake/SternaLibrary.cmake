# SternaLibrary.cmake - one way to make a compiler library or tool
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Everything links the one shared MLIR of the distribution: mixing it with the
# static archives would register every dialect twice.

# All that compiling against the compiler's headers takes; a pass plugin links
# it alone, because it finds Sterna's own code in the tool that loads it.
add_library(sterna_plugin INTERFACE)
add_library(Sterna::sterna_plugin ALIAS sterna_plugin)
target_compile_features(sterna_plugin INTERFACE cxx_std_17)
target_compile_definitions(sterna_plugin INTERFACE ${LLVM_DEFINITIONS_LIST})
target_include_directories(sterna_plugin INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
  $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>)
target_link_libraries(sterna_plugin INTERFACE sterna_module_format MLIR LLVM)
if(NOT LLVM_ENABLE_ASSERTIONS)
  set(header $<BUILD_INTERFACE:${CMAKE_CURRENT_LIST_DIR}/LLVMStatistic.h>)
  string(APPEND header $<INSTALL_INTERFACE:sterna/Support/LLVMStatistic.h>)
  target_compile_options(sterna_plugin INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include ${header}>")
endif()
install(TARGETS sterna_plugin EXPORT SternaCompilerTargets)
include(cmake/PrecompiledHeaders.cmake)

# sterna_library(NAME sources... [TESTING] [LINK libraries...])
#
# TESTING libraries are not installed.
function(sterna_library name)
  cmake_parse_arguments(ARG "TESTING" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  add_library(Sterna::${name} ALIAS ${name})
  target_link_libraries(${name} PUBLIC sterna_plugin ${ARG_LINK})
  sterna_precompile(${name})
  # Generated headers of all dialects exist before any library compiles: one
  # edge is simpler than a list per library, and generation is quick.
  add_dependencies(${name} sterna-headers)
  if(NOT ARG_TESTING)
    install(TARGETS ${name} EXPORT SternaCompilerTargets)
  endif()
endfunction()

# sterna_tool(NAME sources... LINK libraries...)
function(sterna_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_compile_definitions(${name} PRIVATE
    STERNA_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${name} PRIVATE sterna_plugin ${ARG_LINK})
  sterna_precompile(${name})
  add_dependencies(${name} sterna-headers)
  install(TARGETS ${name} EXPORT SternaCompilerTargets)
endfunction()
