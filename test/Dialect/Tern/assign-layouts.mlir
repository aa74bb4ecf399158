// RUN: sterna-opt %s --sterna-assign-layouts | FileCheck %s
// RUN: sterna-opt %s --sterna-assign-layouts="rows=4 columns=32" | FileCheck %s --check-prefix=OTHER

// A ternary parameter gets a layout, other parameters none.
// CHECK: tern.param @w : tensor<16x8x!tern.trit, #tern.panel<rows = 8, columns = 16>>
// OTHER: tern.param @w : tensor<16x8x!tern.trit, #tern.panel<rows = 4, columns = 32>>
tern.param @w : tensor<16x8x!tern.trit> from #tern.file<path = "m.gguf", offset = 0, storage = tq2_0>
// CHECK: tern.param @norm : tensor<8xf32> from
tern.param @norm : tensor<8xf32> from #tern.file<path = "m.gguf", offset = 64, storage = f32>

// Uses follow, so that the types stay the parameter's.
// CHECK-LABEL: func.func @use(
// CHECK: %[[W:.+]] = tern.get_param @w : tensor<16x8x!tern.trit, #tern.panel<rows = 8, columns = 16>>
// CHECK: tern.get_param @norm : tensor<8xf32>
// CHECK: tern.matmul %{{.+}}, %[[W]], %{{.+}} : tensor<4x8xf32>, tensor<16x8x!tern.trit, #tern.panel<rows = 8, columns = 16>>
func.func @use(%x: tensor<4x8xf32>, %s: tensor<1xf32>) -> tensor<4x16xf32> {
  %w = tern.get_param @w : tensor<16x8x!tern.trit>
  %g = tern.get_param @norm : tensor<8xf32>
  %n = tern.rms_norm %x, %g {epsilon = 1.0e-05 : f64} : tensor<4x8xf32>, tensor<8xf32>
  %y = tern.matmul %n, %w, %s : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}
