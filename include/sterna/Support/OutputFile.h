//===- OutputFile.h - Outputs of the compiler -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The runtime's AtomicFile as a stream of LLVM: every output of the compiler is
// written whole or not at all, to whatever is at its path.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_SUPPORT_OUTPUTFILE_H
#define STERNA_SUPPORT_OUTPUTFILE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <memory>
#include <string>

namespace sterna {

class AtomicFile;

/// One output. Destroyed without commit(), it leaves nothing behind. Errors of
/// its stream are kept until flush() or commit() tells them.
class OutputFile {
public:
  /// Opens the output at `path`, "-" being standard output. Who may read an
  /// executable may run it.
  static llvm::Expected<std::unique_ptr<OutputFile>>
  create(llvm::StringRef path, bool executable = false);

  /// Fails where create() would, without opening what is there: compiling in
  /// vain can take minutes.
  static llvm::Error check(llvm::StringRef path);

  ~OutputFile();

  /// The stream, which can go back to what it has written.
  llvm::raw_fd_ostream &os() { return *stream; }

  /// Brings what was written to the disk, which may turn out to be full.
  llvm::Error flush();

  /// Flushes and gives the file its name. Call once, last.
  llvm::Error commit();

private:
  OutputFile(llvm::StringRef path);
  llvm::Error open(bool executable);
  llvm::Error spool();
  llvm::Error copySpool();
  llvm::Error failure(std::error_code code) const;

  std::string path;
  std::unique_ptr<AtomicFile> file;             // null: standard output
  std::unique_ptr<llvm::raw_fd_ostream> stream; // into file or its spool
  int spoolDescriptor = -1;                     // closed by the stream
};

} // namespace sterna

#endif // STERNA_SUPPORT_OUTPUTFILE_H
