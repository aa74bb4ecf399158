// What finite differences cannot check, and the optimizer, against PyTorch.
// RUN: %python %S/against_golden.py straight-through %S/tern.mlir
// RUN: %python %S/against_golden.py adamw %S/build-training.mlir
