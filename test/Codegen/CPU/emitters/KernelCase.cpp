//===- KernelCase.cpp - A product with its data and reference -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See KernelCase.h.
//
//===----------------------------------------------------------------------===//

#include "KernelCase.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <cstring>
#include <random>

using namespace sterna::cpu;

namespace {

using Matrix = std::vector<double>;

std::string shape(int64_t rows, int64_t columns, const std::string &element) {
  return "tensor<" + std::to_string(rows) + "x" + std::to_string(columns) +
         "x" + element + ">";
}

const llvm::fltSemantics &semanticsOf(const std::string &element) {
  return element == "f16" ? llvm::APFloat::IEEEhalf() : llvm::APFloat::BFloat();
}

/// Stores `values` as elements of a type, and rounds them to what was stored.
std::vector<char> encode(Matrix &values, const std::string &element) {
  std::vector<char> bytes;
  auto append = [&](const void *data, size_t size) {
    const char *first = static_cast<const char *>(data);
    bytes.insert(bytes.end(), first, first + size);
  };
  for (double &value : values) {
    if (element == "i8" || element == "i1") {
      auto stored = int8_t(value);
      append(&stored, 1);
    } else if (element == "i16") {
      auto stored = int16_t(value);
      append(&stored, 2);
    } else if (element == "f32") {
      auto stored = float(value);
      value = stored;
      append(&stored, 4);
    } else {
      llvm::APFloat stored(value);
      bool lost;
      stored.convert(semanticsOf(element),
                     llvm::RoundingMode::NearestTiesToEven, &lost);
      auto bits = uint16_t(stored.bitcastToAPInt().getZExtValue());
      append(&bits, 2);
      value = stored.convertToDouble();
    }
  }
  return bytes;
}

/// Packs trits in #tern.panel<rows = 8, columns = blockColumns>.
std::vector<char> packTrits(const Matrix &trits, int64_t rows, int64_t columns,
                            int64_t blockColumns) {
  int64_t panels = llvm::divideCeil(rows, 8);
  int64_t blocks = llvm::divideCeil(columns, blockColumns);
  std::vector<char> bytes(panels * blocks * 32);
  for (int64_t byte = 0; byte < int64_t(bytes.size()); ++byte) {
    int64_t row = byte / 32 / blocks * 8 + byte % 32 / 4;
    int64_t first = byte / 32 % blocks * blockColumns + byte % 4;
    int value = 0;
    for (int64_t j = 0; j < blockColumns / 4; ++j) {
      int64_t column = first + 4 * j;
      int code = row < rows && column < columns
                     ? int(trits[row * columns + column]) + 1
                     : 1;
      value = blockColumns == 20 ? 3 * value + code : value | code << (2 * j);
    }
    bytes[byte] = char(
        blockColumns == 20 ? int(std::ceil(value * 256.0 / 243)) - 128 : value);
  }
  return bytes;
}

/// Writes the kernel's text and operands side by side.
class Writer {
public:
  explicit Writer(const KernelCase &c) : c(c) {}

  KernelData write(bool withReference) {
    std::string result = shape(c.m, c.n, "f32");
    std::string left = addMatrix(a, c.leftTransposed ? c.k : c.m,
                                 c.leftTransposed ? c.m : c.k, c.left);
    std::string body = c.root == Root::matmul     ? matmul(left, result)
                       : c.root == Root::gradient ? gradient(left, result)
                                                  : ternary(left, result);
    std::string yielded = "%p";
    bool residual = c.end == End::residual;
    if (residual) {
      body += epilogue(result);
      yielded = "%y";
    } else {
      data.result = data.buffers.size();
      data.buffers.emplace_back(c.m * c.n * 4);
    }
    data.source = "plan.kernel @k tied [" +
                  std::to_string(residual ? int(data.result) : -1) +
                  "] {\n^bb0(" + arguments + "):\n" + body + "  plan.yield " +
                  yielded + " : " + result + "\n}\n";
    for (std::vector<char> &buffer : data.buffers)
      data.pointers.push_back(buffer.data());
    if (withReference)
      compute();
    return std::move(data);
  }

private:
  std::string add(const std::string &type, std::vector<char> bytes) {
    std::string name = "%a" + std::to_string(data.buffers.size());
    arguments += (arguments.empty() ? "" : ", ") + name + ": " + type;
    data.buffers.push_back(std::move(bytes));
    return name;
  }

  std::string addMatrix(Matrix &matrix, int64_t rows, int64_t columns,
                        const std::string &element) {
    matrix = element[0] == 'i' ? integers(rows * columns, element)
                               : random(rows * columns);
    return add(shape(rows, columns, element), encode(matrix, element));
  }

  std::string addVector(Matrix &vector, int64_t size) {
    vector = random(size);
    std::string type =
        "tensor<" + (size ? std::to_string(size) + "x" : "") + "f32>";
    if (!size)
      vector = {0.75};
    return add(type, encode(vector, "f32"));
  }

  std::string matmul(const std::string &left, const std::string &result) {
    int64_t rows = c.rightTransposed ? c.n : c.k;
    int64_t columns = c.rightTransposed ? c.k : c.n;
    std::string right = addMatrix(b, rows, columns, c.right);
    std::string init = "%z", body;
    if (c.accumulate)
      init = addMatrix(accumulated, c.m, c.n, "f32");
    else
      body = "  %c0 = arith.constant 0.0 : f32\n  %e = tensor.empty() : " +
             result +
             "\n  %z = linalg.fill ins(%c0 : f32) outs(%e : " + result +
             ") -> " + result + "\n";
    std::string maps = std::string("affine_map<(m, n, k) -> ") +
                       (c.leftTransposed ? "(k, m)" : "(m, k)") +
                       ">, affine_map<(m, n, k) -> " +
                       (c.rightTransposed ? "(n, k)" : "(k, n)") +
                       ">, affine_map<(m, n, k) -> (m, n)>";
    return body + "  %p = linalg.matmul indexing_maps = [" + maps + "] ins(" +
           left + ", " + right + " : " +
           shape(c.leftTransposed ? c.k : c.m, c.leftTransposed ? c.m : c.k,
                 c.left) +
           ", " + shape(rows, columns, c.right) + ") outs(" + init + " : " +
           result + ") -> " + result + "\n";
  }

  /// Adds packed trits, and keeps them in `b`; returns name and type.
  std::pair<std::string, std::string> addTrits(int64_t rows, int64_t columns) {
    b = random(rows * columns);
    for (double &trit : b)
      trit = c.trit ? c.trit : std::floor((trit + 1) * 1.5) - 1;
    std::string type = "tensor<" + std::to_string(rows) + "x" +
                       std::to_string(columns) +
                       "x!tern.trit, #tern.panel<rows = 8, columns = " +
                       std::to_string(c.blockColumns) + ">>";
    return {add(type, packTrits(b, rows, columns, c.blockColumns)), type};
  }

  /// Weights are packed as [K, N]: the sum runs over their rows.
  std::string gradient(const std::string &left, const std::string &result) {
    auto [weight, type] = addTrits(c.k, c.n);
    std::string step = addVector(steps, c.m);
    return "  %p = tern.quantized_matmul_transposed " + left + ", " + step +
           ", " + weight + " : " + shape(c.m, c.k, c.left) + ", tensor<" +
           std::to_string(c.m) + "xf32>, " + type + " -> " + result + "\n";
  }

  std::string ternary(const std::string &left, const std::string &result) {
    bool transposed = c.root == Root::ternaryTransposed;
    int64_t rows = transposed ? c.k : c.n, columns = transposed ? c.n : c.k;
    auto [weight, type] = addTrits(rows, columns);
    int64_t groups = c.group ? llvm::divideCeil(columns, c.group) : 1;
    std::string scaleType = c.scale == Scale::tensor ? "tensor<1xf32>"
                            : c.scale == Scale::row
                                ? "tensor<" + std::to_string(rows) + "xf32>"
                                : shape(rows, groups, "f32");
    Matrix scales = random(c.scale == Scale::tensor ? 1 : rows * groups);
    std::string scale = add(scaleType, encode(scales, "f32"));
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t column = 0; column < columns; ++column) {
        int64_t index = c.scale == Scale::tensor ? 0
                        : c.scale == Scale::row ? r
                                                : r * groups + column / c.group;
        b[r * columns + column] *= scales[index];
      }
    std::string attribute =
        c.group ? " {group = " + std::to_string(c.group) + " : i64}" : "";
    return "  %p = tern.matmul" +
           std::string(transposed ? "_transposed " : " ") + left + ", " +
           weight + ", " + scale + attribute + " : " + shape(c.m, c.k, c.left) +
           ", " + type + ", " + scaleType + " -> " + result + "\n";
  }

  std::string epilogue(const std::string &result) {
    std::string rows = addVector(rowFactors, c.m);
    std::string columns = addVector(columnTerms, c.n);
    std::string scalar = addVector(scalarFactor, 0);
    std::string mask = addMatrix(kept, c.m, c.n, "i1");
    data.result = data.buffers.size();
    std::string tied = addMatrix(residual, c.m, c.n, "f32");
    std::string text = "  %e1 = tensor.empty() : " + result + "\n";
    auto broadcast = [&](const char *name, const std::string &value,
                         const std::string &type, const char *dimensions) {
      text += std::string("  ") + name + " = linalg.broadcast ins(" + value +
              " : tensor<" + type + "f32>) outs(%e1 : " + result +
              ") dimensions = [" + dimensions + "]\n";
    };
    broadcast("%rows", rows, std::to_string(c.m) + "x", "1");
    broadcast("%columns", columns, std::to_string(c.n) + "x", "0");
    broadcast("%scalar", scalar, "", "0, 1");
    auto binary = [&](const char *name, const char *op, const std::string &x,
                      const std::string &y) {
      text += std::string("  ") + name + " = arith." + op + " " + x + ", " + y +
              " : " + result + "\n";
    };
    text += "  %c = arith.constant dense<0.5> : tensor<f32>\n";
    broadcast("%half", "%c", "", "0, 1");
    binary("%y0", "mulf", "%p", "%rows");
    binary("%y1", "mulf", "%y0", "%scalar");
    binary("%y2", "mulf", "%y1", "%half");
    binary("%y3", "addf", "%y2", "%columns");
    text += "  %y4 = arith.select " + mask +
            ", %y3, %half : " + shape(c.m, c.n, "i1") + ", " + result + "\n";
    binary("%y", "addf", tied, "%y4");
    return text;
  }

  double leftAt(int64_t m, int64_t k) {
    return c.leftTransposed ? a[k * c.m + m] : a[m * c.k + k];
  }

  double rightAt(int64_t k, int64_t n) {
    bool transposed =
        c.root == Root::matmul ? c.rightTransposed : c.root == Root::ternary;
    return transposed ? b[n * c.k + k] : b[k * c.n + n];
  }

  void compute() {
    for (int64_t m = 0; m < c.m; ++m)
      for (int64_t n = 0; n < c.n; ++n) {
        int64_t at = m * c.n + n;
        double sum = c.accumulate ? accumulated[at] : 0;
        double magnitude = std::abs(sum);
        for (int64_t k = 0; k < c.k; ++k) {
          double term = leftAt(m, k) * rightAt(k, n);
          sum += term;
          magnitude += std::abs(term);
        }
        if (c.root == Root::gradient) {
          // The sum is exact, so that one result is right.
          sum = float(sum) * float(steps[m]);
          magnitude = c.end == End::residual ? std::abs(sum) : 0;
        }
        if (c.end == End::residual) {
          double factor = rowFactors[m] * scalarFactor[0] * 0.5;
          sum = kept[at] ? sum * factor + columnTerms[n] : 0.5;
          sum += residual[at];
          magnitude += std::abs(residual[at]) + std::abs(columnTerms[n]);
        }
        data.expected.push_back(sum);
        data.magnitude.push_back(magnitude);
      }
  }

  double unit() { return double(engine() >> 8) / double(1 << 24); }

  /// In [-1, 1).
  Matrix random(int64_t size) {
    Matrix values(size);
    for (double &value : values)
      value = 2 * unit() - 1;
    return values;
  }

  /// Of the magnitudes that quantizers give; of i1, 0 or 1.
  Matrix integers(int64_t size, const std::string &element) {
    if (element == "i1") {
      Matrix values(size);
      for (double &value : values)
        value = unit() < 0.5;
      return values;
    }
    int limit = element == "i8" ? 127 : 127 * 256 + 127;
    Matrix values(size);
    for (double &value : values)
      value =
          c.integer ? c.integer : std::floor(unit() * (2 * limit + 1)) - limit;
    return values;
  }

  const KernelCase &c;
  KernelData data;
  std::string arguments;
  Matrix a, b, accumulated, steps, residual, rowFactors, columnTerms,
      scalarFactor, kept;
  std::mt19937 engine{42};
};

} // namespace

std::string KernelCase::describe() const {
  static const char *roots[] = {"matmul", "ternary", "ternary transposed",
                                "gradient"};
  static const char *scales[] = {"tensor", "row", "group"};
  std::string text = std::string(roots[int(root)]) + " " + std::to_string(m) +
                     "x" + std::to_string(n) + "x" + std::to_string(k) + " " +
                     left;
  if (root == Root::matmul)
    text += " " + right;
  else if (root != Root::gradient)
    text += std::string(" scale per ") + scales[int(scale)];
  if (group)
    text += " " + std::to_string(group);
  text += blockColumns == 20 ? " base 3" : "";
  text += leftTransposed ? " A^T" : "";
  text += rightTransposed ? " B^T" : "";
  text += accumulate ? " accumulate" : "";
  return text + (end == End::residual ? " residual" : "");
}

KernelData sterna::cpu::makeData(const KernelCase &c, bool withReference) {
  return Writer(c).write(withReference);
}
