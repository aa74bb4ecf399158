//===- GradientCases.cpp - Cases of the ops of backward passes ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every op that only training programs contain, over shapes that nothing
// divides.
//
//===----------------------------------------------------------------------===//

#include "CaseList.h"

#include <cmath>

#include <tuple>

using namespace sterna::test;

namespace {

void addIntegerGradients(List &list) {
  const char *quantize = R"mlir(
    !x = tensor<$Mx$Nxf32>
    !q = tensor<$Mx$Nx$E>
    !s = tensor<$Sxf32>
    !t = tensor<$Mxf32>
    !i = tensor<1xi32>
    tern.param @s : !s from $file(f32)
    func.func @run(%x: !x {tern.input = "dy"}, %i: !i {tern.input = "seed"})
        -> (!q {tern.output = "q"}, !t {tern.output = "step"}) {
      %s = tern.get_param @s : !s
      %q, %t = tern.quantize_gradient %x, %s$R : !x, !s -> !q, !t
      return %q, %t : !q, !t
    })mlir";
  for (const char *element : {"i8", "i16"})
    for (const auto &[rounding, seed] :
         {std::pair("nearest", ""), std::pair("stochastic", " seed %i")})
      list.add(std::string("quantize_gradient_") + element + "_" + rounding,
               fill(quantize, {{'E', element}, {'R', seed}}), "MNS",
               {"1 1 1", "7 77 1", "16 129 129"}, 1e-6,
               {{"seed", {-1e9, 1e9}}});
  list.add("quantize_gradient_i8_nan", fill(quantize, {{'E', "i8"}, {'R', ""}}),
           "MNS", {"1 1 1", "7 77 77"}, 1e-6,
           {{"dy", exactly(NAN)}, {"seed", {0, 0}}});
  const char *matmul = R"mlir(
    !q = tensor<$Mx$Nx$E>
    !t = tensor<$Mxf32>
    !w = tensor<$Nx$Kx!tern.trit$L>
    !y = tensor<$Mx$Kxf32>
    tern.param @w : !w from $file(trit)
    func.func @run(%q: !q {tern.input = "q"}, %t: !t {tern.input = "step"})
        -> (!y {tern.output = "dx"}) {
      %w = tern.get_param @w : !w
      %y = tern.quantized_matmul_transposed %q, %t, %w : !q, !t, !w -> !y
      return %y : !y
    })mlir";
  // Sums are exact, so that the same bits are asked for.
  for (auto [element, limit] : {std::pair("i8", 127.), {"i16", 32639.}})
    for (auto [suffix, layout] :
         {std::pair("", ""), std::pair("_base3", base3Layout)})
      list.add(
          std::string("quantized_matmul_transposed_") + element + suffix,
          fill(matmul, {{'E', element}, {'L', layout}}), "MNK",
          {"1 1 1", "1 7 3", "7 77 129", "16 64 128", "77 129 77", "5 1009 33"},
          0, {{"q", {-limit, limit}}});
  // A sum of zero, too, is a NaN then.
  list.add("quantized_matmul_transposed_i8_nan",
           fill(matmul, {{'E', "i8"}, {'L', ""}}), "MNK",
           {"1 7 3", "16 64 128"}, 1e-6,
           {{"q", {0, 0}}, {"step", exactly(NAN)}});
}

} // namespace

void sterna::test::addGradients(List &list) {
  const char *norm = R"mlir(
    !x = tensor<$Mx$Kxf32>
    !g = tensor<$Kxf32>
    tern.param @g : !g from $file(f32)
    func.func @run(%x: !x {tern.input = "x"}, %dy: !x {tern.input = "dy"})
        -> (!x {tern.output = "dx"}) {
      %g = tern.get_param @g : !g
      %dx = tern.rms_norm_grad %x, %g, %dy {epsilon = 1.0e-05 : f64} : !x, !g
      return %dx : !x
    })mlir";
  list.add("rms_norm_grad", norm, "MK", {"1 7", "7 77", "129 129", "3 1009"});
  const char *matmul = R"mlir(
    !x = tensor<$Mx$Nxf32>
    !w = tensor<$Nx$Kx!tern.trit$L>
    !s = tensor<$Sxf32>
    !y = tensor<$Mx$Kxf32>
    tern.param @w : !w from $file(trit)
    tern.param @s : !s from $file(f32)
    func.func @run(%x: !x {tern.input = "dy"}) -> (!y {tern.output = "dx"}) {
      %w = tern.get_param @w : !w
      %s = tern.get_param @s : !s
      %y = tern.matmul_transposed %x, %w, %s$G : !x, !w, !s -> !y
      return %y : !y
    })mlir";
  for (const auto &[scale, count, layout] :
       {std::tuple("tensor", "1", ""), std::tuple("row", "$N", ""),
        std::tuple("base3", "$N", base3Layout)})
    list.add(std::string("matmul_transposed_") + scale,
             fill(matmul, {{'S', count}, {'G', ""}, {'L', layout}}), "MNK",
             {"1 1 1", "1 7 3", "7 77 129", "16 64 128", "77 129 77"});
  list.add(
      "matmul_transposed_group",
      fill(matmul, {{'S', "$Nx$C"}, {'G', " {group = $D : i64}"}, {'L', ""}}),
      "MNKDC", {"1 77 129 64 3", "7 129 77 32 3"});
  addIntegerGradients(list);
  const char *embedding = R"mlir(
    !i = tensor<$Txi32>
    !y = tensor<$Tx$Hxf32>
    !t = tensor<$Vx$Hxf32>
    func.func @run(%i: !i {tern.input = "ids"}, %dy: !y {tern.input = "dy"})
        -> (!t {tern.output = "dt"}) {
      %d = tern.embedding_grad %i, %dy {offset = 3 : i64} : !i, !y -> !t
      return %d : !t
    })mlir";
  list.add("embedding_grad", embedding, "THV", {"1 1 1", "77 129 7", "7 3 77"},
           1e-6, {{"ids", {-2, 12}}});
  const char *attention = R"mlir(
    !q = tensor<$Bx$Sx$Hx$Gx$Dxf32>
    !k = tensor<$Bx$Cx$Hx$Dxf32>
    !p = tensor<i32>
    func.func @run(%q: !q {tern.input = "q"}, %k: !k {tern.input = "k"},
                   %v: !k {tern.input = "v"}, %p: !p {tern.input = "position"},
                   %dy: !q {tern.input = "dy"})
        -> (!q {tern.output = "dq"}, !k {tern.output = "dk"},
            !k {tern.output = "dv"}) {
      %dq, %dk, %dv = tern.attention_grad %q, %k, %v, %p, %dy : !q, !k, !p
      return %dq, %dk, %dv : !q, !k, !k
    })mlir";
  list.add("attention_grad", attention, "BSCHGD",
           {"1 1 1 1 1 1", "1 7 7 2 3 36", "2 17 17 1 2 8"}, 5e-6,
           {{"q", {-4, 4}}, {"k", {-4, 4}}, {"position", exactly(0)}});
  std::string packed = std::string(packedTypes) + R"mlir(
    func.func @run(%q: !q {tern.input = "q"}, %k: !k {tern.input = "k"},
                   %v: !k {tern.input = "v"}, %dy: !q {tern.input = "dy"},
                   %s: !s {tern.input = "s"}, %t: !t {tern.input = "t"})
        -> (!q {tern.output = "dq"}, !k {tern.output = "dk"},
            !k {tern.output = "dv"}) {
      %p = arith.constant dense<0> : !p
      %dq, %dk, %dv = tern.attention_grad %q, %k, %v, %p, %dy $X : !q, !k, !p
      return %dq, %dk, %dv : !q, !k, !k
    })mlir";
  for (auto [family, attributes] :
       {std::pair("attention_grad_window",
                  "{scale = 0.3 : f64, window = 5 : i64}"),
        {"attention_grad_segments", "segments %s, %t"},
        {"attention_grad_all",
         "segments %s, %t {scale = 0.3 : f64, window = 5 : i64}"}})
    list.add(family, fill(packed, {{'X', attributes}}), "BSCHGD",
             {"1 1 1 1 1 1", "1 7 7 2 3 36", "2 17 17 1 2 8", "1 33 33 1 1 16"},
             5e-6,
             {{"q", {-4, 4}}, {"k", {-4, 4}}, {"s", {-1, 2}}, {"t", {-1, 2}}});
  list.add("attention_grad_none", attention, "BSCHGD",
           {"1 1 1 1 1 1", "1 7 7 2 3 36", "2 17 17 1 2 8"}, 5e-6,
           {{"q", {-4, 4}}, {"k", {-4, 4}}, {"position", exactly(-3)}});
  const char *loss = R"mlir(
    !x = tensor<$Tx$Vxf32>
    !l = tensor<$Txi32>
    !y = tensor<$Txf32>
    func.func @run(%x: !x {tern.input = "x"}, %l: !l {tern.input = "labels"},
                   %m: !y {tern.input = "m"}, %s: !y {tern.input = "s"},
                   %g: !y {tern.input = "dy"}) -> (!x {tern.output = "dx"}) {
      %dx = tern.cross_entropy_grad %x, %l, %m, %s, %g {offset = $O : i64}
          : !x, !l, !y
      return %dx : !x
    })mlir";
  list.add("cross_entropy_grad", loss, "TVO", {"1 7 0", "7 129 77"}, 2e-6,
           {{"labels", {-100, 200}}, {"m", {1, 2}}, {"s", {1, 9}}});
}
