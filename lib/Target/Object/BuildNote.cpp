//===- BuildNote.cpp - How to build a program with a model ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See BuildNote.h.
//
//===----------------------------------------------------------------------===//

#include "BuildNote.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/TargetParser/Triple.h"

using namespace sterna;
using llvm::StringRef;

/// {0}: name, {1}: symbol, {2}: triple, {3}: levels, {4}: platform.
static constexpr char head[] = R"(Building {0}.o into a program ({4})

Files
  {0}.o    code for {2}: {3}
  {0}.h    declares what it exports, {1}
  {0}.stn  weights, plan and tokenizer, opened when the program runs
  The object fits device binaries of the same kernels: those of this compilation,
  and of models of the same shape compiled with the same options. Others are
  refused when they are loaded.

In the program
  #include "{0}.h"
  #include "sterna/sterna.h"

  sterna_module_t *module;
  sterna_string_view_t path = {{"{0}.stn", strlen("{0}.stn")};
  sterna_status_t status = sterna_module_load_linked(path, &{1}, &module);

  From then on it is a module like any other: sterna_session_create, ... The code
  is the program's own; nothing is loaded or made executable while it runs.

With CMake; SOURCE is Sterna's source tree
  add_subdirectory(SOURCE/runtime sterna)
  target_include_directories(app PRIVATE ${{CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(app PRIVATE
    ${{CMAKE_CURRENT_SOURCE_DIR}/{0}.o sterna_runtime)

)";

static constexpr char linuxNote[] = R"(By hand; BUILD is a build of Sterna
  cc -c app.c -ISOURCE/runtime/include
  c++ app.o {0}.o -LBUILD/runtime -lsterna_runtime -lsterna_text \
    -lsterna_io -lsterna_arm_core -lpthread -ldl
)";

static constexpr char androidNote[] = R"(With the NDK
  cmake -DCMAKE_TOOLCHAIN_FILE=NDK/build/cmake/android.toolchain.cmake \
    -DANDROID_ABI=arm64-v8a -DANDROID_PLATFORM=android-30 ...
  The same two settings go into externalNativeBuild of a Gradle project. The code
  has no fixed addresses and no alignment beyond that of data: any page size does.

  Sterna's runtime is written for Android's C library, but was not built with the
  NDK yet.

Where {0}.stn goes
  A path is needed, and what is in an APK has none: copy it from the assets, or
  the network, to the folder that Context.getFilesDir() names.
)";

static constexpr char appleNote[] = R"(With Xcode
  Add {0}.o under Link Binary With Libraries, SOURCE/runtime/include to Header
  Search Paths, and {0}.stn under Copy Bundle Resources; its path is
  [NSBundle.mainBundle pathForResource:@"{0}" ofType:@"stn"].

By hand; SDK is iphoneos or macosx
  xcrun --sdk SDK clang -arch arm64 -c app.c -ISOURCE/runtime/include
  xcrun --sdk SDK clang++ -target {2} app.o {0}.o \
    -lsterna_runtime -lsterna_text -lsterna_io -lsterna_arm_core

  Sterna's runtime was not built for these systems yet: where it loads code and
  asks for the CPU's features, it knows Linux alone.
)";

static const char *noteOf(const llvm::Triple &triple) {
  if (triple.isAndroid())
    return androidNote;
  return triple.isOSDarwin() ? appleNote : linuxNote;
}

void sterna::writeBuildNote(llvm::raw_ostream &out, StringRef name,
                            StringRef symbol, const cpu::LinkedObject &object,
                            const cpu::Platform &platform) {
  std::string levels;
  for (const CodeObject &code : object.code)
    levels += (levels.empty() ? "" : ", ") + code.target;
  for (const char *part : {head, noteOf(llvm::Triple(platform.triple))})
    out << llvm::formatv(part, name, symbol, platform.triple, levels,
                         platform.name);
}
