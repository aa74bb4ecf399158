// RUN: sterna-opt %s --split-input-file --verify-diagnostics

// What a program function says of its arguments and results.
func.func @whole(%x: tensor<4xf32> {tern.input = "x"},
    %s: tensor<4xf32> {tern.state = #tern.state<name = "s", kind = kv_cache>},
    %f: tensor<8xf32> {tern.states = [#tern.state_part<state = <name = "a", kind = lora_a, target = "q_proj">, type = tensor<2x2xf32>, offset = 4>]})
    -> (tensor<4xf32> {tern.output = "y"}, tensor<4xf32> {tern.tied = 1 : i64}) {
  return %x, %s : tensor<4xf32>, tensor<4xf32>
}

// -----

// expected-error @+1 {{expected tern.input to be a name, but got 3 : i64}}
func.func private @input(%x: tensor<4xf32> {tern.input = 3 : i64})

// -----

// expected-error @+1 {{expected tern.state to be a #tern.state, but got "s"}}
func.func private @state(%x: tensor<4xf32> {tern.state = "s"})

// -----

// expected-error @+2 {{expected a kind of state, one of lora_a, lora_b, moment1, moment2, gradient, kv_cache, parameter, but got 'lora'}}
// expected-error @+1 {{failed to parse}}
func.func private @kind(%x: tensor<4xf32> {tern.state = #tern.state<name = "s", kind = lora>})

// -----

// expected-error @+1 {{expected a state tensor to have a name}}
func.func private @no_name(%x: tensor<4xf32> {tern.state = #tern.state<name = "", kind = lora_a>})

// -----

// expected-error @+1 {{expected tern.states to be a list of #tern.state_part, not empty, but got {}}}
func.func private @states(%x: tensor<4xf32> {tern.states = {}})

// -----

// expected-error @+1 {{expected tern.states to be a list of #tern.state_part, not empty, but got []}}
func.func private @no_states(%x: tensor<4xf32> {tern.states = []})

// -----

// expected-error @+1 {{expected state tensor 's' to have a static shape and an offset that is not negative, but got 'tensor<?xf32>' at 0}}
func.func private @dynamic(%x: tensor<4xf32> {tern.states = [#tern.state_part<state = <name = "s", kind = lora_a>, type = tensor<?xf32>, offset = 0>]})

// -----

// expected-error @+1 {{but got 'tensor<4xf32>' at -1}}
func.func private @negative(%x: tensor<4xf32> {tern.states = [#tern.state_part<state = <name = "s", kind = lora_a>, type = tensor<4xf32>, offset = -1>]})

// -----

// expected-error @+1 {{has an attribute 'tern.inputs' that the dialect does not know of an argument}}
func.func private @misspelt(%x: tensor<4xf32> {tern.inputs = "x"})

// -----

// expected-error @+1 {{expected tern.unsigned to be a unit, but got "x"}}
func.func private @sign(%x: tensor<4xi8> {tern.input = "x", tern.unsigned = "x"})

// -----

// expected-error @+1 {{expected tern.unsigned to be a unit, but got "y"}}
func.func private @sign_of_result() -> (tensor<4xi8> {tern.output = "y", tern.unsigned = "y"})

// -----

// expected-error @+1 {{expected tern.output to be a name, but got unit}}
func.func private @output() -> (tensor<4xf32> {tern.output})

// -----

// expected-error @+1 {{has an attribute 'tern.result' that the dialect does not know of a result}}
func.func private @result() -> (tensor<4xf32> {tern.result = "y"})

// -----

// expected-error @+1 {{expected tern.tied to be the number of an argument of the result's type, but got 1 : i64}}
func.func private @tied(%x: tensor<4xf32>) -> (tensor<4xf32> {tern.tied = 1 : i64})

// -----

// expected-error @+1 {{expected tern.tied to be the number of an argument of the result's type, but got 0 : i64}}
func.func private @tied_type(%x: tensor<4xf32>) -> (tensor<2x2xf32> {tern.tied = 0 : i64})
