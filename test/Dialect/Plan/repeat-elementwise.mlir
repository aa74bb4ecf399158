// RUN: sterna-opt %s --sterna-repeat-elementwise | FileCheck %s

// The gate and what is multiplied by it are kept for the backward pass, of which
// it reads one anyway; what is computed from them is computed again.
// CHECK-LABEL: func.func @gate(
// CHECK: %[[G:.+]] = linalg.matmul
// CHECK: arith.negf %[[G]]
// CHECK: math.exp
// CHECK: %[[L:.+]] = linalg.reduce
// CHECK: %[[N:.+]] = arith.negf %[[G]]
// CHECK-NEXT: %[[E:.+]] = math.exp %[[N]]
// CHECK-NEXT: %[[S:.+]] = arith.addf %[[E]], %{{.+}}
// CHECK-NEXT: %[[Q:.+]] = arith.divf %[[G]], %[[S]]
// CHECK-NEXT: %[[A:.+]] = arith.mulf %{{.+}}, %[[Q]]
// CHECK-NEXT: %[[B:.+]] = arith.divf %[[A]], %[[S]]
// CHECK-NEXT: %[[D:.+]] = arith.mulf %[[B]], %[[E]]
// CHECK-NEXT: return %[[L]], %[[D]]
func.func @gate(%x: tensor<4x8xf32> {tern.input = "x"}, %w: tensor<8x8xf32> {tern.input = "w"},
                %scale: tensor<f32> {tern.input = "loss_scale", tern.loss_scale})
    -> (tensor<4xf32> {tern.output = "loss"}, tensor<4x8xf32> {tern.output = "d"}) {
  %one = arith.constant dense<1.0> : tensor<4x8xf32>
  %zero = arith.constant dense<0.0> : tensor<4x8xf32>
  %none = arith.constant dense<0.0> : tensor<4xf32>
  %g = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<4x8xf32>) -> tensor<4x8xf32>
  %n = arith.negf %g : tensor<4x8xf32>
  %e = math.exp %n : tensor<4x8xf32>
  %s = arith.addf %e, %one : tensor<4x8xf32>
  %q = arith.divf %g, %s : tensor<4x8xf32>
  %l = linalg.reduce {arith.addf} ins(%q : tensor<4x8xf32>) outs(%none : tensor<4xf32>) dimensions = [1]
  %empty = tensor.empty() : tensor<4x8xf32>
  %dy = linalg.broadcast ins(%scale : tensor<f32>) outs(%empty : tensor<4x8xf32>) dimensions = [0, 1]
  %a = arith.mulf %dy, %q : tensor<4x8xf32>
  %b = arith.divf %a, %s : tensor<4x8xf32>
  %d = arith.mulf %b, %e : tensor<4x8xf32>
  return %l, %d : tensor<4xf32>, tensor<4x8xf32>
}

// One value, made of two that nothing else of the backward pass reads, is kept; so
// is one that an op of the backward pass reads that is not elementwise.
// CHECK-LABEL: func.func @kept(
// CHECK: %[[P:.+]] = linalg.matmul
// CHECK: %[[Q:.+]] = linalg.matmul
// CHECK: %[[SUM:.+]] = arith.addf %[[P]], %[[Q]]
// CHECK: %[[E:.+]] = math.exp %[[SUM]]
// CHECK: %[[S:.+]] = math.sin %[[E]]
// CHECK: arith.mulf %{{.+}}, %[[SUM]]
// CHECK: linalg.matmul ins(%{{.+}}, %[[E]]
// CHECK: %[[AGAIN:.+]] = math.sin %[[E]]
// CHECK: arith.mulf %{{.+}}, %[[AGAIN]]
func.func @kept(%x: tensor<8x8xf32> {tern.input = "x"}, %w: tensor<8x8xf32> {tern.input = "w"},
                %scale: tensor<f32> {tern.input = "loss_scale", tern.loss_scale})
    -> (tensor<8x8xf32> {tern.output = "a"}, tensor<8x8xf32> {tern.output = "b"}, tensor<8x8xf32> {tern.output = "c"}) {
  %zero = arith.constant dense<0.0> : tensor<8x8xf32>
  %p = linalg.matmul ins(%x, %w : tensor<8x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<8x8xf32>) -> tensor<8x8xf32>
  %q = linalg.matmul ins(%w, %x : tensor<8x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<8x8xf32>) -> tensor<8x8xf32>
  %sum = arith.addf %p, %q : tensor<8x8xf32>
  %e = math.exp %sum : tensor<8x8xf32>
  %s = math.sin %e : tensor<8x8xf32>
  %empty = tensor.empty() : tensor<8x8xf32>
  %dy = linalg.broadcast ins(%scale : tensor<f32>) outs(%empty : tensor<8x8xf32>) dimensions = [0, 1]
  %a = arith.mulf %dy, %sum : tensor<8x8xf32>
  %b = linalg.matmul ins(%dy, %e : tensor<8x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<8x8xf32>) -> tensor<8x8xf32>
  %c = arith.mulf %dy, %s : tensor<8x8xf32>
  return %a, %b, %c : tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>
}

// A program without a backward pass is left alone.
// CHECK-LABEL: func.func @forward(
// CHECK: math.exp
// CHECK-NOT: math.exp
// CHECK: return
func.func @forward(%x: tensor<4xf32> {tern.input = "x"}) -> (tensor<4xf32> {tern.output = "y"}) {
  %e = math.exp %x : tensor<4xf32>
  %y = arith.mulf %x, %e : tensor<4xf32>
  return %y : tensor<4xf32>
}

// State that is replaced may be gone when the backward pass runs.
// CHECK-LABEL: func.func @replaced(
// CHECK: %[[E:.+]] = math.exp %{{.+}}
// CHECK-NOT: math.exp
// CHECK: arith.mulf %{{.+}}, %[[E]]
// CHECK-NOT: math.exp
// CHECK: return
func.func @replaced(%s: tensor<4xf32> {tern.state = #tern.state<name = "g", kind = gradient, target = "q_proj">}, %x: tensor<4xf32> {tern.input = "x"},
                    %scale: tensor<f32> {tern.input = "loss_scale", tern.loss_scale})
    -> (tensor<4xf32> {tern.tied = 0 : i64}, tensor<4xf32> {tern.output = "d"}) {
  %e = math.exp %s : tensor<4xf32>
  %f = arith.addf %e, %x : tensor<4xf32>
  %t = arith.addf %s, %f : tensor<4xf32>
  %empty = tensor.empty() : tensor<4xf32>
  %dy = linalg.broadcast ins(%scale : tensor<f32>) outs(%empty : tensor<4xf32>) dimensions = [0]
  %a = arith.mulf %dy, %e : tensor<4xf32>
  %d = arith.mulf %a, %f : tensor<4xf32>
  return %t, %d : tensor<4xf32>, tensor<4xf32>
}
