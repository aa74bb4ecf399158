//===- Cases.cpp - The list of programs that every target must compute ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every op that inference programs contain, over shapes that nothing divides.
//
//===----------------------------------------------------------------------===//

#include "CaseList.h"

#include <cmath>
#include <tuple>

using namespace sterna::test;

namespace {

//===----------------------------------------------------------------------===//
// Tables, heads, losses
//===----------------------------------------------------------------------===//

void addEmbeddings(List &list) {
  const char *whole = R"mlir(
    !t = tensor<$Vx$Hx$E>
    !i = tensor<$Txi32>
    !y = tensor<$Tx$Hxf32>
    tern.param @t : !t from $file($E)
    func.func @run(%i: !i {tern.input = "ids"}) -> (!y {tern.output = "y"}) {
      %t = tern.get_param @t : !t
      %y = tern.embedding %t, %i : !t, !i -> !y
      return %y : !y
    })mlir";
  // Some ids are outside, and read zeros; -1 stands for none.
  list.add("embedding", whole, "EVHT",
           {"f32 77 129 7", "f32 3 1 1", "f16 77 129 7", "f16 1009 7 1",
            "bf16 77 129 7", "bf16 3 64 129"},
           0, {{"ids", {-7, 1009 + 7}}});
  list.add("embedding_none", whole, "EVHT", {"f32 77 129 7", "f16 3 7 77"}, 0,
           {{"ids", exactly(-1)}});
  const char *bytes = R"mlir(
    !t = tensor<$Vx$Hxi8>
    !s = tensor<$Vxf32>
    !i = tensor<$Txi32>
    !y = tensor<$Tx$Hxf32>
    tern.param @t : !t from $file(f32)
    tern.param @s : !s from #tern.row_scales<of = $file(f16), columns = $H>
    func.func @run(%i: !i {tern.input = "ids"}) -> (!y {tern.output = "y"}) {
      %t = tern.get_param @t : !t
      %s = tern.get_param @s : !s
      %y = tern.embedding %t, %i scale %s : !t, !i -> !y
      return %y : !y
    })mlir";
  list.add("embedding_i8", bytes, "VHT", {"77 129 7", "3 1 1", "1009 7 1"}, 0,
           {{"ids", {-7, 1009 + 7}}});
  const char *shard = R"mlir(
    !t = tensor<$Vx$Hx$E>
    !i = tensor<$Txi32>
    !y = tensor<$Tx$Hxf32>
    tern.param @t : !t from $file($E)
    func.func @run(%i: !i {tern.input = "ids"}, %x: !y {tern.input = "init"})
        -> (!y {tern.output = "y"}) {
      %t = tern.get_param @t : !t
      %y = tern.embedding %t, %i init %x {offset = 17 : i64} : !t, !i -> !y
      return %y : !y
    })mlir";
  list.add("embedding_shard", shard, "EVHT", {"f32 13 7 77", "f16 31 129 7"}, 0,
           {{"ids", {0, 50}}});
}

void addHeads(List &list) {
  // The right side is stored transposed; $W takes it from the table.
  std::string product = R"mlir(
    #lhs = affine_map<(m, n, k) -> (m, k)>
    #rhs = affine_map<(m, n, k) -> (n, k)>
    #out = affine_map<(m, n, k) -> (m, n)>
    !x = tensor<$Mx$Kxf32>
    !t = tensor<$Vx$Kx$E>
    !w = tensor<$Nx$Kx$E>
    !y = tensor<$Mx$Nxf32>
    tern.param @t : !t from $file($E)
    func.func @run(%x: !x {tern.input = "x"}) -> (!y {tern.output = "y"}) {
      $W
      %0 = arith.constant 0.0 : f32
      %e = tensor.empty() : !y
      %z = linalg.fill ins(%0 : f32) outs(%e : !y) -> !y
      %y = linalg.matmul indexing_maps = [#lhs, #rhs, #out]
          ins(%x, %w : !x, !w) outs(%z : !y) -> !y
      return %y : !y
    })mlir";
  const char *whole = "%w = tern.get_param @t : !w";
  list.add("head", fill(product, {{'W', whole}, {'V', "$N"}}), "EMNK",
           {"f32 1 1009 77", "f32 7 129 3", "f16 1 1009 77", "f16 16 77 129",
            "f16 1 7 1", "bf16 1 1009 77", "bf16 7 129 129", "i8 1 1009 77",
            "i8 7 129 3", "i8 16 77 129"});
  // Rows of a table, as the loss head takes them.
  const char *chunk = R"mlir(
      %t = tern.get_param @t : !t
      %w = tensor.extract_slice %t[$O, 0] [$N, $K] [1, 1] : !t to !w)mlir";
  list.add("head_chunk", fill(product, {{'W', chunk}, {'V', "129"}}), "EMNKO",
           {"f32 7 77 77 17", "f16 1 77 129 18", "f16 1 77 129 17",
            "f16 7 111 78 17", "bf16 7 77 77 18", "i8 7 77 77 16"});
  const char *plain = R"mlir(
    !x = tensor<$Mx$Kxf32>
    !w = tensor<$Kx$Nxf32>
    !y = tensor<$Mx$Nxf32>
    func.func @run(%x: !x {tern.input = "x"}, %w: !w {tern.input = "w"},
                   %c: !y {tern.input = "c"}) -> (!y {tern.output = "y"}) {
      %y = linalg.matmul ins(%x, %w : !x, !w) outs(%c : !y) -> !y
      return %y : !y
    })mlir";
  list.add("matmul_float", plain, "MNK", {"1 129 8", "7 8 77", "77 3 129"});
  // The gradient of a head of bytes, its left side scaled.
  const char *gradient = R"mlir(
    !x = tensor<$Mx$Kxf32>
    !w = tensor<$Kx$Nxi8>
    !s = tensor<$Kxf32>
    !y = tensor<$Mx$Nxf32>
    tern.param @w : !w from $file(f32)
    tern.param @s : !s from #tern.row_scales<of = $file(f32), columns = $N>
    func.func @run(%x: !x {tern.input = "x"}, %c: !y {tern.input = "c"})
        -> (!y {tern.output = "y"}) {
      %w = tern.get_param @w : !w
      %s = tern.get_param @s : !s
      %e = tensor.empty() : !x
      %f = linalg.broadcast ins(%s : !s) outs(%e : !x) dimensions = [0]
      %g = arith.mulf %x, %f : !x
      %y = linalg.matmul ins(%g, %w : !x, !w) outs(%c : !y) -> !y
      return %y : !y
    })mlir";
  list.add("head_gradient_i8", gradient, "MNK", {"7 129 77", "16 8 1009"});
}

void addLosses(List &list) {
  const char *statistics = R"mlir(
    !x = tensor<$Tx$Vxf32>
    !l = tensor<$Txi32>
    !y = tensor<$Txf32>
    func.func @run(%x: !x {tern.input = "x"}, %l: !l {tern.input = "labels"},
                   %m: !y {tern.input = "m0"}, %s: !y {tern.input = "s0"},
                   %t: !y {tern.input = "t0"})
        -> (!y {tern.output = "m"}, !y {tern.output = "s"},
            !y {tern.output = "t"}) {
      %y:3 = tern.softmax_statistics %x, %l, %m, %s, %t {offset = $O : i64}
          : !x, !l, !y
      return %y#0, %y#1, %y#2 : !y, !y, !y
    })mlir";
  list.add("softmax_statistics", statistics, "TVO",
           {"1 7 0", "7 129 77", "77 1009 3"}, 1e-6,
           {{"x", {-20, 20}},
            {"labels", {-100, 200}},
            {"m0", {-30, 30}},
            {"s0", {1, 9}}});
  // At the start there is no maximum yet.
  list.add("softmax_statistics_first", statistics, "TVO", {"7 129 0"}, 1e-6,
           {{"x", {-20, 20}},
            {"labels", {-100, 200}},
            {"m0", {-INFINITY, -INFINITY}},
            {"s0", {0, 0}},
            {"t0", {0, 0}}});
  const char *loss = R"mlir(
    !x = tensor<$Tx$Vxf32>
    !l = tensor<$Txi32>
    !y = tensor<$Txf32>
    func.func @run(%x: !x {tern.input = "x"}, %l: !l {tern.input = "labels"})
        -> (!y {tern.output = "loss"}) {
      %y = tern.cross_entropy %x, %l : !x, !l -> !y
      return %y : !y
    })mlir";
  // About half of the labels are masked.
  list.add("cross_entropy", loss, "TV", {"1 7", "7 129", "77 1009"}, 1e-6,
           {{"x", {-20, 20}}, {"labels", {-6, 6}}});
}

//===----------------------------------------------------------------------===//
// Ternary linear layers
//===----------------------------------------------------------------------===//

/// Activations from %x to %a, given zeros %0 and ones %1, all of type !y.
const char *silu = R"mlir(
      %n = arith.negf %x : !y
      %e = math.exp %n : !y
      %d = arith.addf %e, %1 : !y
      %a = arith.divf %x, %d : !y)mlir";
const char *relu2 = R"mlir(
      %m = arith.maximumf %x, %0 : !y
      %a = arith.mulf %m, %m : !y)mlir";

/// Quantizers hide neither a NaN nor an infinity: what is computed from their
/// integers is a NaN. Elements of one row in two are replaced by $B.
void addQuantizedSpecials(List &list) {
  const char *product = R"mlir(
    #id = affine_map<(m, k) -> (m, k)>
    !x = tensor<$Mx$Kxf32>
    !q = tensor<$Mx$Kxi8>
    !t = tensor<$Mxf32>
    !w = tensor<$Nx$Kx!tern.trit>
    !s = tensor<1xf32>
    !y = tensor<$Mx$Nxf32>
    tern.param @w : !w from $file(trit)
    tern.param @s : !s from dense<0.02> : !s
    func.func @run(%x: !x {tern.input = "x"})
        -> (!q {tern.output = "q"}, !t {tern.output = "scale"},
            !y {tern.output = "y"}) {
      %w = tern.get_param @w : !w
      %s = tern.get_param @s : !s
      %ex = tensor.empty() : !x
      %bad = arith.constant $B : f32
      %0 = arith.constant 0 : index
      %1 = arith.constant 1 : index
      %2 = arith.constant 2 : index
      %at = arith.constant $P : index
      %z = linalg.generic {indexing_maps = [#id, #id],
                           iterator_types = ["parallel", "parallel"]}
          ins(%x : !x) outs(%ex : !x) {
      ^bb0(%a: f32, %old: f32):
        %m = linalg.index 0 : index
        %k = linalg.index 1 : index
        %odd = arith.remui %m, %2 : index
        %row = arith.cmpi eq, %odd, %0 : index
        %column = arith.cmpi eq, %k, %at : index
        %here = arith.andi %row, %column : i1
        %v = arith.select %here, %bad, %a : f32
        linalg.yield %v : f32
      } -> !x
      %q, %t = tern.quantize %z : !x -> !q, !t
      %p = tern.matmul %q, %w, %s : !q, !w, !s -> !y
      %e = tensor.empty() : !y
      %b = linalg.broadcast ins(%t : !t) outs(%e : !y) dimensions = [1]
      %u = arith.mulf %p, %b : !y
      %none = arith.constant dense<0.0> : !y
      %y = arith.maximumf %u, %none : !y
      return %q, %t, %y : !q, !t, !y
    })mlir";
  // The first element, one in the middle of lanes, and the last.
  for (auto [family, value] : {std::pair("quantize_nan", "0x7FC00000"),
                               {"quantize_nan_negative", "0xFFC00001"},
                               {"quantize_infinity", "0x7F800000"},
                               {"quantize_infinity_negative", "0xFF800000"}})
    list.add(family, fill(product, {{'B', value}}), "MNKP",
             {"1 7 77 0", "3 77 129 64", "7 64 1009 1008", "16 65 64 63"});
}

void addNorms(List &list) {
  const char *norm = R"mlir(
    !x = tensor<$Mx$Kxf32>
    !g = tensor<$Kxf32>
    tern.param @g : !g from $file(f32)
    func.func @run(%x: !x {tern.input = "x"}) -> (!x {tern.output = "y"}) {
      %g = tern.get_param @g : !g
      %y = tern.rms_norm %x, %g {epsilon = 1.0e-05 : f64} : !x, !g
      return %y : !x
    })mlir";
  // The last one has a grid of two dimensions on a GPU.
  list.add("rms_norm", norm, "MK",
           {"1 1", "3 7", "7 77", "129 129", "1 1009", "70001 3"});
  const char *quantize = R"mlir(
    !x = tensor<$Mx$Kxf32>
    !q = tensor<$Mx$Kxi8>
    !s = tensor<$Mxf32>
    func.func @run(%x: !x {tern.input = "x"})
        -> (!q {tern.output = "q"}, !s {tern.output = "scale"}) {
      %q, %s = tern.quantize %x : !x -> !q, !s
      return %q, %s : !q, !s
    })mlir";
  list.add("quantize", quantize, "MK",
           {"1 1", "3 7", "7 77", "129 129", "1 1009", "16 64"});
  addQuantizedSpecials(list);
  // All zeros: the smallest scale.
  list.add("quantize_zeros", quantize, "MK", {"3 77", "7 64"}, 1e-6,
           {{"x", {0, 0}}});
}

void addLinears(List &list) {
  const char *matmul = R"mlir(
    !x = tensor<$Mx$Kx$E>
    !w = tensor<$Nx$Kx!tern.trit$L>
    !s = tensor<$Sxf32>
    !y = tensor<$Mx$Nxf32>
    tern.param @w : !w from $file(trit)
    tern.param @s : !s from $file(f32)
    func.func @run(%x: !x {tern.input = "x"}) -> (!y {tern.output = "y"}) {
      %w = tern.get_param @w : !w
      %s = tern.get_param @s : !s
      %y = tern.matmul %x, %w, %s$G : !x, !w, !s -> !y
      return %y : !y
    })mlir";
  std::string oneScale = fill(matmul, {{'S', "1"}, {'G', ""}});
  std::string rowScales = fill(matmul, {{'S', "$N"}, {'G', ""}, {'L', ""}});
  std::string groups =
      fill(matmul, {{'S', "$Nx$C"}, {'G', " {group = $D : i64}"}, {'L', ""}});
  for (const char *element : {"i8", "f32"}) {
    std::string family = std::string("matmul_") + element;
    // Integer sums are exact, so that the same bits are asked for.
    double tolerance = element[0] == 'i' ? 0 : 1e-6;
    for (const auto &[scale, text] :
         {std::pair("tensor", fill(oneScale, {{'L', ""}})),
          std::pair("base3", fill(oneScale, {{'L', base3Layout}})),
          std::pair("row", rowScales)})
      list.add(family + "_" + scale, fill(text, {{'E', element}}), "MNK",
               {"1 1 1", "1 7 3", "1 1009 129", "7 77 129", "16 64 128",
                "77 129 77", "128 65 256"},
               tolerance);
    // The last group of a row is shorter; sums of groups are rounded.
    list.add(family + "_group", fill(groups, {{'E', element}}), "MNKDC",
             {"1 77 129 64 3", "7 129 77 32 3", "3 7 256 128 2"});
  }

  const char *gated = R"mlir(
    !h = tensor<$Mx$Kxf32>
    !w = tensor<$Nx$Kx!tern.trit>
    !s = tensor<1xf32>
    !y = tensor<$Mx$Nxf32>
    tern.param @w : !w from $file(trit)
    tern.param @s : !s from dense<0.1> : !s
    func.func @run(%h: !h {tern.input = "h"}, %z: !y {tern.input = "z"})
        -> (!y {tern.output = "y"}) {
      %0 = arith.constant dense<0.0> : !y
      %1 = arith.constant dense<1.0> : !y
      %w = tern.get_param @w : !w
      %s = tern.get_param @s : !s
      %x = tern.matmul %h, %w, %s : !h, !w, !s -> !y
      $A
      %y = arith.mulf %a, %z : !y
      return %y : !y
    })mlir";
  // A square doubles what the order of additions makes of a sum.
  for (auto [family, activation] :
       {std::pair("linear_silu", silu), std::pair("linear_relu2", relu2)})
    list.add(family, fill(gated, {{'A', activation}}), "MNK",
             {"1 77 129", "7 1009 77", "16 64 1009"}, 3e-6);

  const char *residual = R"mlir(
    !x = tensor<$Mx$Kxf32>
    !q = tensor<$Mx$Kxi8>
    !t = tensor<$Mxf32>
    !w = tensor<$Nx$Kx!tern.trit>
    !s = tensor<1xf32>
    !y = tensor<$Mx$Nxf32>
    tern.param @w : !w from $file(trit)
    tern.param @s : !s from dense<0.02> : !s
    func.func @run(%x: !x {tern.input = "x"}, %r: !y {tern.input = "r"})
        -> (!y {tern.output = "y"}) {
      %w = tern.get_param @w : !w
      %s = tern.get_param @s : !s
      %q, %t = tern.quantize %x : !x -> !q, !t
      %p = tern.matmul %q, %w, %s : !q, !w, !s -> !y
      %e = tensor.empty() : !y
      %b = linalg.broadcast ins(%t : !t) outs(%e : !y) dimensions = [1]
      %u = arith.mulf %p, %b : !y
      %y = arith.addf %u, %r : !y
      return %y : !y
    })mlir";
  list.add("linear_residual", residual, "MNK",
           {"1 77 129", "7 129 64", "7 1009 77", "16 64 1009"});
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

void addPositions(List &list) {
  // Of the first token, or of each.
  const char *positions = R"mlir(
    !x = tensor<$Bx$Sx$Hx$Dxf32>
    !t = tensor<$Px$Rxf32>
    !p = tensor<$Qi32>
    tern.param @c : !t from
        #tern.rope_table<frequencies = $frequencies($R), sine = false>
    tern.param @s : !t from
        #tern.rope_table<frequencies = $frequencies($R), sine = true>
    func.func @run(%x: !x {tern.input = "x"}, %p: !p {tern.input = "p"})
        -> (!x {tern.output = "y"}) {
      %c = tern.get_param @c : !t
      %s = tern.get_param @s : !t
      %y = tern.rope %x, %c, %s, %p : !x, !t, !p
      return %y : !x
    })mlir";
  std::string rope = fill(positions, {{'Q', ""}});
  std::string ropeTokens = fill(positions, {{'Q', "$Bx$Sx"}});
  // R is half of what is rotated: all of a head, or a part.
  list.add(
      "rope", rope, "BSHDPR",
      {"1 1 3 8 77 4", "1 7 5 100 77 50", "2 16 3 64 77 16", "1 129 1 7 200 3"},
      1e-6, {{"p", exactly(50)}});
  // Some are none, others beyond the table.
  list.add("rope_tokens", ropeTokens, "BSHDPR",
           {"1 1 3 8 77 4", "2 7 5 100 77 50", "1 129 1 7 20 3"}, 1e-6,
           {{"p", {-2, 80}}});
  // A token before the table, at -1, is not rotated.
  list.add("rope_none", rope, "BSHDPR", {"1 7 3 48 77 24", "2 1 1 8 77 4"},
           1e-6, {{"p", exactly(-1)}});
  // Tokens beyond the end of the table.
  list.add("rope_end", rope, "BSHDPR", {"1 7 3 48 77 24"}, 1e-6,
           {{"p", exactly(74)}});

  const char *update = R"mlir(
    !p = tensor<i32>
    !u = tensor<$Tx$Hx$Dxf32>
    !c = tensor<$Cx$Hx$Dxf32>
    func.func @run(%p: !p {tern.input = "position"},
                   %l: !p {tern.input = "length"}, %u: !u {tern.input = "u"},
                   %c: !c {tern.state = #tern.state<name = "c", kind = kv_cache>})
        -> (!c {tern.tied = 3 : i64}) {
      %y = tern.cache_update %c, %u, %p, %l : !c, !u, !p, !p
      return %y : !c
    })mlir";
  for (auto [family, position, length] : {std::tuple("cache_update", 77, 16),
                                          {"cache_update_short", 3, 1},
                                          {"cache_update_nothing", 3, 0},
                                          {"cache_update_end", 126, 16},
                                          {"cache_update_none", -1, 16}})
    list.add(family, update, "TCHD", {"1 129 3 7", "16 129 1 77"}, 0,
             {{"position", exactly(position)}, {"length", exactly(length)}});
}

void addAttention(List &list) {
  const char *anyAttention = R"mlir(
    !q = tensor<$Bx$Sx$Hx$Gx$Dxf32>
    !k = tensor<$Bx$Cx$Hx$Dxf32>
    !p = tensor<i32>
    func.func @run(%q: !q {tern.input = "q"}, %k: !k {tern.input = "k"},
                   %v: !k {tern.input = "v"}, %p: !p {tern.input = "position"})
        -> (!q {tern.output = "y"}) {
      %y = tern.attention %q, %k, %v, %p $X : !q, !k, !p
      return %y : !q
    })mlir";
  std::string attention = fill(anyAttention, {{'X', ""}});
  std::map<std::string, Bounds> ranges{
      {"q", {-4, 4}}, {"k", {-4, 4}}, {"position", exactly(0)}};
  list.add("attention_first", attention, "BSCHGD",
           {"1 1 77 1 1 7", "1 7 77 2 3 100"}, 2e-6, ranges);
  ranges["position"] = exactly(60);
  list.add("attention_later", attention, "BSCHGD",
           {"1 1 77 1 1 7", "1 1 129 3 5 64", "1 7 77 2 3 100",
            "1 16 1009 3 1 48", "2 17 77 1 4 8"},
           2e-6, ranges);

  // A window, and scores of another scale.
  ranges["position"] = exactly(60);
  for (auto [family, attributes] :
       {std::pair("attention_scaled", "{scale = 0.3 : f64}"),
        {"attention_window_1", "{window = 1 : i64}"},
        {"attention_window_5", "{scale = 0.3 : f64, window = 5 : i64}"},
        {"attention_window_70", "{window = 70 : i64}"}})
    list.add(family, fill(anyAttention, {{'X', attributes}}), "BSCHGD",
             {"1 1 77 1 1 7", "1 7 77 2 3 100", "1 16 1009 3 1 48",
              "2 17 77 1 4 8", "1 40 77 1 2 8"},
             2e-6, ranges);

  // Samples that share a row: three segments, and tokens of none.
  std::string packed = std::string(packedTypes) + R"mlir(
    func.func @run(%q: !q {tern.input = "q"}, %k: !k {tern.input = "k"},
                   %v: !k {tern.input = "v"}, %p: !p {tern.input = "position"},
                   %s: !s {tern.input = "s"}, %t: !t {tern.input = "t"})
        -> (!q {tern.output = "y"}) {
      %y = tern.attention %q, %k, %v, %p segments %s, %t $X : !q, !k, !p
      return %y : !q
    })mlir";
  std::map<std::string, Bounds> segments = ranges;
  segments["s"] = segments["t"] = {-3, 2};
  segments["position"] = exactly(3);
  for (auto [family, attributes] :
       {std::pair("attention_segments", ""),
        {"attention_segments_window", "{window = 9 : i64}"}})
    list.add(
        family, fill(packed, {{'X', attributes}}), "BSCHGD",
        {"1 1 7 1 1 7", "1 7 77 2 3 100", "2 17 77 1 4 8", "3 64 65 1 1 16"},
        2e-6, segments);

  // The first token sees no column, or the first few.
  for (auto [family, position] :
       {std::pair("attention_none", -1), {"attention_before", -5}}) {
    ranges["position"] = exactly(position);
    list.add(family, attention, "BSCHGD",
             {"1 1 77 1 1 7", "1 7 77 2 3 100", "2 17 77 1 4 8"}, 2e-6, ranges);
  }

  // As a forward program does it: new keys are seen by the same tokens.
  const char *anyCached = R"mlir(
    !q = tensor<1x$Tx3x2x64xf32>
    !u = tensor<$Tx3x64xf32>
    !c = tensor<77x3x64x$X>
    !k = tensor<1x77x3x64x$X>
    !p = tensor<i32>
    func.func @run(%q: !q {tern.input = "q"}, %k: !u {tern.input = "k"},
                   %v: !u {tern.input = "v"}, %p: !p {tern.input = "position"},
                   %l: !p {tern.input = "length"},
                   %kc: !c {tern.state = #tern.state<name = "kc", kind = kv_cache>},
                   %vc: !c {tern.state = #tern.state<name = "vc", kind = kv_cache>})
        -> (!q {tern.output = "y"}, !c {tern.tied = 5 : i64},
            !c {tern.tied = 6 : i64}) {
      %k1 = tern.cache_update %kc, %k, %p, %l : !c, !u, !p, !p
      %v1 = tern.cache_update %vc, %v, %p, %l : !c, !u, !p, !p
      %k2 = tensor.expand_shape %k1 [[0, 1], [2], [3]]
          output_shape [1, 77, 3, 64] : !c into !k
      %v2 = tensor.expand_shape %v1 [[0, 1], [2], [3]]
          output_shape [1, 77, 3, 64] : !c into !k
      %y = tern.attention %q, %k2, %v2, %p : !q, !k, !p
      return %y, %k1, %v1 : !q, !c, !c
    })mlir";
  ranges["position"] = exactly(69);
  ranges["length"] = exactly(5);
  for (auto [family, type] :
       {std::pair("attention_cached", "f32"), {"attention_cached_f16", "f16"}})
    list.add(family, fill(anyCached, {{'X', type}}), "T", {"1", "7"}, 2e-6,
             ranges);

  // Codes with a scale for each token and head.
  const char *codes = R"mlir(
    !q = tensor<1x$Tx3x2x64xf32>
    !r = tensor<$Rx64xf32>
    !t = tensor<$Rxf32>
    !b = tensor<$Rx64xi8>
    !u = tensor<$Tx3x64xi8>
    !w = tensor<$Tx3x1xf32>
    !c = tensor<77x3x64xi8>
    !s = tensor<77x3x1xf32>
    !k = tensor<1x77x3x64xi8>
    !f = tensor<1x77x3xf32>
    !p = tensor<i32>
    func.func @run(%q: !q {tern.input = "q"}, %k: !r {tern.input = "k"},
                   %p: !p {tern.input = "position"},
                   %l: !p {tern.input = "length"},
                   %kc: !c {tern.state = #tern.state<name = "kc", kind = kv_cache>},
                   %sc: !s {tern.state = #tern.state<name = "sc", kind = kv_cache>})
        -> (!q {tern.output = "y"}, !c {tern.tied = 4 : i64},
            !s {tern.tied = 5 : i64}) {
      %b, %t = tern.quantize %k : !r -> !b, !t
      %u = tensor.expand_shape %b [[0, 1], [2]]
          output_shape [$T, 3, 64] : !b into !u
      %w = tensor.expand_shape %t [[0, 1, 2]]
          output_shape [$T, 3, 1] : !t into !w
      %k1 = tern.cache_update %kc, %u, %p, %l : !c, !u, !p, !p
      %s1 = tern.cache_update %sc, %w, %p, %l : !s, !w, !p, !p
      %k2 = tensor.expand_shape %k1 [[0, 1], [2], [3]]
          output_shape [1, 77, 3, 64] : !c into !k
      %s2 = tensor.expand_shape %s1 [[0, 1], [2], [3]]
          output_shape [1, 77, 3, 1] : !s into tensor<1x77x3x1xf32>
      %s3 = tensor.collapse_shape %s2 [[0], [1], [2, 3]]
          : tensor<1x77x3x1xf32> into !f
      %y = tern.attention %q, %k2, %k2, %p scales %s3, %s3 : !q, !k, !p
      return %y, %k1, %s1 : !q, !c, !s
    })mlir";
  // Scores are larger: the states' scales are no quantizer's.
  list.add("attention_cached_int8", codes, "TR", {"1 3", "7 21"}, 1e-5, ranges);
}

//===----------------------------------------------------------------------===//
// Elementwise, reductions, slices
//===----------------------------------------------------------------------===//

void addElementwise(List &list) {
  const char *text = R"mlir(
    !y = tensor<$Txf32>
    func.func @run(%x: !y {tern.input = "x"}, %z: !y {tern.input = "z"})
        -> (!y {tern.output = "y"}) {
      %0 = arith.constant dense<0.0> : !y
      %1 = arith.constant dense<1.0> : !y
      $B
      return %y : !y
    })mlir";
  auto add = [&](const char *family, const std::string &body,
                 Bounds x = {-9, 9}, double tolerance = 1e-6) {
    list.add(family, fill(text, {{'B', body}}), "T", {"1", "7x129", "1009"},
             tolerance, {{"x", x}});
  };
  std::string gate = "\n%y = arith.mulf %a, %z : !y";
  add("silu_glu", silu + gate);
  add("relu2_glu", relu2 + gate);
  add("residual", "%y = arith.addf %x, %z : !y");
  add("exp", "%y = math.exp %x : !y");
  // To zero and to infinity: Vulkan allows 3 + 2 |x| units in the last place.
  add("exp_far", "%y = math.exp %x : !y", {-200, 200}, 2e-5);
  add("log", "%y = math.log %x : !y", {1e-6, 1e3});
  // More workgroups, of 128 elements or more, than a dimension of a GPU's grid
  // has.
  list.add("elementwise_large",
           fill(text, {{'B', "%y = arith.mulf %x, %z : !y"}}), "T",
           {"65539x129"}, 0);

  const char *broadcast = R"mlir(
    !x = tensor<$Mxf32>
    !z = tensor<$Nxf32>
    !y = tensor<$Mx$Nxf32>
    func.func @run(%x: !x {tern.input = "x"}, %z: !z {tern.input = "z"},
                   %r: !y {tern.input = "r"}) -> (!y {tern.output = "y"}) {
      %e = tensor.empty() : !y
      %a = linalg.broadcast ins(%x : !x) outs(%e : !y) dimensions = [1]
      %b = linalg.broadcast ins(%z : !z) outs(%e : !y) dimensions = [0]
      %c = arith.mulf %a, %r : !y
      %y = arith.addf %c, %b : !y
      return %y : !y
    })mlir";
  list.add("broadcast", broadcast, "MN", {"1 1", "7 129", "77 3"});
}

void addReductions(List &list) {
  const char *reduce = R"mlir(
    !x = tensor<$Mx$Nxf32>
    !y = tensor<$Rf32>
    func.func @run(%x: !x {tern.input = "x"}) -> (!y {tern.output = "y"}) {
      %0 = arith.constant 0.0 : f32
      %e = tensor.empty() : !y
      %z = linalg.fill ins(%0 : f32) outs(%e : !y) -> !y
      %y = linalg.reduce { arith.addf } ins(%x : !x) outs(%z : !y)
          dimensions = [$D]
      return %y : !y
    })mlir";
  // The reference adds one element after the other, a GPU in parts.
  for (auto [family, dims, result] : {std::tuple("reduce_all", "0, 1", ""),
                                      {"reduce_rows", "1", "$Mx"},
                                      {"reduce_columns", "0", "$Nx"}})
    list.add(family, fill(reduce, {{'D', dims}, {'R', result}}), "MN",
             {"1 1", "3 129", "77 7", "7 1009"}, 5e-6, {{"x", {0, 1}}});
}

void addSlices(List &list) {
  // What moves labels one position ahead, and its relatives.
  const char *shift = R"mlir(
    !x = tensor<$Bx$Sxi32>
    !a = tensor<$Bx$Lxi32>
    func.func @run(%x: !x {tern.input = "x"}) -> (!x {tern.output = "y"}) {
      %m = arith.constant dense<-100> : !x
      %a = tensor.extract_slice %x[0, 1] [$B, $L] [1, 1] : !x to !a
      %y = tensor.insert_slice %a into %m[0, 0] [$B, $L] [1, 1] : !a into !x
      return %y : !x
    })mlir";
  list.add("insert_slice", shift, "BSL", {"1 2 1", "3 77 76", "1 1009 1008"});
  const char *concat = R"mlir(
    !x = tensor<$Mx$Nxf32>
    !z = tensor<$Mx$Kxf32>
    !y = tensor<$Mx$Sxf32>
    func.func @run(%x: !x {tern.input = "x"}, %z: !z {tern.input = "z"})
        -> (!y {tern.output = "y"}) {
      %y = tensor.concat dim(1) %x, %z : (!x, !z) -> !y
      return %y : !y
    })mlir";
  list.add("concat", concat, "MNKS", {"1 1 7 8", "7 77 129 206"}, 0);
  const char *slice = R"mlir(
    !x = tensor<$Mx$Nxf32>
    !y = tensor<$Mx$Kxf32>
    func.func @run(%x: !x {tern.input = "x"}) -> (!y {tern.output = "y"}) {
      %y = tensor.extract_slice %x[0, 3] [$M, $K] [1, 1] : !x to !y
      return %y : !y
    })mlir";
  list.add("extract_slice", slice, "MNK", {"3 7 1", "77 129 65"}, 0);
}

} // namespace

std::vector<Case> sterna::test::listCases() {
  List list;
  addEmbeddings(list);
  addNorms(list);
  addLinears(list);
  addPositions(list);
  addAttention(list);
  addElementwise(list);
  addReductions(list);
  addSlices(list);
  addBlocks(list);
  addHeads(list);
  addLosses(list);
  addGradients(list);
  return list.cases;
}

std::string sterna::test::whyUnsupported(const std::string &name) {
  return name == "head_chunk_f16_1_77_129_17"
             ? "operands start at multiples of 4 bytes"
             : "";
}
