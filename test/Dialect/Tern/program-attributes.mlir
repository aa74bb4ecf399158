// RUN: sterna-opt %s --split-input-file --verify-diagnostics

// What a program function says of its arguments and results.
func.func @whole(%x: tensor<4xf32> {tern.input = "x"},
    %s: tensor<4xf32> {tern.state = {name = "s", kind = "kv_cache", layer = 0 : i64, target = ""}},
    %f: tensor<8xf32> {tern.states = [{name = "a", kind = "lora_a", layer = 0 : i64, target = "q_proj", type = tensor<2x2xf32>, offset = 4 : i64}]})
    -> (tensor<4xf32> {tern.output = "y"}, tensor<4xf32> {tern.tied = 1 : i64}) {
  return %x, %s : tensor<4xf32>, tensor<4xf32>
}

// -----

// expected-error @+1 {{expected tern.input to be a name, but got 3 : i64}}
func.func private @input(%x: tensor<4xf32> {tern.input = 3 : i64})

// -----

// expected-error @+1 {{expected tern.state to describe state tensors, but got "s"}}
func.func private @state(%x: tensor<4xf32> {tern.state = "s"})

// -----

// expected-error @+1 {{expected 'layer' in tern.state of a fitting type, but got {kind = "kv_cache", name = "s", target = ""}}}
func.func private @no_layer(%x: tensor<4xf32> {tern.state = {name = "s", kind = "kv_cache", target = ""}})

// -----

// expected-error @+1 {{expected 'target' in tern.state of a fitting type}}
func.func private @target(%x: tensor<4xf32> {tern.state = {name = "s", kind = "kv_cache", layer = 0 : i64, target = 1 : i64}})

// -----

// expected-error @+1 {{expected tern.states to be a list of state tensors, but got {}}}
func.func private @states(%x: tensor<4xf32> {tern.states = {}})

// -----

// expected-error @+1 {{expected 'type' in tern.states of a fitting type}}
func.func private @no_type(%x: tensor<4xf32> {tern.states = [{name = "s", kind = "lora_a", layer = 0 : i64, target = "", offset = 0 : i64}]})

// -----

// expected-error @+1 {{expected 'type' in tern.states of a fitting type}}
func.func private @dynamic(%x: tensor<4xf32> {tern.states = [{name = "s", kind = "lora_a", layer = 0 : i64, target = "", type = tensor<?xf32>, offset = 0 : i64}]})

// -----

// expected-error @+1 {{expected 'offset' in tern.states of a fitting type}}
func.func private @no_offset(%x: tensor<4xf32> {tern.states = [{name = "s", kind = "lora_a", layer = 0 : i64, target = "", type = tensor<4xf32>}]})

// -----

// expected-error @+1 {{expected tern.output to be a name, but got unit}}
func.func private @output() -> (tensor<4xf32> {tern.output})

// -----

// expected-error @+1 {{expected tern.tied to be the number of an argument, but got 1 : i64}}
func.func private @tied(%x: tensor<4xf32>) -> (tensor<4xf32> {tern.tied = 1 : i64})
