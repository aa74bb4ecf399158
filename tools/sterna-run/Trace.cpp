//===- Trace.cpp - A profile for a trace viewer ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the JSON that chrome://tracing and ui.perfetto.dev read, event by
// event: a profile can have a million of them.
//
//===----------------------------------------------------------------------===//

#include "ProfileReport.h"
#include "Report.h"
#include "io/File.h"

using namespace sterna;

namespace {

/// `json` as text, whatever bytes the names in a module are.
std::string textOf(const Json &json) {
  return json.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/false,
                   Json::error_handler_t::replace);
}

class TraceWriter {
public:
  TraceWriter(const Profile &profile, AtomicFile &file)
      : profile(profile), file(file) {}

  Status write();

private:
  void describeThreads();
  void describeKernels();
  void writeRun(size_t index);
  void writeThread(size_t index, unsigned thread);

  /// Adds an event from `begin` to `end` on a thread. `rest` is what the event
  /// has besides, members and a comma each.
  void addEvent(unsigned thread, uint64_t begin, uint64_t end,
                const std::string &rest);
  /// The same where a thread waits; nothing where it does not.
  void addWait(unsigned thread, uint64_t begin, uint64_t end, const char *what);
  void add(const std::string &event);
  void flush();

  const Profile &profile;
  AtomicFile &file;
  std::string buffer;
  Status status;
  bool first = true;
  uint64_t origin = 0;
  std::vector<std::string> names; // members that every event of a kernel has
  std::vector<std::string> facts; // the same in its arguments
};

Status TraceWriter::write() {
  buffer = "{\"displayTimeUnit\":\"ms\",\"otherData\":" +
           textOf({{"dropped_runs", profile.dropped()}}) + ",\"traceEvents\":[";
  describeThreads();
  describeKernels();
  if (!profile.runs().empty())
    origin = profile.runs().front().begin;
  for (size_t i = 0; i < profile.runs().size(); ++i)
    writeRun(i);
  buffer += "\n]}\n";
  flush();
  return status;
}

void TraceWriter::describeThreads() {
  const Profile::Subject &subject = profile.subject();
  std::string process = subject.module->model().name()->str() + " on " +
                        subject.device + " (" + subject.code->target()->str() +
                        ")";
  add(textOf({{"ph", "M"},
              {"pid", 1},
              {"tid", 0},
              {"name", "process_name"},
              {"args", {{"name", process}}}}));
  for (unsigned thread = 0; thread < subject.threads; ++thread)
    add(textOf({{"ph", "M"},
                {"pid", 1},
                {"tid", thread},
                {"name", "thread_name"},
                {"args", {{"name", "thread " + std::to_string(thread)}}}}));
}

void TraceWriter::describeKernels() {
  const Profile::Subject &subject = profile.subject();
  uint32_t index = 0;
  for (const format::Kernel *kernel :
       orEmpty(subject.module->plan().kernels())) {
    const format::KernelCode &code = *subject.code->kernels()->Get(index++);
    Json fact = {{"grid", code.workgroups()},
                 {"tier", code.tuned() ? "tuned" : "portable"}};
    if (kernel->location() && kernel->location()->size() > 0)
      fact["location"] = kernel->location()->str();
    std::string text = textOf(fact);
    facts.push_back(text.substr(1, text.size() - 2));
    names.push_back("\"name\":" + textOf(kernel->name()->str()) +
                    ",\"cat\":\"kernel\",");
  }
}

void TraceWriter::writeRun(size_t index) {
  for (unsigned thread = 0; thread < profile.subject().threads; ++thread)
    writeThread(index, thread);
}

void TraceWriter::writeThread(size_t index, unsigned thread) {
  const ProfileRun &run = profile.runs()[index];
  const format::Program &program = profile.program(run.program);
  std::string args = "\"args\":{\"program\":" + textOf(program.name()->str()) +
                     ",\"run\":" + std::to_string(index);
  addEvent(thread, run.begin, run.end,
           "\"name\":" + textOf(program.name()->str()) +
               ",\"cat\":\"program\"," + args + "},");
  const ProfileSpan *spans = profile.spans(run, thread);
  uint64_t previous = run.begin;
  bool mayWait = false; // a barrier came since the last kernel
  for (uint32_t i = 0; i < run.dispatches; ++i) {
    const format::Dispatch &dispatch = *program.dispatches()->Get(i);
    mayWait |= dispatch.barrier();
    if (spans[i].workgroups == 0)
      continue;
    if (previous == run.begin)
      addWait(thread, previous, spans[i].begin, "wait for the start");
    else if (mayWait)
      addWait(thread, previous, spans[i].begin, "wait at a barrier");
    mayWait = false;
    addEvent(thread, spans[i].begin, spans[i].end,
             names[dispatch.kernel()] + args +
                 ",\"dispatch\":" + std::to_string(i) +
                 ",\"workgroups\":" + std::to_string(spans[i].workgroups) +
                 "," + facts[dispatch.kernel()] + "},");
    previous = spans[i].end;
  }
  addWait(thread, previous, run.end, "wait for the end");
}

void TraceWriter::addEvent(unsigned thread, uint64_t begin, uint64_t end,
                           const std::string &rest) {
  // Microseconds, exact to the nanosecond: events that touch do not overlap.
  auto micros = [](uint64_t time) {
    return formatText("%llu.%03llu", (unsigned long long)(time / 1000),
                      (unsigned long long)(time % 1000));
  };
  add("{" + rest + "\"ph\":\"X\",\"pid\":1,\"tid\":" + std::to_string(thread) +
      ",\"ts\":" + micros(begin - origin) + ",\"dur\":" + micros(end - begin) +
      "}");
}

void TraceWriter::addWait(unsigned thread, uint64_t begin, uint64_t end,
                          const char *what) {
  if (begin < end)
    addEvent(thread, begin, end,
             std::string("\"name\":\"") + what + "\",\"cat\":\"wait\",");
}

void TraceWriter::add(const std::string &event) {
  buffer += first ? "\n" : ",\n";
  buffer += event;
  first = false;
  if (buffer.size() > (1 << 20))
    flush();
}

void TraceWriter::flush() {
  if (status.ok())
    status = file.write(buffer.data(), buffer.size());
  buffer.clear();
}

} // namespace

Status sterna::writeTrace(const Profile &profile, const std::string &path) {
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file.ok())
    return file.status();
  if (Status status = TraceWriter(profile, *file).write(); !status.ok())
    return status;
  return file->commit();
}
