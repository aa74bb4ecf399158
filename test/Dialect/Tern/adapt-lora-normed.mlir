// RUN: sterna-opt %s --sterna-adapt-lora=rank=2 --split-input-file --verify-diagnostics | FileCheck %s

// A norm that belongs to the linear is not in the way of its branch.
// CHECK-LABEL: func.func @forward_lora(
// CHECK-SAME: %[[X:.+]]: tensor<4x8xf32> {tern.input = "x"}
// CHECK: %[[H:.+]] = tern.rms_norm %[[X]]
// CHECK: tern.linear %[[H]],
// CHECK: linalg.matmul {{.*}} ins(%[[X]], %{{.+}} : tensor<4x8xf32>, tensor<2x8xf32>)
func.func @forward(%x: tensor<4x8xf32> {tern.input = "x"}, %s: tensor<1xf32> {tern.input = "s"},
    %g: tensor<8xf32> {tern.input = "g"}, %w: tensor<16x8x!tern.trit> {tern.input = "w"})
    -> (tensor<4x16xf32> {tern.output = "y"}) {
  %h = tern.rms_norm %x, %g {epsilon = 1.0e-05 : f64} : tensor<4x8xf32>, tensor<8xf32>
  %y = tern.linear %h, %w, %s {role = #tern.role<layer = 0, projection = q_proj, normed = true>}
      : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}

// -----

func.func @without(%x: tensor<4x8xf32> {tern.input = "x"}, %s: tensor<1xf32> {tern.input = "s"},
    %w: tensor<16x8x!tern.trit> {tern.input = "w"}) -> (tensor<4x16xf32> {tern.output = "y"}) {
  // expected-error @+1 {{'tern.linear' op expected its input to be a tern.rms_norm, as its role says}}
  %y = tern.linear %x, %w, %s {role = #tern.role<layer = 0, projection = q_proj, normed = true>}
      : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}
