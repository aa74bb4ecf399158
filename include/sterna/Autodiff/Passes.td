//===- Passes.td - Passes that differentiate ---------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declared in alphabetical order; one file of lib/Autodiff and one lit test
// each.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_AUTODIFF_PASSES_TD
#define STERNA_AUTODIFF_PASSES_TD

include "mlir/Pass/PassBase.td"

def BuildTrainingPass : Pass<"sterna-build-training", "::mlir::ModuleOp"> {
  let summary = "Build the training programs from a loss";
  let description = [{
    From the function `loss`, whose result is the sum of the token losses, builds
    the programs of a training step: two with `clipping=exact`, else one.
    Trainable are its arguments with `tern.state` of one of the kinds `trainable`.

    `@train_micro` has the arguments of the loss, then the inputs
    `loss_scale` and `accumulate`, then one gradient of each trainable argument.
    It returns `loss * loss_scale` and the new gradients, which replace the old
    ones where `accumulate` is 0 and are added to them elsewhere. The forward
    pass does not depend on `loss_scale`, and every cotangent does: that is how
    later passes tell them apart.

    `@train_apply` clips the gradients by their global norm and makes one step
    of the optimizer: AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101) with
    `beta = (0.9, 0.999)` and `epsilon = 1e-8`, or `w - rate * (g + decay * w)`;
    `tern.optimizer` says which, and the betas. Where the norm is not finite,
    parameters and moments stay as they are. It sees the trainables side by side
    in flat tensors of rows of 1024 elements, 64 MiB each or one trainable that
    is larger, and so gradients and moments: `tern.states` says which begins at
    which element, each at a multiple of 16. What is between holds zeros, and
    keeps them. With `int8-state` moments are those of `tern.blockwise_adamw`, the
    flat tensors' own.

    `@train_step` is forward and backward pass and the optimizer's step in one. Each
    trainable is updated where its gradient is known and nothing reads the old one
    any more, and no gradient is kept. It has the arguments of the loss, then
    `loss_scale`, `hold`, infinite where nothing is to be updated and else 0, and the
    optimizer's; with `clipping=previous` each gradient is multiplied by `clip`. It
    returns the loss and, last, `grad_norm`. A trainable stays as it is where the
    loss or the sum of the squares of its own gradient is not finite.

    With `loss=eval_lora trainable=lora_a,lora_b`:

    ```mlir
    func.func @eval_lora(%tokens, %labels, %lora_scale, %a {tern.state = ...})
        -> (tensor<f32> {tern.output = "loss"})
    // adds
    func.func @train_micro(%tokens, %labels, %lora_scale, %a, %loss_scale,
                           %accumulate, %a_gradient)
        -> (tensor<f32> {tern.output = "loss"},
            tensor<8x64xf32> {tern.tied = 6})
    func.func @train_apply(%learning_rate, %weight_decay, %max_grad_norm,
                           %bias_correction1, %bias_correction2,
                           %flat {tern.states = [{name = "a", offset = 0,
                                                  type = tensor<8x64xf32>,
                                                  ...}, ...]},
                           %flat_gradient, %flat_moment1, %flat_moment2)
        -> (tensor<f32> {tern.output = "grad_norm"},
            tensor<1x1024xf32> {tern.tied = 5}, ...)
    ```
  }];
  let options = [
    Option<"loss", "loss", "std::string", "",
           "Name of the function that returns the loss">,
    ListOption<"trainable", "trainable", "std::string",
               "Kinds of state that training changes">,
    Option<"optimizer", "optimizer", "std::string", "\"adamw\"",
           "adamw or sgd">,
    Option<"int8State", "int8-state", "bool", "false",
           "Keep AdamW's moments as codes of 8 bits in blocks of 256">,
    Option<"clipping", "clipping", "std::string", "\"exact\"",
           "When gradients are clipped: exact, previous or off">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect",
                           "::sterna::tern::TernDialect"];
}

def DifferentiatePass : Pass<"sterna-differentiate", "::mlir::ModuleOp"> {
  let summary = "Differentiate a function with a scalar result";
  let description = [{
    Adds `@NAME_vjp` for a function `@NAME` of one block with one scalar float
    result (a float or a float tensor of rank 0). It takes the same arguments
    and returns the value, then the gradient of each float tensor argument in
    order, zeros for an argument without influence.

    Reverse mode on values: every op between a float tensor argument and the
    result has a rule (`DifferentiableOpInterface`) or a reference decomposition
    (`DecomposableOpInterface`) into ops that have; an op without either is an
    error. So is a way through anything that has no gradient, such as integers
    made from floats, memory, or a call: a gradient of zero is never the answer to
    a missing rule. A value that only selects, as the condition of `arith.select`
    does, has no gradient by right. Nothing is built for operands that no float
    tensor argument reaches.

    Where a function has no derivative, the rules are these:
    minima and maxima (`arith.maximumf`, `maxnumf`, reductions) give the cotangent
    to the operand that the result is, a NaN included, and equal shares of it where
    several are; `math.absf` has derivative 0 at 0, and a NaN at a NaN.

    ```mlir
    func.func @f(%x: tensor<f64>) -> tensor<f64> {
      %y = math.exp %x : tensor<f64>
      return %y : tensor<f64>
    }
    // adds
    func.func @f_vjp(%x: tensor<f64>) -> (tensor<f64>, tensor<f64>) {
      %y = math.exp %x : tensor<f64>
      %one = arith.constant dense<1.0> : tensor<f64>
      %dx = arith.mulf %one, %y : tensor<f64>
      return %y, %dx : tensor<f64>, tensor<f64>
    }
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", "",
           "Name of the function to differentiate">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect",
                           "::sterna::tern::TernDialect"];
}

#endif // STERNA_AUTODIFF_PASSES_TD
