// RUN: sterna-opt %s --split-input-file --verify-diagnostics --sterna-schedule

// A result that nothing computes has no place of its own.
// expected-error @+1 {{expected result 0 to be computed by a dispatch of its own}}
func.func @passes_through(%x: tensor<4xf32> {tern.input = "x"}) -> (tensor<4xf32> {tern.output = "y"}) {
  return %x : tensor<4xf32>
}

// -----

plan.kernel @k tied [-1] {
^bb0(%x: tensor<4xf32>):
  %y = math.exp %x : tensor<4xf32>
  plan.yield %y : tensor<4xf32>
}
// One value cannot be in two places.
// expected-error @+1 {{expected result 1 to be computed by a dispatch of its own}}
func.func @returned_twice(%x: tensor<4xf32> {tern.input = "x"})
    -> (tensor<4xf32> {tern.output = "y"}, tensor<4xf32> {tern.output = "z"}) {
  %y = plan.dispatch @k(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y, %y : tensor<4xf32>, tensor<4xf32>
}

// -----

plan.kernel @k tied [-1] {
^bb0(%x: tensor<4xf32>):
  %y = math.exp %x : tensor<4xf32>
  plan.yield %y : tensor<4xf32>
}
// The old value of a state tensor is gone once its replacement is written.
func.func @read_after_replacement(
    %s: tensor<4xf32> {tern.state = {kind = "gradient", layer = 0 : i64, name = "g", target = "q_proj"}})
    -> (tensor<4xf32> {tern.tied = 0 : i64}, tensor<4xf32> {tern.output = "y"}) {
  %r = plan.dispatch @k(%s) : (tensor<4xf32>) -> tensor<4xf32>
  // expected-error @+1 {{reads a state tensor after its replacement was computed}}
  %y = plan.dispatch @k(%s) : (tensor<4xf32>) -> tensor<4xf32>
  return %r, %y : tensor<4xf32>, tensor<4xf32>
}
