// RUN: sterna-opt %s --sterna-form-dispatches --split-input-file | FileCheck %s

// A root takes along the elementwise ops that follow it alone, and two groups
// of one structure share a kernel: parameters are arguments.
// CHECK-LABEL: func.func @root_and_epilogue(
// CHECK-SAME: %[[X:.+]]: tensor<4x8xf32> {tern.input = "x"}, %[[R:.+]]: tensor<4x8xf32>
// CHECK-DAG: %[[V:.+]] = tern.get_param @v
// CHECK-DAG: %[[W:.+]] = tern.get_param @w
// CHECK: %[[Y:.+]] = plan.dispatch @[[KERNEL:rms_norm_[0-9]+]](%[[X]], %[[V]], %[[R]])
// CHECK: %[[Z:.+]] = plan.dispatch @[[KERNEL]](%[[Y]], %[[W]], %[[R]])
// CHECK-NEXT: return %[[Z]]
// CHECK: plan.kernel @[[KERNEL]] tied [-1] {
// CHECK-NEXT: ^bb0(%[[A:.+]]: tensor<4x8xf32>, %[[G:.+]]: tensor<8xf32>, %[[B:.+]]: tensor<4x8xf32>):
// CHECK-NEXT: %[[N:.+]] = tern.rms_norm %[[A]], %[[G]]
// CHECK-NEXT: %[[S:.+]] = arith.addf %[[N]], %[[B]]
// CHECK-NEXT: plan.yield %[[S]]
// CHECK-NOT: plan.kernel
tern.param @v : tensor<8xf32> from #tern.file<path = "m.gguf", offset = 0, storage = f32>
tern.param @w : tensor<8xf32> from #tern.file<path = "m.gguf", offset = 64, storage = f32>
func.func @root_and_epilogue(%x: tensor<4x8xf32> {tern.input = "x"}, %r: tensor<4x8xf32> {tern.input = "r"})
    -> (tensor<4x8xf32> {tern.output = "y"}) {
  %v = tern.get_param @v : tensor<8xf32>
  %w = tern.get_param @w : tensor<8xf32>
  %a = tern.rms_norm %x, %v {epsilon = 1.0e-05 : f64} : tensor<4x8xf32>, tensor<8xf32>
  %b = arith.addf %a, %r : tensor<4x8xf32>
  %c = tern.rms_norm %b, %w {epsilon = 1.0e-05 : f64} : tensor<4x8xf32>, tensor<8xf32>
  %d = arith.addf %c, %r : tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}

// -----

// A run of elementwise ops of one shape is one kernel; the constant is cloned
// into it.
// CHECK-LABEL: func.func @elementwise(
// CHECK-NEXT: %[[Y:.+]] = plan.dispatch @[[KERNEL:.+]](%{{.+}}) : (tensor<4xf32>) -> tensor<4xf32>
// CHECK-NEXT: return %[[Y]]
// CHECK: plan.kernel @[[KERNEL]] tied [-1] {
// CHECK-DAG: %[[E:.+]] = math.exp
// CHECK-DAG: %[[ONE:.+]] = arith.constant
// CHECK: arith.addf %[[E]], %[[ONE]]
func.func @elementwise(%x: tensor<4xf32> {tern.input = "x"}) -> (tensor<4xf32> {tern.output = "y"}) {
  %one = arith.constant dense<1.0> : tensor<4xf32>
  %e = math.exp %x : tensor<4xf32>
  %y = arith.addf %e, %one : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// Reshapes and contiguous slices stay outside, as views; a slice of columns is
// computed.
// CHECK-LABEL: func.func @views(
// CHECK-SAME: %[[X:.+]]: tensor<4x8xf32>
// CHECK: %[[ROWS:.+]] = tensor.extract_slice %[[X]][2, 0] [2, 8] [1, 1]
// CHECK: %[[FLAT:.+]] = tensor.collapse_shape %[[ROWS]]
// CHECK: %{{.+}} = plan.dispatch @exp_{{[0-9]+}}(%[[FLAT]])
// CHECK: %{{.+}} = plan.dispatch @extract_slice_{{[0-9]+}}(%[[X]])
// CHECK: return
func.func @views(%x: tensor<4x8xf32> {tern.input = "x"})
    -> (tensor<16xf32> {tern.output = "y"}, tensor<4x2xf32> {tern.output = "z"}) {
  %rows = tensor.extract_slice %x[2, 0] [2, 8] [1, 1] : tensor<4x8xf32> to tensor<2x8xf32>
  %flat = tensor.collapse_shape %rows [[0, 1]] : tensor<2x8xf32> into tensor<16xf32>
  %y = math.exp %flat : tensor<16xf32>
  %z = tensor.extract_slice %x[0, 2] [4, 2] [1, 1] : tensor<4x8xf32> to tensor<4x2xf32>
  return %y, %z : tensor<16xf32>, tensor<4x2xf32>
}

// -----

// A view of a run's value ends the run: the run stands before it, and what reads
// the view after it.
// CHECK-LABEL: func.func @checkpoint_in_run(
// CHECK: %[[A:.+]] = plan.dispatch @addf_0(
// CHECK-NEXT: %[[C:.+]] = tern.checkpoint %[[A]]
// CHECK-NEXT: %[[Y:.+]] = plan.dispatch @mulf_1(%[[C]]
// CHECK-NEXT: return %[[Y]]
func.func @checkpoint_in_run(%x: tensor<4x8xf32> {tern.input = "x"}) -> (tensor<4x8xf32> {tern.output = "y"}) {
  %a = arith.addf %x, %x : tensor<4x8xf32>
  %c = tern.checkpoint %a : tensor<4x8xf32>
  %y = arith.mulf %c, %x : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// Views of views, back to the first shape.
// CHECK-LABEL: func.func @reshapes_in_run(
// CHECK: %[[A:.+]] = plan.dispatch @addf_0(
// CHECK-NEXT: %[[FLAT:.+]] = tensor.collapse_shape %[[A]]
// CHECK-NEXT: %[[C:.+]] = tern.checkpoint %[[FLAT]]
// CHECK-NEXT: %[[BACK:.+]] = tensor.expand_shape %[[C]]
// CHECK-NEXT: plan.dispatch @mulf_1(%[[BACK]]
func.func @reshapes_in_run(%x: tensor<4x8xf32> {tern.input = "x"}) -> (tensor<4x8xf32> {tern.output = "y"}) {
  %a = arith.addf %x, %x : tensor<4x8xf32>
  %flat = tensor.collapse_shape %a [[0, 1]] : tensor<4x8xf32> into tensor<32xf32>
  %c = tern.checkpoint %flat : tensor<32xf32>
  %back = tensor.expand_shape %c [[0, 1]] output_shape [4, 8] : tensor<32xf32> into tensor<4x8xf32>
  %y = arith.mulf %back, %x : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// The view need not be read by what would join: here a slice is, much later,
// and a viewed constant before.
// CHECK-LABEL: func.func @slice_in_run(
// CHECK: %[[ONES:.+]] = plan.dispatch @constant_0()
// CHECK: %[[A:.+]] = plan.dispatch @addf_1(
// CHECK: %[[ROW:.+]] = tensor.extract_slice %[[A]]
// CHECK: %[[Y:.+]] = plan.dispatch @mulf_2(
// CHECK: %[[Z:.+]] = plan.dispatch @exp_3(%[[ROW]]
// CHECK: return %[[Y]], %[[Z]]
func.func @slice_in_run(%x: tensor<4x8xf32> {tern.input = "x"})
    -> (tensor<4x8xf32> {tern.output = "y"}, tensor<1x8xf32> {tern.output = "z"}) {
  %one = arith.constant dense<1.0> : tensor<32xf32>
  %ones = tensor.expand_shape %one [[0, 1]] output_shape [4, 8] : tensor<32xf32> into tensor<4x8xf32>
  %a = arith.addf %x, %ones : tensor<4x8xf32>
  %row = tensor.extract_slice %a[1, 0] [1, 8] [1, 1] : tensor<4x8xf32> to tensor<1x8xf32>
  %y = arith.mulf %x, %x : tensor<4x8xf32>
  %z = math.exp %row : tensor<1x8xf32>
  return %y, %z : tensor<4x8xf32>, tensor<1x8xf32>
}

// -----

// Runs go on after a view of something else.
// CHECK-LABEL: func.func @view_of_another(
// CHECK: plan.dispatch
// CHECK-NOT: plan.dispatch
// CHECK: return
func.func @view_of_another(%x: tensor<4x8xf32> {tern.input = "x"}) -> (tensor<4x8xf32> {tern.output = "y"}) {
  %a = arith.addf %x, %x : tensor<4x8xf32>
  %c = tern.checkpoint %x : tensor<4x8xf32>
  %y = arith.mulf %c, %a : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// State that a result replaces is tied to its argument.
// CHECK-LABEL: func.func @tied(
// CHECK: plan.kernel @{{.+}} tied [0] {
func.func @tied(%s: tensor<4xf32> {tern.state = #tern.state<name = "g", kind = gradient, target = "q_proj">},
                %x: tensor<4xf32> {tern.input = "x"}) -> (tensor<4xf32> {tern.tied = 0 : i64}) {
  %y = arith.addf %s, %x : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// What is not a program is left alone: its argument is neither input nor state.
// CHECK-LABEL: func.func @helper(
// CHECK-NEXT: math.exp
func.func @helper(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = math.exp %x : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// Each output has a value of its own: arguments, parameters, parts of values and
// what is an output already are copied. A program needs no inputs.
// CHECK-LABEL: func.func @outputs(
// CHECK-SAME: %[[X:.+]]: tensor<4xf32>
// CHECK-DAG: %[[W:.+]] = tern.get_param @w
// CHECK-DAG: %[[Y:.+]] = plan.dispatch @negf_{{[0-9]+}}(%[[X]])
// CHECK-DAG: %[[P:.+]] = tensor.extract_slice %[[Y]]
// CHECK-DAG: %[[A:.+]] = plan.dispatch @copy_{{[0-9]+}}(%[[Y]])
// CHECK-DAG: %[[B:.+]] = plan.dispatch @copy_{{[0-9]+}}(%[[P]])
// CHECK-DAG: %[[C:.+]] = plan.dispatch @copy_{{[0-9]+}}(%[[X]])
// CHECK-DAG: %[[D:.+]] = plan.dispatch @copy_{{[0-9]+}}(%[[W]])
// CHECK: return %[[Y]], %[[A]], %[[B]], %[[C]], %[[D]]
// CHECK-LABEL: func.func @no_inputs(
// CHECK: plan.dispatch
tern.param @w : tensor<4xf32> from #tern.elements<path = "m.onnx", offset = 0>
func.func @outputs(%x: tensor<4xf32> {tern.input = "x"})
    -> (tensor<4xf32> {tern.output = "y"}, tensor<4xf32> {tern.output = "a"},
        tensor<2xf32> {tern.output = "b"}, tensor<4xf32> {tern.output = "c"},
        tensor<4xf32> {tern.output = "d"}) {
  %w = tern.get_param @w : tensor<4xf32>
  %y = arith.negf %x : tensor<4xf32>
  %p = tensor.extract_slice %y[0] [2] [1] : tensor<4xf32> to tensor<2xf32>
  return %y, %y, %p, %x, %w : tensor<4xf32>, tensor<4xf32>, tensor<2xf32>, tensor<4xf32>, tensor<4xf32>
}
func.func @no_inputs() -> (tensor<2xf32> {tern.output = "y"}) {
  %c = arith.constant dense<1.0> : tensor<2xf32>
  %y = arith.negf %c : tensor<2xf32>
  return %y : tensor<2xf32>
}
