// The loss and its gradient in chunks are those of the whole head.
// RUN: sterna-opt %s --sterna-differentiate=function=loss --cse -o %t.mlir
// RUN: %python %S/../../Interpreter/before_after.py %s --function loss --tolerance 1e-14 -- --sterna-chunk-loss-head=size=4
// RUN: %python %S/../../Interpreter/before_after.py %t.mlir --function loss_vjp --tolerance 1e-14 -- --sterna-chunk-loss-head=size=4
// RUN: %python %S/../../Interpreter/before_after.py %t.mlir --function loss_vjp --tolerance 1e-14 -- --sterna-chunk-loss-head=size=64

#rows = affine_map<(m, n, k) -> (m, k)>
#transposed = affine_map<(m, n, k) -> (n, k)>
#result = affine_map<(m, n, k) -> (m, n)>

// Some labels are masked.
// RANGE labels -3 9
func.func @loss(%x: tensor<7x8xf64>, %labels: tensor<7xi32>) -> tensor<f64> {
  %weights = tensor.generate {
  ^bb0(%i: index, %j: index):
    %n = arith.constant 8 : index
    %row = arith.muli %i, %n : index
    %at = arith.addi %row, %j : index
    %integer = arith.index_cast %at : index to i32
    %float = arith.sitofp %integer : i32 to f64
    %sine = math.sin %float : f64
    tensor.yield %sine : f64
  } : tensor<10x8xf64>
  %zeros = arith.constant dense<0.0> : tensor<7x10xf64>
  %logits = linalg.matmul indexing_maps = [#rows, #transposed, #result]
      ins(%x, %weights : tensor<7x8xf64>, tensor<10x8xf64>) outs(%zeros : tensor<7x10xf64>) -> tensor<7x10xf64>
  %losses = tern.cross_entropy %logits, %labels : tensor<7x10xf64>, tensor<7xi32> -> tensor<7xf64>
  %start = arith.constant dense<0.0> : tensor<f64>
  %loss = linalg.reduce { arith.addf } ins(%losses : tensor<7xf64>) outs(%start : tensor<f64>) dimensions = [0]
  return %loss : tensor<f64>
}
