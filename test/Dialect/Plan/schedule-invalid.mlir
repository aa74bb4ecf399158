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
    %s: tensor<4xf32> {tern.state = #tern.state<name = "g", kind = gradient, target = "q_proj">})
    -> (tensor<4xf32> {tern.tied = 0 : i64}, tensor<4xf32> {tern.output = "y"}) {
  %r = plan.dispatch @k(%s) : (tensor<4xf32>) -> tensor<4xf32>
  // expected-error @+1 {{reads a state tensor after its replacement was computed}}
  %y = plan.dispatch @k(%s) : (tensor<4xf32>) -> tensor<4xf32>
  return %r, %y : tensor<4xf32>, tensor<4xf32>
}

// -----

// A state tensor has one place, and so one type.
func.func @first(%x: tensor<4xf32> {tern.state = #tern.state<name = "g", kind = gradient, target = "q_proj">}) {
  return
}
// expected-error @+1 {{expected state tensor 'g' to be 'memref<4xf32>', as elsewhere, but got 'memref<2x2xf32>'}}
func.func @second(%x: tensor<2x2xf32> {tern.state = #tern.state<name = "g", kind = gradient, target = "q_proj">}) {
  return
}

// -----

// Nor can it lie in two flat tensors.
func.func @flat(%x: tensor<16xf32> {tern.states = [
    #tern.state_part<state = <name = "g", kind = gradient, target = "q_proj">, type = tensor<4xf32>, offset = 0>]}) {
  return
}
// expected-error @+1 {{state tensor 'g' is a part of two flat tensors}}
func.func @other(%x: tensor<16xf32> {tern.states = [
    #tern.state_part<state = <name = "h", kind = gradient, target = "q_proj">, type = tensor<4xf32>, offset = 0>,
    #tern.state_part<state = <name = "g", kind = gradient, target = "q_proj">, type = tensor<4xf32>, offset = 4>]}) {
  return
}

// -----

// The same parts make two flat tensors where one is longer.
func.func @short(%x: tensor<16xf32> {tern.states = [
    #tern.state_part<state = <name = "g", kind = gradient, target = "q_proj">, type = tensor<4xf32>, offset = 0>]}) {
  return
}
// expected-error @+1 {{state tensor 'g' is a part of two flat tensors}}
func.func @long(%x: tensor<32xf32> {tern.states = [
    #tern.state_part<state = <name = "g", kind = gradient, target = "q_proj">, type = tensor<4xf32>, offset = 0>]}) {
  return
}

// -----

// expected-error @+1 {{expected state tensor 'h', 'tensor<4xf32>' at 3, to follow the one before within 'tensor<16xf32>'}}
func.func @overlap(%x: tensor<16xf32> {tern.states = [
    #tern.state_part<state = <name = "g", kind = gradient, target = "q_proj">, type = tensor<4xf32>, offset = 0>,
    #tern.state_part<state = <name = "h", kind = gradient, target = "q_proj">, type = tensor<4xf32>, offset = 3>]}) {
  return
}

// -----

// expected-error @+1 {{expected state tensor 'g', 'tensor<4xf32>' at 4, to follow the one before within 'tensor<16xf32>'}}
func.func @starts_late(%x: tensor<16xf32> {tern.states = [
    #tern.state_part<state = <name = "g", kind = gradient, target = "q_proj">, type = tensor<4xf32>, offset = 4>]}) {
  return
}

// -----

// expected-error @+1 {{expected state tensor 'g', 'tensor<17xf32>' at 0, to follow the one before within 'tensor<16xf32>'}}
func.func @too_long(%x: tensor<16xf32> {tern.states = [
    #tern.state_part<state = <name = "g", kind = gradient, target = "q_proj">, type = tensor<17xf32>, offset = 0>]}) {
  return
}

// -----

// expected-error @+1 {{expected state tensor 'g', 'tensor<4xf16>' at 0, to follow the one before within 'tensor<16xf32>'}}
func.func @other_type(%x: tensor<16xf32> {tern.states = [
    #tern.state_part<state = <name = "g", kind = gradient, target = "q_proj">, type = tensor<4xf16>, offset = 0>]}) {
  return
}
