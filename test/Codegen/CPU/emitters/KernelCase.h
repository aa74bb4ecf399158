//===- KernelCase.h - A product with its data and reference ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A product of the kind that the emitters take, written out as a plan.kernel,
// with random operands and the result of a scalar loop in f64.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TEST_CODEGEN_CPU_EMITTERS_KERNELCASE_H
#define STERNA_TEST_CODEGEN_CPU_EMITTERS_KERNELCASE_H

#include "CompiledKernel.h"

namespace sterna::cpu {

enum class Root { matmul, ternary, ternaryTransposed, gradient };
enum class Scale { tensor, row, group };
enum class End {
  none,     ///< the product
  residual, ///< tied argument + product * rows[m] * scalar * 0.5 + columns[n]
};

/// What is multiplied: C[m, n] = sum_k A(m, k) * B(k, n), then `end`.
struct KernelCase {
  Root root = Root::matmul;
  int64_t m = 1, n = 1, k = 1;
  /// Element types: "f32", "f16", "bf16"; also "i8", of A of a ternary product
  /// and of B of a matmul, and "i16", of A.
  std::string left = "f32", right = "f32";
  /// A is [K, M]; B is [N, K] (upstream matmul only).
  bool leftTransposed = false, rightTransposed = false;
  /// The product is added to an argument (upstream matmul only).
  bool accumulate = false;
  Scale scale = Scale::tensor;
  int64_t group = 0;
  /// Layout of the ternary matrix: 16, or 20 in base 3.
  int64_t blockColumns = 16;
  End end = End::none;
  /// Integers of A are all of this value, if it is not zero.
  int16_t integer = 0;
  /// All trits are of this value, if it is not zero.
  int trit = 0;

  std::string describe() const;
};

/// Operands in kernel order, and the result that a correct kernel computes.
struct KernelData {
  std::string source;
  std::vector<std::vector<char>> buffers;
  std::vector<void *> pointers;
  /// Number of the buffer that holds the result.
  unsigned result = 0;
  std::vector<double> expected;
  /// Sum of the magnitudes that make up each element: the scale of its error.
  std::vector<double> magnitude;
};

/// Writes the kernel and fills its operands. `withReference` false leaves
/// `expected` empty, for measurements.
KernelData makeData(const KernelCase &c, bool withReference = true);

} // namespace sterna::cpu

#endif // STERNA_TEST_CODEGEN_CPU_EMITTERS_KERNELCASE_H
