# SternaInstall.cmake - what `cmake --install` copies, and the package Sterna
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The package has two sets of targets, so that programs that run models need no
# MLIR: the runtime's, and the compiler's, which SternaLibrary.cmake fills. A
# build tree is a package as well: find_package(Sterna HINTS BUILD).

include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/Sterna)
set(build_package ${PROJECT_BINARY_DIR}/lib/cmake/Sterna)
set(headers ${CMAKE_INSTALL_INCLUDEDIR})

install(TARGETS sterna-run sterna_arm_core sterna_io sterna_module_format
                sterna_runtime sterna_text
  EXPORT SternaRuntimeTargets
  INCLUDES DESTINATION ${headers} ${headers}/sterna/schema)
install(DIRECTORY runtime/include/ DESTINATION ${headers}
  FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_BINARY_DIR}/include/module_generated.h
  DESTINATION ${headers}/sterna/schema)
set(sets SternaRuntimeTargets)

if(NOT STERNA_RUNTIME_ONLY)
  install(DIRECTORY include/ ${PROJECT_BINARY_DIR}/include/
    DESTINATION ${headers}
    FILES_MATCHING PATTERN "*.h" PATTERN "*.td" PATTERN "*.inc"
    PATTERN "module_generated.h" EXCLUDE PATTERN "CMakeFiles" EXCLUDE)
  install(FILES cmake/LLVMStatistic.h DESTINATION ${headers}/sterna/Support)
  install(PROGRAMS ${PROJECT_BINARY_DIR}/bin/sterna-run-aarch64 TYPE BIN
    OPTIONAL)
  list(APPEND sets SternaCompilerTargets)
endif()

foreach(set ${sets})
  install(EXPORT ${set} NAMESPACE Sterna:: DESTINATION ${package})
  export(EXPORT ${set} NAMESPACE Sterna:: FILE ${build_package}/${set}.cmake)
endforeach()
configure_package_config_file(cmake/SternaConfig.cmake.in
  ${build_package}/SternaConfig.cmake
  INSTALL_DESTINATION ${package} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${build_package}/SternaConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${build_package}/SternaConfig.cmake
  ${build_package}/SternaConfigVersion.cmake DESTINATION ${package})
