//===- ConformanceTest.cpp - Every op on every target ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each case on each target, and in the end a table of what each supports. Cases
// are compared with the reference decomposition, so that targets whose results
// must have the same bits as it have the same bits as each other.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"

#include "vulkan/VulkanInstance.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <gtest/gtest.h>

using namespace sterna;
using namespace sterna::test;

namespace {

/// Every level of this machine, the portable tier on one, and Vulkan.
std::vector<Target> listTargets() {
  std::vector<Target> targets;
  for (const cpu::Level *level : cpu::getHostLevels()) {
    std::string name = level->name.str();
    std::replace(name.begin(), name.end(), '-', '_');
    targets.push_back({name, level, true});
  }
  targets.push_back({"portable", cpu::getHostLevels().back(), false});
  targets.push_back({"vulkan", nullptr, false});
  return targets;
}

/// What became of the cases of one family on one target.
struct Cell {
  unsigned passed = 0, failed = 0, unsupported = 0, skipped = 0;
  /// Root mean square, relative.
  double worst = 0;
};

/// Prints the table after the last case.
class Table : public testing::Environment {
public:
  static std::map<std::pair<std::string, std::string>, Cell> cells;

  void TearDown() override {
    std::string family;
    for (const auto &[key, cell] : cells) {
      if (key.first != family)
        std::printf("%s%s\n", family.empty() ? "\n" : "", key.first.c_str());
      family = key.first;
      std::printf("  %-14s", key.second.c_str());
      for (auto [count, what] : {std::pair(cell.passed, "pass"),
                                 {cell.failed, "FAIL"},
                                 {cell.unsupported, "unsupported"},
                                 {cell.skipped, "skipped"}})
        if (count)
          std::printf(" %3u %s", count, what);
      std::printf(cell.passed + cell.failed ? "  error %.1e\n" : "\n",
                  cell.worst);
    }
  }
};

std::map<std::pair<std::string, std::string>, Cell> Table::cells;

[[maybe_unused]] auto *table = testing::AddGlobalTestEnvironment(new Table);

/// Why there is no device for `target`; empty if there is one.
std::string whyAbsent(const Target &target) {
  if (target.level)
    return "";
  static auto instance = VulkanInstance::create();
  return instance.ok() ? "" : instance.message();
}

class Conformance : public testing::TestWithParam<std::tuple<Case, Target>> {};

TEST_P(Conformance, AgreesWithReference) {
  const auto &[c, target] = GetParam();
  Cell &cell = Table::cells[{c.family, target.name}];
  if (std::string reason = whyAbsent(target); !reason.empty()) {
    ++cell.skipped;
    GTEST_SKIP() << reason;
  }
  static Harness harness;
  std::string reason = whyUnsupported(c.name()), error;
  auto difference = harness.run(c, target, error);
  double bound = c.tolerance;
  bool agrees = difference && difference->unequal.empty() &&
                difference->meanSquare <= bound * bound &&
                difference->largest <= 10 * bound;
  if (difference)
    cell.worst = std::max(cell.worst, std::sqrt(difference->meanSquare));
  // What cannot be computed must be refused, never computed wrongly.
  if (!difference && !reason.empty()) {
    ++cell.unsupported;
    return;
  }
  ++(agrees ? cell.passed : cell.failed);
  EXPECT_TRUE(reason.empty())
      << "is computed, but is listed as unsupported: " << reason;
  ASSERT_TRUE(difference) << error;
  EXPECT_EQ(difference->unequal, "") << "expected the same bits";
  EXPECT_LE(difference->meanSquare, bound * bound);
  EXPECT_LE(difference->largest, 10 * bound);
}

INSTANTIATE_TEST_SUITE_P(Ops, Conformance,
                         testing::Combine(testing::ValuesIn(listCases()),
                                          testing::ValuesIn(listTargets())),
                         [](const auto &info) {
                           return std::get<0>(info.param).name() + "_" +
                                  std::get<1>(info.param).name;
                         });

} // namespace
