// RUN: sterna-opt %s --sterna-adapt-params="loss=error trainable=layer.*" | FileCheck %s
// RUN: sterna-opt %s --sterna-adapt-params="loss=wide trainable=layer.w" | FileCheck %s --check-prefix=WIDE

// Parameters whose whole name matches become state, those of integers excepted.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.+]]: tensor<4xf32> {tern.input = "x"},
// CHECK-SAME: %[[W:.+]]: tensor<4xf32> {tern.state = #tern.state<name = "layer.w.parameter", kind = parameter>},
// CHECK-SAME: %[[B:.+]]: tensor<4xf32> {tern.state = #tern.state<name = "layer.b.parameter", kind = parameter>})
// CHECK-SAME: (tensor<4xf32> {tern.output = "y"}, tensor<f32> {tern.output = "error"}, tensor<1x1xf32> {tern.output = "wide"})
// CHECK: tern.get_param @other
// CHECK-NOT: tern.get_param @layer.w
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
// CHECK: %[[FW:.+]] = tern.get_param @layer.w
// CHECK: %[[FB:.+]] = tern.get_param @layer.b
// CHECK: return %[[FW]], %[[FB]]

// A loss of one element becomes a scalar.
// WIDE-LABEL: func.func @loss(
// WIDE-SAME: -> (tensor<f32> {tern.output = "loss"})
// WIDE: %[[L:.+]] = tensor.collapse_shape %{{.+}} [] : tensor<1x1xf32> into tensor<f32>
// WIDE: return %[[L]]
tern.param @layer.w : tensor<4xf32> from #tern.elements<path = "m", offset = 0>
tern.param @layer.b : tensor<4xf32> from #tern.elements<path = "m", offset = 16>
tern.param @layer.ids : tensor<4xi64> from #tern.elements<path = "m", offset = 32>
tern.param @other : tensor<4xf32> from #tern.elements<path = "m", offset = 64>

func.func @main(%x: tensor<4xf32> {tern.input = "x"})
    -> (tensor<4xf32> {tern.output = "y"}, tensor<f32> {tern.output = "error"},
        tensor<1x1xf32> {tern.output = "wide"}) {
  %w = tern.get_param @layer.w : tensor<4xf32>
  %b = tern.get_param @layer.b : tensor<4xf32>
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
