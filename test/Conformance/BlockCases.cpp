//===- BlockCases.cpp - Tables in blocks of 4 or 6 bits -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What --head-type=q6 and q4 make of a head, its gradient and an embedding.
//
//===----------------------------------------------------------------------===//

#include "CaseList.h"

using namespace sterna::test;

namespace {

/// The parameters of a table of $N rows in blocks of so many bits, $G to a row
/// of $K columns and $P bytes.
std::string blockParams(int bits) {
  std::string source =
      " from #tern.blocks<of = $file(f16), columns = $K, bits = " +
      std::to_string(bits) + ", part = ";
  std::string text = R"mlir(
    !c = tensor<$Nx$Pxi8>
    !s = tensor<$Nx$Gxf16>)mlir";
  text += "\ntern.param @c : !c" + source + "codes>";
  text += "\ntern.param @s : !s" + source + "scales>";
  return bits == 6 ? text
                   : text + "\ntern.param @m : !s" + source + "minimums>";
}

/// The table as floats, in a function.
std::string blockReads(int bits) {
  std::string minimum = bits == 6 ? "" : "%m = tern.get_param @m : !s";
  return R"mlir(
      %c = tern.get_param @c : !c
      %s = tern.get_param @s : !s
      )mlir" +
         minimum + "\n%w = tern.dequantize %c, %s" +
         (bits == 6 ? "" : " minimum %m") + " : !c, !s -> !w";
}

std::string blockHead(int bits) {
  return R"mlir(
    #lhs = affine_map<(m, n, k) -> (m, k)>
    #rhs = affine_map<(m, n, k) -> (n, k)>
    #out = affine_map<(m, n, k) -> (m, n)>)mlir" +
         blockParams(bits) + R"mlir(
    !x = tensor<$Mx$Kxf32>
    !w = tensor<$Nx$Kxf32>
    !y = tensor<$Mx$Nxf32>
    func.func @run(%x: !x {tern.input = "x"}) -> (!y {tern.output = "y"}) {)mlir" +
         blockReads(bits) + R"mlir(
      %0 = arith.constant 0.0 : f32
      %e = tensor.empty() : !y
      %z = linalg.fill ins(%0 : f32) outs(%e : !y) -> !y
      %y = linalg.matmul indexing_maps = [#lhs, #rhs, #out]
          ins(%x, %w : !x, !w) outs(%z : !y) -> !y
      return %y : !y
    })mlir";
}

std::string blockGradient(int bits) {
  return blockParams(bits) + R"mlir(
    !x = tensor<$Mx$Nxf32>
    !w = tensor<$Nx$Kxf32>
    !y = tensor<$Mx$Kxf32>
    func.func @run(%x: !x {tern.input = "x"}, %c0: !y {tern.input = "c0"})
        -> (!y {tern.output = "y"}) {)mlir" +
         blockReads(bits) + R"mlir(
      %y = linalg.matmul ins(%x, %w : !x, !w) outs(%c0 : !y) -> !y
      return %y : !y
    })mlir";
}

} // namespace

void sterna::test::addBlocks(List &list) {
  // Codes and factors of a table in blocks.
  const char *kept = R"mlir(
    !t = tensor<$Vx$Hx$E>
    !i = tensor<$Txi32>
    !y = tensor<$Tx$Hx$E>
    tern.param @t : !t from $file(f32)
    func.func @run(%i: !i {tern.input = "ids"}) -> (!y {tern.output = "y"}) {
      %t = tern.get_param @t : !t
      %y = tern.embedding %t, %i : !t, !i -> !y
      return %y : !y
    })mlir";
  list.add("embedding_kept", kept, "EVHT",
           {"i8 77 129 7", "i8 3 1 1", "f16 77 129 7", "f16 3 1 1"}, 0,
           {{"ids", {-7, 77 + 7}}});
  const char *dequantized = R"mlir(
    !c = tensor<$Vx$Pxi8>
    !s = tensor<$Vx$Gxf16>
    !y = tensor<$Vx$Kxf32>
    func.func @run(%c: !c {tern.input = "c"}, %s: !s {tern.input = "s"},
                   %m: !s {tern.input = "m"})
        -> (!y {tern.output = "y"}) {
      %y = tern.dequantize %c, %s minimum %m : !c, !s -> !y
      return %y : !y
    })mlir";
  list.add("dequantize", dequantized, "VPGK", {"7 48 3 96", "1 16 1 32"});
  list.add("head_q6", blockHead(6), "MNKGP",
           {"1 1009 96 3 72", "3 77 32 1 24", "16 129 288 9 216"});
  list.add("head_q4", blockHead(4), "MNKGP",
           {"1 1009 96 3 48", "3 77 32 1 16", "16 129 288 9 144"});
  list.add("head_gradient_q6", blockGradient(6), "MNKGP",
           {"7 129 96 3 72", "16 7 288 9 216"});
  list.add("head_gradient_q4", blockGradient(4), "MNKGP",
           {"7 129 96 3 48", "16 7 288 9 144"});
}
