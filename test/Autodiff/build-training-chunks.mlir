// RUN: sterna-opt %s --sterna-build-training="loss=eval_lora trainable=lora_a,lora_b" | FileCheck %s

// A flat tensor takes 64 MiB, or one trainable that is larger: A and C fill the
// first to its last element, B is larger than any, D begins another.
// CHECK-LABEL: func.func @train_apply(
// CHECK-SAME: tensor<16384x1024xf32> {tern.states = [
// CHECK-SAME: name = "a"{{[^#]*}}, offset = 0>
// CHECK-SAME: name = "c"{{[^#]*}}, offset = 16777200>
// CHECK-SAME: name = "a.gradient"
// CHECK-SAME: tensor<16385x1024xf32> {tern.states = [
// CHECK-SAME: name = "b"{{[^#]*}}, offset = 0>
// CHECK-SAME: name = "b.gradient"
// CHECK-SAME: tensor<1x1024xf32> {tern.states = [
// CHECK-SAME: name = "d"{{[^#]*}}, offset = 0>
// CHECK-SAME: name = "d.gradient"

// One norm, and one update for each flat tensor.
// CHECK-COUNT-3: tensor.expand_shape
// CHECK: %[[SUM:.+]] = linalg.reduce { arith.addf } {{.*}} outs({{.*}} : tensor<f32>)
// CHECK-NEXT: %[[TOTAL:.+]] = arith.addf %{{.+}}, %[[SUM]] : tensor<f32>
// CHECK-NEXT: math.sqrt %[[TOTAL]]
// CHECK-COUNT-3: outs({{.*}} : tensor<{{[0-9]+}}x1024xf32>, tensor<{{[0-9]+}}x1024xf32>, tensor<{{[0-9]+}}x1024xf32>)
// CHECK-NOT: linalg.generic
// CHECK: return

func.func @eval_lora(
    %a: tensor<16777197xf32> {tern.state = #tern.state<name = "a", kind = lora_a, target = "q_proj">},
    %c: tensor<16xf32> {tern.state = #tern.state<name = "c", kind = lora_a, layer = 1, target = "q_proj">},
    %b: tensor<16777217xf32> {tern.state = #tern.state<name = "b", kind = lora_b, target = "q_proj">},
    %d: tensor<1xf32> {tern.state = #tern.state<name = "d", kind = lora_b, layer = 1, target = "q_proj">})
    -> (tensor<f32> {tern.output = "loss"}) {
  %start = arith.constant dense<0.0> : tensor<f32>
  %s = linalg.reduce { arith.addf } ins(%a : tensor<16777197xf32>) outs(%start : tensor<f32>) dimensions = [0]
  %t = linalg.reduce { arith.addf } ins(%b : tensor<16777217xf32>) outs(%s : tensor<f32>) dimensions = [0]
  %u = linalg.reduce { arith.addf } ins(%c : tensor<16xf32>) outs(%t : tensor<f32>) dimensions = [0]
  %loss = linalg.reduce { arith.addf } ins(%d : tensor<1xf32>) outs(%u : tensor<f32>) dimensions = [0]
  return %loss : tensor<f32>
}
