// RUN: sterna-opt %s --sterna-adapt-params | FileCheck %s
// RUN: sed 's/"error", tern.loss/"error"/; s/"wide"/"wide", tern.loss/' %s \
// RUN:   | sterna-opt --sterna-adapt-params | FileCheck %s --check-prefix=WIDE

// Marked parameters become state, called as users know them.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.+]]: tensor<4xf32> {tern.input = "x"},
// CHECK-SAME: %[[W:.+]]: tensor<4xf32> {tern.state = #tern.state<name = "layer.w.parameter", kind = parameter>},
// CHECK-SAME: %[[B:.+]]: tensor<4xf32> {tern.state = #tern.state<name = "layer.b.parameter", kind = parameter>})
// CHECK-SAME: (tensor<4xf32> {tern.output = "y"}, tensor<f32> {tern.output = "error"}, tensor<1x1xf32> {tern.output = "wide"})
// CHECK: tern.get_param @other
// CHECK-NOT: tern.get_param @w
// CHECK: arith.mulf %[[X]], %[[W]]

// The loss alone, without what only other results need.
// CHECK-LABEL: func.func @loss(
// CHECK-SAME: -> (tensor<f32> {tern.output = "loss"})
// CHECK-NOT: math.exp
// CHECK: return %{{.+}} : tensor<f32>

// CHECK-LABEL: func.func @init(
// CHECK-SAME: {tern.state = #tern.state<name = "layer.w.parameter", kind = parameter>}
// CHECK-SAME: {tern.state = #tern.state<name = "layer.b.parameter", kind = parameter>}
// CHECK-SAME: -> (tensor<4xf32> {tern.tied = 0 : i64}, tensor<4xf32> {tern.tied = 1 : i64})
// CHECK: %[[FW:.+]] = tern.get_param @w
// CHECK: %[[FB:.+]] = tern.get_param @b
// CHECK: return %[[FW]], %[[FB]]

// A loss of one element becomes a scalar.
// WIDE-LABEL: func.func @loss(
// WIDE-SAME: -> (tensor<f32> {tern.output = "loss"})
// WIDE: %[[L:.+]] = tensor.collapse_shape %{{.+}} [] : tensor<1x1xf32> into tensor<f32>
// WIDE: return %[[L]]
tern.param @w : tensor<4xf32> from #tern.elements<path = "m", offset = 0> {tern.trainable = "layer.w"}
tern.param @b : tensor<4xf32> from #tern.elements<path = "m", offset = 16> {tern.trainable = "layer.b"}
tern.param @other : tensor<4xf32> from #tern.elements<path = "m", offset = 64>

func.func @main(%x: tensor<4xf32> {tern.input = "x"})
    -> (tensor<4xf32> {tern.output = "y"}, tensor<f32> {tern.output = "error", tern.loss},
        tensor<1x1xf32> {tern.output = "wide"}) {
  %w = tern.get_param @w : tensor<4xf32>
  %b = tern.get_param @b : tensor<4xf32>
  %o = tern.get_param @other : tensor<4xf32>
  %p = arith.mulf %x, %w : tensor<4xf32>
  %s = arith.addf %p, %b : tensor<4xf32>
  %q = arith.addf %s, %o : tensor<4xf32>
  %y = math.exp %q : tensor<4xf32>
  %zero = arith.constant dense<0.0> : tensor<f32>
  %r = linalg.reduce { arith.addf } ins(%q : tensor<4xf32>) outs(%zero : tensor<f32>) dimensions = [0]
  %e = tensor.expand_shape %r [] output_shape [1, 1] : tensor<f32> into tensor<1x1xf32>
  return %y, %r, %e : tensor<4xf32>, tensor<f32>, tensor<1x1xf32>
}
