//===- ArmCoreTest.cpp - Which level a core runs --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The choice between dot and matrix products, by the core's identity.
//
//===----------------------------------------------------------------------===//

#include "cpu/ArmCore.h"

#include <gtest/gtest.h>

using namespace sterna;

namespace {

const std::vector<std::string> plain = {"neon"};
const std::vector<std::string> dotprod = {"neon", "dotprod"};
const std::vector<std::string> i8mm = {"neon", "dotprod", "i8mm"};

bool prefersMatrices(std::optional<ArmCore> core) {
  // Whatever the core, dot products are better than none.
  EXPECT_GT(preference(dotprod, core), preference(plain, core));
  return preference(i8mm, core) > preference(dotprod, core);
}

TEST(ArmCore, CoresThatMultiplyMatricesFaster) {
  for (uint32_t part : {0xd40u, 0xd46u, 0xd47u, 0xd48u, 0xd49u, 0xd4fu})
    EXPECT_TRUE(prefersMatrices(ArmCore{0x41, part})) << part;
}

TEST(ArmCore, CoresThatDoNot) {
  for (uint32_t part = 0x042; part <= 0x049; ++part)
    EXPECT_FALSE(prefersMatrices(ArmCore{0x61, part})) << part;
  EXPECT_FALSE(prefersMatrices(ArmCore{0x51, 0x001}));
}

TEST(ArmCore, TheSamePartOfAnotherImplementer) {
  EXPECT_TRUE(prefersMatrices(ArmCore{0x41, 0x042}));
  EXPECT_TRUE(prefersMatrices(ArmCore{0x61, 0x001}));
  EXPECT_TRUE(prefersMatrices(ArmCore{0x61, 0x041}));
  EXPECT_TRUE(prefersMatrices(ArmCore{0x61, 0x04a}));
}

TEST(ArmCore, UnknownCores) {
  EXPECT_TRUE(prefersMatrices(ArmCore{0, 0}));
  EXPECT_TRUE(prefersMatrices(std::nullopt));
}

// Code that a slow core cannot avoid still has an order.
TEST(ArmCore, MoreFeaturesAmongEquals) {
  std::vector<std::string> more = i8mm;
  more.push_back("bf16");
  ArmCore slow{0x61, 0x042};
  EXPECT_GT(preference(more, slow), preference(i8mm, slow));
}

} // namespace
