// RUN: sterna-opt %s --sterna-assign-layouts | FileCheck %s
// RUN: not sterna-opt %s --sterna-assign-layouts=columns=32 2>&1 | FileCheck %s --check-prefix=COLUMNS
// RUN: sterna-opt %s --sterna-assign-layouts="rows=4 columns=20" | FileCheck %s --check-prefix=OTHER

// COLUMNS: error: expected panels of at least one row and blocks of 16 or 20 columns, but got 8 and 32

// A ternary parameter gets a layout, other parameters none.
// CHECK: tern.param @w : tensor<16x8x!tern.trit, #tern.panel<rows = 8, columns = 16>>
// OTHER: tern.param @w : tensor<16x8x!tern.trit, #tern.panel<rows = 4, columns = 20>>
tern.param @w : tensor<16x8x!tern.trit> from #tern.file<path = "m.gguf", offset = 0, storage = tq2_0>
// One with scales per group has blocks that end with them.
// OTHER: tern.param @grouped : tensor<16x8x!tern.trit, #tern.panel<rows = 4, columns = 16>>
tern.param @grouped : tensor<16x8x!tern.trit> from #tern.file<path = "m.gguf", offset = 32, storage = tq2_0>
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

// OTHER-LABEL: func.func @grouped_use(
// OTHER: tern.get_param @grouped : tensor<16x8x!tern.trit, #tern.panel<rows = 4, columns = 16>>
func.func @grouped_use(%x: tensor<4x8xf32>, %s: tensor<16x2xf32>) -> tensor<4x16xf32> {
  %w = tern.get_param @grouped : tensor<16x8x!tern.trit>
  %y = tern.matmul %x, %w, %s {group = 4 : i64} : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<16x2xf32> -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}
