//===- ProgramPicture.cpp - A program's arena as SVG ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ProgramPicture.h.
//
//===----------------------------------------------------------------------===//

#include "ProgramPicture.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace sterna;

//===----------------------------------------------------------------------===//
// Following buffers
//===----------------------------------------------------------------------===//

namespace {

class Follower {
public:
  explicit Follower(const SymbolTable &symbols) : symbols(symbols) {}

  ArenaHistory run(plan::ProgramOp program) {
    history.arenaBytes = program.getArenaBytes();
    for (auto launch : program.getBody().getOps<plan::LaunchOp>())
      follow(launch);
    findPeak();
    return std::move(history);
  }

private:
  void follow(plan::LaunchOp launch) {
    auto kernel = symbols.lookup<plan::KernelOp>(launch.getKernel());
    int64_t step = history.launches++;
    unsigned read = kernel.getBodyBlock()->getNumArguments();
    std::string origin = plan::describeOrigin(launch.getLoc());
    // Of a plan that was read from text.
    if (!launch.getLoc()->findInstanceOf<NameLoc>())
      origin = plan::getOrigin(kernel);
    for (auto [number, operand] : llvm::enumerate(launch.getBuffers())) {
      auto buffer = operand.getDefiningOp<plan::BufferOp>();
      if (buffer.getSpace() != plan::Space::arena)
        continue;
      if (number < read)
        extend(buffer, step);
      else
        history.tensors.push_back({int64_t(buffer.getOffset()),
                                   buffer.getBytes(), step, step, kernel,
                                   origin, cast<MemRefType>(buffer.getType())});
    }
  }

  /// A tensor that is read is the last that was written there, or a part of it.
  void extend(plan::BufferOp buffer, int64_t step) {
    int64_t begin = buffer.getOffset(), end = begin + buffer.getBytes();
    for (ArenaTensor &tensor : llvm::reverse(history.tensors))
      if (tensor.offset < end && begin < tensor.offset + tensor.bytes) {
        tensor.last = step;
        return;
      }
  }

  void findPeak() {
    std::vector<int64_t> change(history.launches + 1);
    for (const ArenaTensor &tensor : history.tensors) {
      change[tensor.first] += tensor.bytes;
      change[tensor.last + 1] -= tensor.bytes;
    }
    int64_t live = 0;
    for (int64_t step = 0; step < history.launches; ++step)
      if ((live += change[step]) > history.peakBytes) {
        history.peakBytes = live;
        history.peak = step;
      }
  }

  const SymbolTable &symbols;
  ArenaHistory history;
};

/// The ops of kernels of one kind: "rms_norm" of @rms_norm_33 and of its
/// variant @rms_norm_33_0.
StringRef kindOf(plan::KernelOp kernel) {
  return kernel.getSymName().rtrim("_0123456789");
}

} // namespace

ArenaHistory sterna::followArena(plan::ProgramOp program,
                                 const SymbolTable &symbols) {
  return Follower(symbols).run(program);
}

std::string sterna::formatSize(int64_t bytes) {
  static constexpr const char *units[] = {"B", "KiB", "MiB", "GiB"};
  double value = double(bytes);
  unsigned unit = 0;
  for (; value >= 1024 && unit < 3; ++unit)
    value /= 1024;
  std::string text;
  llvm::raw_string_ostream(text)
      << llvm::format(unit == 0 ? "%.0f " : "%.1f ", value) << units[unit];
  return text;
}

std::string sterna::describe(const ArenaTensor &tensor) {
  std::string text;
  llvm::raw_string_ostream os(text);
  plan::KernelOp maker = tensor.maker;
  os << kindOf(maker);
  if (!tensor.origin.empty())
    os << " of " << tensor.origin;
  os << ", ";
  for (int64_t extent : tensor.type.getShape())
    os << extent << "x";
  os << tensor.type.getElementType() << ", " << formatSize(tensor.bytes);
  return text;
}

std::string sterna::escapeMarkup(StringRef text) {
  // XML has no control characters, and all of it must be UTF-8.
  std::string clean = llvm::json::fixUTF8(text);
  for (char &c : clean)
    if ((static_cast<unsigned char>(c) < 0x20 || c == 0x7f) && c != '\n')
      c = '?';
  std::string escaped;
  llvm::raw_string_ostream os(escaped);
  llvm::printHTMLEscaped(clean, os);
  return escaped;
}

//===----------------------------------------------------------------------===//
// Drawing
//===----------------------------------------------------------------------===//

namespace {

/// The ten kinds that fill the most, in order, have colours of their own.
constexpr const char *colours[] = {"#4e79a7", "#f28e2b", "#59a14f", "#e15759",
                                   "#76b7b2", "#edc948", "#b07aa1", "#ff9da7",
                                   "#9c755f", "#86bcb6"};
constexpr const char *otherColour = "#bab0ac";

class Drawing {
public:
  Drawing(const ArenaHistory &history, StringRef program)
      : history(history), program(program), os(text) {
    for (const ArenaTensor &tensor : history.tensors)
      kinds[kindOf(tensor.maker)] +=
          double(tensor.bytes) * double(tensor.last + 1 - tensor.first);
    ranked.assign(kinds.begin(), kinds.end());
    llvm::stable_sort(ranked, [](const auto &x, const auto &y) {
      return x.second > y.second;
    });
  }

  std::string run() {
    os << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << width
       << " " << height << "\" font-family=\"sans-serif\" font-size=\"12\">\n"
       << "<title>Arena of " << escapeMarkup(program) << "</title>\n";
    axes();
    for (const ArenaTensor &tensor : history.tensors)
      rectangle(tensor);
    peak();
    legend();
    os << "</svg>\n";
    return text;
  }

private:
  static constexpr double width = 1100, height = 500;
  static constexpr double left = 80, right = 1090, top = 30, bottom = 420;

  double x(int64_t launch) const {
    return left + (right - left) * double(launch) /
                      double(std::max<int64_t>(history.launches, 1));
  }
  double y(int64_t byte) const {
    return bottom - (bottom - top) * double(byte) /
                        double(std::max<int64_t>(history.arenaBytes, 1));
  }
  static std::string number(double value) {
    std::string digits;
    llvm::raw_string_ostream(digits) << llvm::format("%.2f", value);
    return digits;
  }

  void label(double atX, double atY, StringRef anchor, StringRef words) {
    os << "<text x=\"" << number(atX) << "\" y=\"" << number(atY)
       << "\" text-anchor=\"" << anchor << "\">" << escapeMarkup(words)
       << "</text>\n";
  }

  void line(double x1, double y1, double x2, double y2, StringRef style) {
    os << "<line x1=\"" << number(x1) << "\" y1=\"" << number(y1) << "\" x2=\""
       << number(x2) << "\" y2=\"" << number(y2) << "\" " << style << "/>\n";
  }

  void axes() {
    constexpr int64_t ticks = 4;
    for (int64_t tick = 0; tick <= ticks; ++tick) {
      int64_t bytes = history.arenaBytes * tick / ticks;
      line(left, y(bytes), right, y(bytes), "stroke=\"#ddd\"");
      label(left - 6, y(bytes) + 4, "end", formatSize(bytes));
      int64_t launch = history.launches * tick / ticks;
      label(x(launch), bottom + 16, "middle", std::to_string(launch));
    }
    label((left + right) / 2, bottom + 32, "middle", "launch");
  }

  StringRef colourOf(StringRef kind) const {
    for (auto [entry, colour] : llvm::zip(ranked, colours))
      if (entry.first == kind)
        return colour;
    return otherColour;
  }

  void rectangle(const ArenaTensor &tensor) {
    double begin = x(tensor.first), end = x(tensor.last + 1);
    double high = y(tensor.offset + tensor.bytes), low = y(tensor.offset);
    os << "<rect x=\"" << number(begin) << "\" y=\"" << number(high)
       << "\" width=\"" << number(end - begin) << "\" height=\""
       << number(low - high) << "\" fill=\"" << colourOf(kindOf(tensor.maker))
       << "\"><title>" << escapeMarkup(describe(tensor)) << "\nlaunches "
       << tensor.first << " to " << tensor.last << ", at byte " << tensor.offset
       << "</title></rect>\n";
  }

  void peak() {
    double middle = (x(history.peak) + x(history.peak + 1)) / 2;
    line(middle, top, middle, bottom,
         "class=\"peak\" stroke=\"#000\" stroke-dasharray=\"4 3\"");
    label(std::min(std::max(middle, left + 110), right - 110), top - 10,
          "middle",
          "peak: " + formatSize(history.peakBytes) + " at launch " +
              std::to_string(history.peak));
  }

  void legend() {
    double at = left;
    auto entry = [&](StringRef colour, StringRef name) {
      os << "<rect x=\"" << number(at) << "\" y=\"" << number(bottom + 52)
         << "\" width=\"12\" height=\"12\" fill=\"" << colour << "\"/>\n";
      label(at + 16, bottom + 62, "start", name);
      at += 34 + 7 * double(name.size());
    };
    for (auto [kind, colour] : llvm::zip(ranked, colours))
      if (at + 34 + 7 * double(kind.first.size()) < right - 60)
        entry(colour, kind.first);
    if (ranked.size() > std::size(colours))
      entry(otherColour, "other");
  }

  const ArenaHistory &history;
  StringRef program;
  llvm::MapVector<StringRef, double> kinds;
  std::vector<std::pair<StringRef, double>> ranked;
  std::string text;
  llvm::raw_string_ostream os;
};

} // namespace

std::string sterna::drawArena(const ArenaHistory &history, StringRef program) {
  return Drawing(history, program).run();
}
