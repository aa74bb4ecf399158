// RUN: %python %oracle/make_model.py base -o %t.gguf
// DEFINE: %{to} = sterna-compile %t.gguf --seq-len=16 --max-context=32 --lora-rank=2 --mlir-print-debuginfo -o %t.mlir --compile-to

// Each phase as the driver writes it; the phases of sterna-opt give the same.

// Pure functions on composites, parameters by name.
// RUN: %{to}=import && FileCheck %s --check-prefix=IMPORT --input-file=%t.mlir
// IMPORT: tern.param @blk.0.attn_q.weight : tensor<64x64x!tern.trit> from #tern.file<
// IMPORT: func.func @forward_1(
// IMPORT: tern.linear {{.*}} {int8_activations, role = #tern.role<layer = 0, projection = q_proj>}
// IMPORT: func.func @forward_16(
// IMPORT: func.func @forward_128(
// IMPORT: func.func @head(
// IMPORT: func.func @eval(
// IMPORT-NOT: _lora

// RUN: sterna-opt %t.mlir --sterna-phase-adapt="lora-rank=2" -o %t.adapt.mlir
// RUN: %{to}=adapt && sterna-opt %t.mlir | cmp - %t.adapt.mlir && FileCheck %s --check-prefix=ADAPT --input-file=%t.mlir
// ADAPT: func.func @forward_1_lora(
// ADAPT: func.func @eval_lora(
// ADAPT-SAME: lora_scale
// ADAPT-NOT: func.func @train

// RUN: sterna-opt %t.mlir --sterna-phase-differentiate -o %t.differentiate.mlir
// RUN: %{to}=differentiate && sterna-opt %t.mlir | cmp - %t.differentiate.mlir && FileCheck %s --check-prefix=DIFFERENTIATE --input-file=%t.mlir
// DIFFERENTIATE: func.func @train_micro(
// DIFFERENTIATE: tern.matmul_transposed
// DIFFERENTIATE: func.func @train_apply(
// DIFFERENTIATE-SAME: max_grad_norm

// RUN: sterna-opt %t.mlir --sterna-phase-optimize -o %t.optimize.mlir
// RUN: %{to}=optimize && sterna-opt %t.mlir | cmp - %t.optimize.mlir && FileCheck %s --check-prefix=OPTIMIZE --input-file=%t.mlir
// OPTIMIZE-NOT: tern.linear
// OPTIMIZE-NOT: tern.cross_entropy {{.*}}
// OPTIMIZE: tern.quantize
// OPTIMIZE: tern.matmul
// OPTIMIZE: tern.softmax_statistics

// RUN: sterna-opt %t.mlir --sterna-phase-dispatch -o %t.dispatch.mlir
// RUN: %{to}=dispatch && sterna-opt %t.mlir | cmp - %t.dispatch.mlir && FileCheck %s --check-prefix=DISPATCH --input-file=%t.mlir
// DISPATCH: module @cpu
// DISPATCH: #tern.panel<rows = 8, columns = 16>
// DISPATCH: func.func @forward_1(
// DISPATCH: plan.dispatch
// DISPATCH: plan.kernel

// RUN: sterna-opt %t.mlir --sterna-phase-schedule -o %t.schedule.mlir
// RUN: %{to}=schedule && sterna-opt %t.mlir | cmp - %t.schedule.mlir && FileCheck %s --check-prefix=SCHEDULE --input-file=%t.mlir
// SCHEDULE: module @"random base" attributes
// SCHEDULE: module @cpu attributes {plan.state_bytes = {{[0-9]+}} : i64, plan.target = #plan.target<"cpu", {{.*}}>, plan.weights_bytes = {{[0-9]+}} : i64
// SCHEDULE: plan.program @forward_1 arena
// SCHEDULE-NOT: func.func
// SCHEDULE: plan.program @train_micro arena {{[0-9]+}}
// SCHEDULE-SAME: peak {activations = {{[0-9]+}} : i64, checkpoints = {{[0-9]+}} : i64, gradients = {{[0-9]+}} : i64}
// SCHEDULE: plan.program @train_apply arena

// RUN: %{to}=codegen --target=x86-64-v3 && FileCheck %s --check-prefix=CODEGEN --input-file=%t.mlir
// CODEGEN: module @"x86-64-v3"
// CODEGEN: llvm.func internal @run_
// CODEGEN: llvm.func @sterna_kernel_library_query


// Without training or adapters their programs do not exist.
// RUN: %{to}=differentiate --no-train && FileCheck %s --check-prefix=NOTRAIN --input-file=%t.mlir
// NOTRAIN: func.func @eval_lora(
// NOTRAIN-NOT: func.func @train
// RUN: %{to}=differentiate --lora-rank=0 && FileCheck %s --check-prefix=NOLORA --input-file=%t.mlir
// NOLORA: func.func @forward_1(
// NOLORA-NOT: _lora
// NOLORA-NOT: func.func @train
