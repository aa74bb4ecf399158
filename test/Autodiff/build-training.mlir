// RUN: sterna-opt %s --sterna-build-training="loss=eval_lora trainable=lora_a,lora_b" --canonicalize --cse | FileCheck %s
// RUN: sterna-opt %s --sterna-build-training="loss=eval_lora trainable=lora_b" --canonicalize --cse | FileCheck %s --check-prefix=STATE
// RUN: sterna-opt %s --sterna-build-training="loss=eval_lora trainable=lora_a,lora_b clipping=previous" --canonicalize --cse | FileCheck %s --check-prefix=STEP
// RUN: sterna-opt %s --sterna-build-training="loss=eval_lora trainable=lora_a,lora_b int8-state" | FileCheck %s --check-prefix=INT8
// RUN: sterna-opt %s --sterna-build-training="loss=eval_lora trainable=lora_a,lora_b optimizer=sgd" | FileCheck %s --check-prefix=SGD

#rows = affine_map<(m, n, k) -> (m, k)>
#transposed = affine_map<(m, n, k) -> (n, k)>
#result = affine_map<(m, n, k) -> (m, n)>

func.func @eval_lora(
    %x: tensor<4x8xf32> {tern.input = "tokens"},
    %scale: tensor<f32> {tern.input = "lora_scale"},
    %a: tensor<2x8xf32> {tern.state = #tern.state<name = "q.lora_a", kind = lora_a, target = "q_proj">},
    %b: tensor<6x2xf32> {tern.state = #tern.state<name = "q.lora_b", kind = lora_b, target = "q_proj">})
    -> (tensor<f32> {tern.output = "loss"}) {
  %zero = arith.constant 0.0 : f32
  %eu = tensor.empty() : tensor<4x2xf32>
  %zu = linalg.fill ins(%zero : f32) outs(%eu : tensor<4x2xf32>) -> tensor<4x2xf32>
  %u = linalg.matmul indexing_maps = [#rows, #transposed, #result]
      ins(%x, %a : tensor<4x8xf32>, tensor<2x8xf32>) outs(%zu : tensor<4x2xf32>) -> tensor<4x2xf32>
  %s = linalg.broadcast ins(%scale : tensor<f32>) outs(%eu : tensor<4x2xf32>) dimensions = [0, 1]
  %v = arith.mulf %u, %s : tensor<4x2xf32>
  %ey = tensor.empty() : tensor<4x6xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<4x6xf32>) -> tensor<4x6xf32>
  %y = linalg.matmul indexing_maps = [#rows, #transposed, #result]
      ins(%v, %b : tensor<4x2xf32>, tensor<6x2xf32>) outs(%zy : tensor<4x6xf32>) -> tensor<4x6xf32>
  %start = arith.constant dense<0.0> : tensor<f32>
  %loss = linalg.reduce { arith.addf } ins(%y : tensor<4x6xf32>) outs(%start : tensor<f32>) dimensions = [0, 1]
  return %loss : tensor<f32>
}

// The micro-batch: the seed is the loss scale, and each gradient is selected or
// accumulated into its own argument.
// CHECK-LABEL: func.func @train_micro(
// CHECK-SAME: %[[X:[^ ]+]]: tensor<4x8xf32> {tern.input = "tokens"}
// CHECK-SAME: %[[LORA:[^ ]+]]: tensor<f32> {tern.input = "lora_scale"}
// CHECK-SAME: %[[A:[^ ]+]]: tensor<2x8xf32> {tern.state = #tern.state<name = "q.lora_a", kind = lora_a
// CHECK-SAME: %[[B:[^ ]+]]: tensor<6x2xf32> {tern.state = #tern.state<name = "q.lora_b", kind = lora_b
// CHECK-SAME: %[[SEED:[^ ]+]]: tensor<f32> {tern.input = "loss_scale", tern.loss_scale}
// CHECK-SAME: %[[ACCUMULATE:[^ ]+]]: tensor<f32> {tern.input = "accumulate"}
// CHECK-SAME: %[[GA:[^ ]+]]: tensor<2x8xf32> {tern.state = #tern.state<name = "q.lora_a.gradient", kind = gradient, target = "q_proj">}
// CHECK-SAME: %[[GB:[^ ]+]]: tensor<6x2xf32> {tern.state = #tern.state<name = "q.lora_b.gradient", kind = gradient, target = "q_proj">}
// CHECK-SAME: -> (tensor<f32> {tern.output = "loss"}, tensor<2x8xf32> {tern.tied = 6 : i64}, tensor<6x2xf32> {tern.tied = 7 : i64})
// CHECK: %[[LOSS:.+]] = linalg.reduce
// CHECK: linalg.broadcast ins(%[[SEED]] : tensor<f32>)
// CHECK: %[[DB:.+]] = linalg.matmul {{.*}}-> tensor<6x2xf32>
// CHECK: %[[FLAG:.+]] = linalg.broadcast ins(%[[ACCUMULATE]] : tensor<f32>)
// CHECK: %[[FIRST:.+]] = arith.cmpf oeq, %[[FLAG]],
// CHECK: %[[SUM:.+]] = arith.addf %[[GB]], %[[DB]]
// CHECK: %[[NEWGB:.+]] = arith.select %[[FIRST]], %[[DB]], %[[SUM]] : tensor<6x2xi1>, tensor<6x2xf32>
// CHECK: %[[DA:.+]] = linalg.matmul {{.*}}-> tensor<2x8xf32>
// CHECK: %[[NEWGA:.+]] = arith.select {{.*}}, %[[DA]],
// CHECK: %[[SCALED:.+]] = arith.mulf %[[LOSS]], %[[SEED]]
// CHECK: return %[[SCALED]], %[[NEWGA]], %[[NEWGB]]

// The optimizer knows no matrices: A and B lie side by side in a flat tensor,
// as do their gradients and moments, each from a multiple of 64 bytes on.
// CHECK-LABEL: func.func @train_apply(
// CHECK-SAME: %[[RATE:[^ ]+]]: tensor<f32> {tern.input = "learning_rate"}
// CHECK-SAME: %[[DECAY:[^ ]+]]: tensor<f32> {tern.input = "weight_decay"}
// CHECK-SAME: %[[LIMIT:[^ ]+]]: tensor<f32> {tern.input = "max_grad_norm"}
// CHECK-SAME: {tern.input = "bias_correction1"}
// CHECK-SAME: {tern.input = "bias_correction2"}
// CHECK-SAME: %[[P:[^ ]+]]: tensor<1x1024xf32> {tern.states = [
// CHECK-SAME: #tern.state_part<state = <name = "q.lora_a", kind = lora_a, target = "q_proj">, type = tensor<2x8xf32>, offset = 0>,
// CHECK-SAME: #tern.state_part<state = <name = "q.lora_b", kind = lora_b, target = "q_proj">, type = tensor<6x2xf32>, offset = 16>]}
// CHECK-SAME: %[[G:[^ ]+]]: tensor<1x1024xf32> {tern.states = [#tern.state_part<state = <name = "q.lora_a.gradient", kind = gradient,
// CHECK-SAME: %[[M:[^ ]+]]: tensor<1x1024xf32> {tern.states = [#tern.state_part<state = <name = "q.lora_a.moment1", kind = moment1,
// CHECK-SAME: %[[V:[^ ]+]]: tensor<1x1024xf32> {tern.states = [#tern.state_part<state = <name = "q.lora_a.moment2", kind = moment2,
// CHECK-SAME: -> (tensor<f32> {tern.output = "grad_norm"}, tensor<1x1024xf32> {tern.tied = 5 : i64}, tensor<1x1024xf32> {tern.tied = 7 : i64}, tensor<1x1024xf32> {tern.tied = 8 : i64})
// CHECK: %[[LANES:.+]] = tensor.expand_shape %[[G]]
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction", "parallel"]} ins(%[[LANES]] : tensor<1x16x64xf32>)
// CHECK: %[[NORM:.+]] = math.sqrt
// CHECK: %[[RATIO:.+]] = arith.divf %[[LIMIT]],
// CHECK: %[[CLIPPED:.+]] = arith.minnumf %[[RATIO]],
// CHECK: arith.select {{.*}}, %[[CLIPPED]]
// CHECK: %[[NEW:.+]]:3 = linalg.generic {{.*}} ins({{.*}}, %[[NORM]], %[[G]] : {{.*}}) outs(%[[P]], %[[M]], %[[V]] :
// CHECK: return %[[NORM]], %[[NEW]]#0, %[[NEW]]#1, %[[NEW]]#2

// With no exact clipping there is one program, which keeps no gradient: each
// trainable is updated behind its gradient and its last reader.
// STEP-NOT: func.func @train_micro
// STEP-LABEL: func.func @train_step(
// STEP-SAME: %[[A:[^ ]+]]: tensor<2x8xf32> {tern.state = #tern.state<name = "q.lora_a", kind = lora_a
// STEP-SAME: %[[B:[^ ]+]]: tensor<6x2xf32> {tern.state = #tern.state<name = "q.lora_b", kind = lora_b
// STEP-SAME: {tern.input = "loss_scale", tern.loss_scale}
// STEP-SAME: %[[HOLD:[^ ]+]]: tensor<f32> {tern.input = "hold"}
// STEP-SAME: {tern.input = "clip"}
// STEP-NOT: kind = gradient
// STEP-SAME: %[[MA:[^ ]+]]: tensor<2x8xf32> {tern.state = #tern.state<name = "q.lora_a.moment1"
// STEP-SAME: -> (tensor<f32> {tern.output = "loss"}, tensor<2x8xf32> {tern.tied = 2 : i64}, {{.*}}, tensor<f32> {tern.output = "grad_norm"})
// STEP: %[[LOSS:.+]] = linalg.reduce
// STEP: linalg.matmul {{.*}}ins({{.*}}, %[[B]]
// STEP: linalg.generic {{.*}} ins({{.*}}, %[[LOSS]], %[[HOLD]], {{.*}}) outs(%[[B]],
// STEP: %[[DA:.+]] = linalg.matmul {{.*}}-> tensor<2x8xf32>
// STEP: linalg.generic {{.*}} ins({{.*}}, %[[LOSS]], %[[HOLD]], {{.*}}, %[[DA]] : {{.*}}) outs(%[[A]], %[[MA]],

// Moments in 8 bits are the flat tensors' own, a scale for each 256.
// INT8-LABEL: func.func @train_apply(
// INT8-SAME: {tern.input = "rounding_seed"}
// INT8-SAME: tensor<4x256xi8> {tern.state = #tern.state<name = "optimizer.0.moment1", kind = moment1>}
// INT8-SAME: tensor<4xf32> {tern.state = #tern.state<name = "optimizer.0.moment1.scale", kind = moment1>}
// INT8: tern.blockwise_adamw

// SGD has no state beside its parameters.
// SGD: tern.optimizer = #tern.optimizer<kind = sgd, clipping = exact, beta1 = 0.000000e+00 : f64, beta2 = 0.000000e+00 : f64>
// SGD-LABEL: func.func @train_apply(
// SGD-NOT: moment
// SGD-NOT: bias_correction
// SGD: return

// Of other states no gradient is built.
// STATE-LABEL: func.func @train_micro(
// STATE-NOT: lora_a.gradient
// STATE-SAME: name = "q.lora_b.gradient"
// STATE-SAME: -> (tensor<f32> {tern.output = "loss"}, tensor<6x2xf32> {tern.tied = 6 : i64})
// STATE-NOT: tensor<2x8xf32> {tern.tied
