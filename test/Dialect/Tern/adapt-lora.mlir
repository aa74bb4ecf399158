// RUN: sterna-opt %s --sterna-adapt-lora=rank=2 | FileCheck %s
// RUN: sterna-opt %s --sterna-adapt-lora="rank=2 targets=gate_proj" | FileCheck %s --check-prefix=GATE
// RUN: not sterna-opt %s --sterna-adapt-lora=targets=q,head 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not sterna-opt %s --sterna-adapt-lora=rank=0 2>&1 | FileCheck %s --check-prefix=RANK

// UNKNOWN: error: unknown LoRA target 'head'; expected all or a list of q, k, v, o, gate, up, down
// RANK: error: expected a rank of at least 1, but got 0

// The module names the rank and the projections, as PEFT calls them.
// CHECK: module attributes {tern.lora = #tern.lora<rank = 2, targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]>}
// GATE: targets = ["gate_proj"]
module {
  tern.param @blk.3.attn_q.weight : tensor<16x8x!tern.trit> from #tern.file<path = "m.gguf", offset = 0, storage = tq2_0>
  tern.param @blk.3.ffn_gate.weight : tensor<16x8x!tern.trit> from #tern.file<path = "m.gguf", offset = 64, storage = tq2_0>
  tern.param @blk.3.ffn_up.weight : tensor<16x8x!tern.trit> from #tern.file<path = "m.gguf", offset = 128, storage = tq2_0>

  // The program without adapters stays as it was.
  // CHECK-LABEL: func.func @forward(
  // CHECK-NOT: linalg.matmul

  // A branch reads the unquantized input: x A^T, scaled, B^T, and the sum.
  // CHECK-LABEL: func.func @forward_lora(
  // CHECK-SAME: %[[X:.+]]: tensor<4x8xf32> {tern.input = "x"}, %{{[a-z0-9]+}}: tensor<1xf32> {tern.input = "s"}, %[[SCALE:.+]]: tensor<f32> {tern.input = "lora_scale"}
  // CHECK-SAME: %[[A:.+]]: tensor<2x8xf32> {tern.state = #tern.state<name = "blk.3.attn_q.lora_a", kind = lora_a, layer = 3, target = "q_proj">}
  // CHECK-SAME: %[[B:.+]]: tensor<16x2xf32> {tern.state = #tern.state<name = "blk.3.attn_q.lora_b", kind = lora_b, layer = 3, target = "q_proj">}
  // CHECK: %[[Y:.+]] = tern.linear %[[X]], {{.*}} {int8_activations,
  // CHECK: %[[U:.+]] = linalg.matmul {{.*}} ins(%[[X]], %[[A]] : tensor<4x8xf32>, tensor<2x8xf32>)
  // CHECK: %[[F:.+]] = linalg.broadcast ins(%[[SCALE]] : tensor<f32>)
  // CHECK: %[[SCALED:.+]] = arith.mulf %[[U]], %[[F]]
  // CHECK: %[[V:.+]] = linalg.matmul {{.*}} ins(%[[SCALED]], %[[B]] : tensor<4x2xf32>, tensor<16x2xf32>)
  // CHECK: %[[SUM:.+]] = arith.addf %[[V]], %[[Y]]
  // CHECK: tern.linear
  // CHECK: linalg.matmul
  // CHECK: linalg.matmul
  // A linear without a role is left alone, whatever its parameter is called.
  // CHECK: %[[OTHER:.+]] = tern.linear
  // CHECK-NOT: linalg.matmul
  // CHECK: return %[[SUM]], %{{.+}}, %[[OTHER]]

  // GATE-LABEL: func.func @forward_lora(
  // GATE-NOT: attn_q.lora_a
  // GATE-SAME: name = "blk.3.ffn_gate.lora_a"
  func.func @forward(%x: tensor<4x8xf32> {tern.input = "x"}, %s: tensor<1xf32> {tern.input = "s"})
      -> (tensor<4x16xf32>, tensor<4x16xf32>, tensor<4x16xf32>) {
    %q = tern.get_param @blk.3.attn_q.weight : tensor<16x8x!tern.trit>
    %a = tern.linear %x, %q, %s {int8_activations, role = #tern.role<layer = 3, projection = q_proj>} : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
    %g = tern.get_param @blk.3.ffn_gate.weight : tensor<16x8x!tern.trit>
    %b = tern.linear %x, %g, %s {role = #tern.role<layer = 3, projection = gate_proj>} : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
    %o = tern.get_param @blk.3.ffn_up.weight : tensor<16x8x!tern.trit>
    %c = tern.linear %x, %o, %s : tensor<4x8xf32>, tensor<16x8x!tern.trit>, tensor<1xf32> -> tensor<4x16xf32>
    return %a, %b, %c : tensor<4x16xf32>, tensor<4x16xf32>, tensor<4x16xf32>
  }
}
