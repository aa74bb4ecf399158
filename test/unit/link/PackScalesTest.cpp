//===- PackScalesTest.cpp - Tests of streamed scales ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// #tern.ternary_scales: which scale belongs to which row and group, and IR that
// does not fit its file.
//
//===----------------------------------------------------------------------===//

#include "../io/TemporaryFolder.h"
#include "sterna/Dialect/Tern/IR/Tern.h"
#include "sterna/Target/DeviceBinary/DeviceBinary.h"

#include "mlir/IR/Builders.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include "gtest/gtest.h"

#include <cstring>
#include <limits>

using namespace mlir;
using namespace sterna;

namespace {

/// A file of f32: four factors, then a matrix of 4 rows and 96 columns whose
/// scale in row r and columns 32 g on is 10 r + g + 1.
class PackScalesTest : public testing::Test {
protected:
  PackScalesTest() {
    context.loadDialect<tern::TernDialect>();
    path = folder.path("source.bin");
    std::vector<float> numbers{1, 2, 3, 4};
    for (int row = 0; row < 4; ++row)
      for (int column = 0; column < 96; ++column) {
        int group = column / 32;
        numbers.push_back(float(10 * row + group + 1) * float(column % 3 - 1));
      }
    write(numbers);
  }

  void write(const std::vector<float> &numbers) {
    std::error_code code;
    llvm::raw_fd_ostream file(path, code);
    file.write(reinterpret_cast<const char *>(numbers.data()),
               numbers.size() * sizeof(float));
  }

  /// The scales as text, or what is wrong. `order` and `rest` complete the
  /// descriptions of the matrix and of its scales.
  std::string pack(const char *type, const char *order, const char *rest) {
    std::string text =
        llvm::formatv("tern.param @s : tensor<{0}> from #tern.ternary_scales<"
                      "of = #tern.file<path = \"{1}\", offset = 16, storage = "
                      "f32{2}>, columns = 96, {3}>",
                      type, path, order, rest);
    size_t at;
    while ((at = text.find("FACTORS")) != std::string::npos)
      text.replace(at, 7,
                   "factors = #tern.file<path = \"" + path +
                       "\", offset = 0, storage = f32>, numFactors");
    auto module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return "does not parse";
    std::string bytes;
    llvm::raw_string_ostream out(bytes);
    LinkReport report;
    if (llvm::Error error =
            packParameter(&module->getBody()->front(), out, report))
      return llvm::toString(std::move(error));
    std::vector<float> scales(bytes.size() / sizeof(float));
    std::memcpy(scales.data(), bytes.data(), bytes.size());
    return llvm::formatv("{0:$[ ]}",
                         llvm::make_range(scales.begin(), scales.end()));
  }

  void expectError(const char *type, const char *order, const char *rest,
                   const char *part) {
    std::string found = pack(type, order, rest);
    EXPECT_NE(found.find(part), std::string::npos) << found;
  }

  MLIRContext context;
  // Tests run beside each other.
  TemporaryFolder folder;
  std::string path;
};

TEST_F(PackScalesTest, GroupsOfRowsInTheirOrder) {
  EXPECT_EQ(pack("4x3xf32", "", "group = 32"),
            "1.00 2.00 3.00 11.00 12.00 13.00 21.00 22.00 23.00 31.00 32.00 "
            "33.00");
  // One head of four rows: 0 and 2 come first.
  EXPECT_EQ(
      pack("4x3xf32", ", interleavedHeads = 1", "group = 32, FACTORS = 4"),
      "1.00 2.00 3.00 63.00 66.00 69.00 22.00 24.00 26.00 124.00 128.00 "
      "132.00");
  EXPECT_EQ(pack("4x3xf32", "", "group = 32, FACTORS = 1"),
            pack("4x3xf32", "", "group = 32"));
}

/// The 12 numbers from the start of the file, the four factors and the first of
/// the matrix, taken as factors of 4 rows of 3 groups.
TEST_F(PackScalesTest, FactorsOfRowsAndGroupsInTheOrderOfRows) {
  std::vector<float> numbers{2, 3, 5, 7};
  for (int row = 0; row < 4; ++row)
    for (int column = 0; column < 96; ++column)
      // Row 3 has no weight in its last group.
      numbers.push_back(row == 3 && column >= 64 ? 0.0F
                                                 : float(column % 3 - 1));
  for (int i = 4; i < 12; ++i)
    numbers[i] = numbers[i] < 0 ? -1 : numbers[i] > 0 ? 1 : 0;
  write(numbers);
  // Factors: 2 3 5, 7 -1 0, 1 -1 0, 1 -1 0; all trits have magnitude 1.
  EXPECT_EQ(pack("4x3xf32", "", "group = 32, FACTORS = 12"),
            "2.00 3.00 5.00 7.00 -1.00 0.00 1.00 -1.00 0.00 1.00 -1.00 0.00");
  EXPECT_EQ(
      pack("4x3xf32", ", interleavedHeads = 1", "group = 32, FACTORS = 12"),
      "2.00 3.00 5.00 1.00 -1.00 0.00 7.00 -1.00 0.00 1.00 -1.00 0.00");
  // A group that is a row: as many factors as rows.
  EXPECT_EQ(pack("4xf32", "", "group = 96, FACTORS = 4"),
            "2.00 3.00 5.00 7.00");
  // Two factors of one group short of the matrix's are none of the three.
  for (const char *count :
       {"group = 32, FACTORS = 8", "group = 32, FACTORS = 2",
        "group = 32, FACTORS = 24"})
    EXPECT_EQ(pack("4x3xf32", "", count), "does not parse");
}

/// The rows of a matrix of factors are read one by one: one that is not finite
/// is found.
TEST_F(PackScalesTest, RefusesBadMatricesOfFactors) {
  std::vector<float> numbers(4 + 4 * 96, 1.0F);
  numbers[3] = std::numeric_limits<float>::quiet_NaN();
  write(numbers);
  expectError("4x3xf32", "", "group = 32, FACTORS = 12", "one of row 1 is nan");
}

TEST_F(PackScalesTest, ScaleOfQuantizationTimesFactors) {
  // The mean is f32's; all rows have the same scale.
  std::string one = pack("4xf32", ", quantize = true", "group = 96");
  EXPECT_EQ(one, "11.33 11.33 11.33 11.33");
  EXPECT_EQ(pack("4xf32", ", quantize = true", "group = 96, FACTORS = 4"),
            "11.33 22.67 34.00 45.33");
}

TEST_F(PackScalesTest, RefusesWhatDoesNotFit) {
  const char *shape = "expected scales of f32, 3 in each row";
  expectError("f32", "", "group = 32", "expected rows, but got a scalar");
  expectError("4xf32", "", "group = 32", shape);
  expectError("4x2xf32", "", "group = 32", shape);
  expectError("4x3xf64", "", "group = 32", shape);
  expectError("5x3xf32", "", "group = 32", "but the file ends at");
  expectError("4xf32", "", "group = 96", "is not ternary in groups of 96");
  expectError("4x6xf32", "", "group = 16", "expected a group of a multiple of");
  expectError("4x3xf32", "", "group = 32, FACTORS = 3", "does not parse");
  for (const char *heads :
       {", interleavedHeads = 3", ", interleavedHeads = 4",
        ", interleavedHeads = 100", ", interleavedHeads = -1"})
    expectError("4x3xf32", heads, "group = 32", "heads of an even size");
  std::vector<float> large(4 + 4 * 96, 1e30F);
  write(large);
  expectError("4xf32", "", "group = 96, FACTORS = 4", "one of row 0 is inf");
}

} // namespace
