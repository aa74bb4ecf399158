// RUN: sterna-opt %s --sterna-schedule --sterna-verify-plan | FileCheck %s

// State that one program sees as a flat tensor lies side by side for all, in
// the order of the flat tensor, wherever its first use stands.
// CHECK: module attributes {plan.state_bytes = 448 : i64

plan.kernel @grow tied [0] {
^bb0(%x: tensor<4xf32>):
  %y = arith.addf %x, %x : tensor<4xf32>
  plan.yield %y : tensor<4xf32>
}
plan.kernel @grow_all tied [0] {
^bb0(%x: tensor<3x16xf32>):
  %y = arith.addf %x, %x : tensor<3x16xf32>
  plan.yield %y : tensor<3x16xf32>
}

// CHECK-LABEL: plan.program @attend
// CHECK: plan.buffer state at 0 name "cache" : memref<4xf32>
func.func @attend(%x: tensor<4xf32> {tern.state = #tern.state<name = "cache", kind = kv_cache>})
    -> (tensor<4xf32> {tern.tied = 0 : i64}) {
  %y = plan.dispatch @grow(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// CHECK-LABEL: plan.program @second
// CHECK: plan.buffer state at 128 name "b" : memref<4xf32>
func.func @second(%x: tensor<4xf32> {tern.state = #tern.state<name = "b", kind = lora_b, target = "q_proj">})
    -> (tensor<4xf32> {tern.tied = 0 : i64}) {
  %y = plan.dispatch @grow(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// CHECK-LABEL: plan.program @flat
// CHECK: plan.buffer state at 64 name "a" : memref<3x16xf32>
// CHECK: plan.buffer state at 256 name "a.moment1" : memref<3x16xf32>
func.func @flat(
    %x: tensor<3x16xf32> {tern.states = [
      #tern.state_part<state = <name = "a", kind = lora_a, target = "q_proj">, type = tensor<2x4xf32>, offset = 0>,
      #tern.state_part<state = <name = "b", kind = lora_b, target = "q_proj">, type = tensor<4xf32>, offset = 16>]},
    %m: tensor<3x16xf32> {tern.states = [
      #tern.state_part<state = <name = "a.moment1", kind = moment1, target = "q_proj">, type = tensor<2x4xf32>, offset = 0>,
      #tern.state_part<state = <name = "b.moment1", kind = moment1, target = "q_proj">, type = tensor<4xf32>, offset = 16>]})
    -> (tensor<3x16xf32> {tern.tied = 0 : i64}, tensor<3x16xf32> {tern.tied = 1 : i64}) {
  %y = plan.dispatch @grow_all(%x) : (tensor<3x16xf32>) -> tensor<3x16xf32>
  %n = plan.dispatch @grow_all(%m) : (tensor<3x16xf32>) -> tensor<3x16xf32>
  return %y, %n : tensor<3x16xf32>, tensor<3x16xf32>
}

// Two programs may have the same flat tensor.
// CHECK-LABEL: plan.program @again
// CHECK: plan.buffer state at 256 name "a.moment1" : memref<3x16xf32>
func.func @again(
    %m: tensor<3x16xf32> {tern.states = [
      #tern.state_part<state = <name = "a.moment1", kind = moment1, target = "q_proj">, type = tensor<2x4xf32>, offset = 0>,
      #tern.state_part<state = <name = "b.moment1", kind = moment1, target = "q_proj">, type = tensor<4xf32>, offset = 16>]})
    -> (tensor<3x16xf32> {tern.tied = 0 : i64}) {
  %n = plan.dispatch @grow_all(%m) : (tensor<3x16xf32>) -> tensor<3x16xf32>
  return %n : tensor<3x16xf32>
}

// Each state tensor is listed, in order of its place.
// CHECK: plan.state @cache : memref<4xf32> at 0
// CHECK-NEXT: plan.state @a : memref<2x4xf32> at 64
// CHECK-NEXT: plan.state @b : memref<4xf32> at 128
// CHECK-NEXT: plan.state @a.moment1 : memref<2x4xf32> at 256
// CHECK-NEXT: plan.state @b.moment1 : memref<4xf32> at 320
// CHECK-NOT: plan.state
