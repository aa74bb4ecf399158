// RUN: sterna-opt %s --sterna-outline-constants | FileCheck %s

// Constants whose elements differ become parameters, one for equal ones; a
// constant of one value stays, and so does an empty one.
// CHECK: tern.param @[[$C:constant.*]] : tensor<3xi64> from dense<[1, 2, 3]> : tensor<3xi64>
// CHECK-NOT: tern.param
// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[ONES:.+]] = arith.constant dense<1> : tensor<3xi64>
// CHECK-DAG: %[[A:.+]] = tern.get_param @[[$C]] : tensor<3xi64>
// CHECK-DAG: %[[NONE:.+]] = arith.constant dense<> : tensor<0xi64>
// CHECK-DAG: %[[B:.+]] = tern.get_param @[[$C]] : tensor<3xi64>
// CHECK: %[[X:.+]] = arith.addi %[[A]], %[[ONES]]
// CHECK: %[[Y:.+]] = arith.muli %[[X]], %[[B]]
// CHECK: return %[[Y]], %[[NONE]]
func.func @main() -> (tensor<3xi64> {tern.output = "y"}, tensor<0xi64> {tern.output = "e"}) {
  %ones = arith.constant dense<1> : tensor<3xi64>
  %a = arith.constant dense<[1, 2, 3]> : tensor<3xi64>
  %none = arith.constant dense<> : tensor<0xi64>
  %b = arith.constant dense<[1, 2, 3]> : tensor<3xi64>
  %x = arith.addi %a, %ones : tensor<3xi64>
  %y = arith.muli %x, %b : tensor<3xi64>
  return %y, %none : tensor<3xi64>, tensor<0xi64>
}
