//===- Report.cpp - What tools say to people ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Report.h.
//
//===----------------------------------------------------------------------===//

#include "Report.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

using llvm::StringRef;
using llvm::Twine;
using namespace sterna;

static std::string toolName;
/// Whether the last line has a step without its time.
static bool isInStep = false;

static void endStep() {
  if (isInStep)
    llvm::errs() << "\n";
  isInStep = false;
}

void sterna::setToolName(StringRef name) { toolName = name.str(); }

/// Prints a message on one line, whatever names from files are in it.
static void printLine(StringRef kind, const Twine &message) {
  std::string line;
  for (char c : message.str())
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      line += "\\" + llvm::toHex(StringRef(&c, 1));
    else
      line += c;
  endStep();
  llvm::errs() << toolName << ": " << kind << ": " << line << "\n";
}

int sterna::fail(const Twine &message) {
  printLine("error", message);
  return EXIT_FAILURE;
}

void sterna::notice(const Twine &message) { printLine("notice", message); }

void sterna::note(const Twine &message) { printLine("note", message); }

void sterna::report(const Twine &message) {
  endStep();
  llvm::errs() << message << "\n";
}

Progress sterna::printProgress() {
  Progress progress;
  progress.begins = [](StringRef step) {
    llvm::errs() << llvm::left_justify(step, 15);
    isInStep = true;
  };
  progress.ends = [](StringRef, double seconds) {
    llvm::errs() << llvm::format("%8.2f s\n", seconds);
    isInStep = false;
  };
  return progress;
}

void sterna::installErrorHandler() {
  auto handler = [](void *, const char *reason, bool) {
    fail(reason);
    llvm::sys::RunInterruptHandlers(); // removes files
    std::_Exit(EXIT_FAILURE);
  };
  llvm::install_fatal_error_handler(handler);
}

//===----------------------------------------------------------------------===//
// The command line
//===----------------------------------------------------------------------===//

/// Calls `run` and returns what it writes to standard error: LLVM's parsers of
/// values take no other stream. Empty where no temporary file can be made.
static std::string captureErrors(llvm::function_ref<void()> run) {
  std::FILE *file = std::tmpfile();
  int saved = ::dup(STDERR_FILENO);
  if (!file || saved < 0 || ::dup2(::fileno(file), STDERR_FILENO) < 0) {
    run();
    return "";
  }
  run();
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  std::string text;
  std::rewind(file);
  for (int c; (c = std::fgetc(file)) != EOF;)
    text += char(c);
  std::fclose(file);
  return text;
}

/// The lines that LLVM's parser prints, each with the program's name before it,
/// as one.
static std::string joinLines(StringRef text, StringRef program) {
  std::string joined;
  llvm::SmallVector<StringRef> lines;
  text.split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef line : lines) {
    line.consume_front(program);
    line.consume_front(": ");
    line = line.trim().rtrim("!.");
    joined += (joined.empty() ? "" : "; ") + line.str();
  }
  if (!joined.empty())
    joined[0] = llvm::toLower(joined[0]);
  return joined;
}

std::string sterna::parseCommandLine(int argc, char **argv,
                                     StringRef overview) {
  bool parsed = false;
  std::string text;
  llvm::raw_string_ostream errors(text);
  std::string values = captureErrors([&] {
    parsed = llvm::cl::ParseCommandLineOptions(argc, argv, overview, &errors);
  });
  if (parsed)
    return "";
  StringRef program = argv[0];
  program = program.substr(program.rfind('/') + 1);
  std::string problem = joinLines(values + text, program);
  return problem.empty() ? "the command line cannot be parsed" : problem;
}
