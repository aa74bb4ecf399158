// RUN: sterna-opt %s --split-input-file --verify-diagnostics --sterna-differentiate=function=f

#id = affine_map<(i) -> (i)>
#none = affine_map<(i) -> ()>

// A recurrence is no sum of terms.
func.func @f(%x: tensor<4xf32>, %c: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{'linalg.generic' op has a differentiation rule for sums, products, minima and maxima of terms (arith.addf, mulf, minimumf, maximumf, minnumf, maxnumf) only}}
  %y = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]}
      ins(%x : tensor<4xf32>) outs(%c : tensor<f32>) {
  ^bb0(%a: f32, %old: f32):
    %p = arith.mulf %a, %old : f32
    %s = arith.addf %p, %old : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %y : tensor<f32>
}

// -----

#id = affine_map<(i) -> (i)>
#none = affine_map<(i) -> ()>

// Nor is a sum of differences.
func.func @f(%x: tensor<4xf32>, %c: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{'linalg.generic' op has a differentiation rule for sums, products}}
  %y = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]}
      ins(%x : tensor<4xf32>) outs(%c : tensor<f32>) {
  ^bb0(%a: f32, %old: f32):
    %s = arith.subf %a, %old : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %y : tensor<f32>
}

// -----

#id = affine_map<(i) -> (i)>
#none = affine_map<(i) -> ()>

// A prefix sum: its elements are those of a sum that goes on.
func.func @f(%x: tensor<3xf32>, %c: tensor<f32>, %e: tensor<3xf32>) -> tensor<f32> {
  // expected-error @+1 {{'linalg.generic' op has no differentiation rule for a result that reads another one while that is reduced}}
  %sum, %scan = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["reduction"]}
      ins(%x : tensor<3xf32>) outs(%c, %e : tensor<f32>, tensor<3xf32>) {
  ^bb0(%a: f32, %old: f32, %unused: f32):
    %s = arith.addf %old, %a : f32
    linalg.yield %s, %s : f32, f32
  } -> (tensor<f32>, tensor<3xf32>)
  %z = linalg.reduce { arith.addf } ins(%scan : tensor<3xf32>) outs(%c : tensor<f32>) dimensions = [0]
  return %z : tensor<f32>
}

// -----

#id = affine_map<(i) -> (i)>
#double = affine_map<(i) -> (2 * i)>

func.func @f(%x: tensor<1xf32>, %c: tensor<1xf32>) -> tensor<f32> {
  // expected-error @+1 {{'linalg.generic' op has a differentiation rule for results at plain loop indices only, but result #0 is at affine_map<(d0) -> (d0 * 2)>}}
  %y = linalg.generic {indexing_maps = [#id, #double], iterator_types = ["parallel"]}
      ins(%x : tensor<1xf32>) outs(%c : tensor<1xf32>) {
  ^bb0(%a: f32, %old: f32):
    linalg.yield %a : f32
  } -> tensor<1xf32>
  %z = tensor.collapse_shape %y [] : tensor<1xf32> into tensor<f32>
  return %z : tensor<f32>
}

// -----

#id = affine_map<(i) -> (i)>

// The scalars of a body need rules as well.
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<1xf32>) -> tensor<f32> {
  %e = tensor.empty() : tensor<1xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<1xf32>) outs(%e : tensor<1xf32>) {
  ^bb0(%a: f32, %old: f32):
    %i = arith.fptosi %a : f32 to i32
    // expected-error @+1 {{'arith.sitofp' op has no differentiation rule}}
    %f = arith.sitofp %i : i32 to f32
    linalg.yield %f : f32
  } -> tensor<1xf32>
  %z = tensor.collapse_shape %y [] : tensor<1xf32> into tensor<f32>
  return %z : tensor<f32>
}

// -----

#id = affine_map<(i) -> (i)>

// A mask that was made of the argument and counts as a number.
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<1xf32>) -> tensor<f32> {
  %e = tensor.empty() : tensor<1xf32>
  %m = arith.cmpf ogt, %x, %x : tensor<1xf32>
  // expected-error @+1 {{'linalg.generic' op depends on a differentiated value by operand #1 of type 'tensor<1xi1>', through which no gradient passes}}
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%x, %m : tensor<1xf32>, tensor<1xi1>) outs(%e : tensor<1xf32>) {
  ^bb0(%a: f32, %b: i1, %old: f32):
    %f = arith.uitofp %b : i1 to f32
    %p = arith.mulf %a, %f : f32
    linalg.yield %p : f32
  } -> tensor<1xf32>
  %z = tensor.collapse_shape %y [] : tensor<1xf32> into tensor<f32>
  return %z : tensor<f32>
}

// -----

#id = affine_map<(i) -> (i)>

// A body may read elements of a tensor from outside, and use it in no other way.
func.func @f(%x: tensor<4xf32>, %ids: tensor<1xi32>) -> tensor<f32> {
  %e = tensor.empty() : tensor<1xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%ids : tensor<1xi32>) outs(%e : tensor<1xf32>) {
  ^bb0(%id: i32, %old: f32):
    %at = arith.index_cast %id : i32 to index
    // expected-error @+1 {{'tensor.extract_slice' op has a differentiated value in a loop's body, for which there is no rule}}
    %s = tensor.extract_slice %x[%at] [1] [1] : tensor<4xf32> to tensor<f32>
    %v = tensor.extract %s[] : tensor<f32>
    linalg.yield %v : f32
  } -> tensor<1xf32>
  %z = tensor.collapse_shape %y [] : tensor<1xf32> into tensor<f32>
  return %z : tensor<f32>
}

// -----

#id = affine_map<(i) -> (i)>

// Places that are made of what is differentiated.
// expected-note @+1 {{while differentiating 'f_vjp'}}
func.func @f(%x: tensor<1xf32>) -> tensor<f32> {
  %e = tensor.empty() : tensor<1xf32>
  %i = arith.fptosi %x : tensor<1xf32> to tensor<1xi32>
  // expected-error @+1 {{'linalg.generic' op depends on a differentiated value of type 'tensor<1xi32>' in its region, through which no gradient passes}}
  %y = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]}
      outs(%e : tensor<1xf32>) {
  ^bb0(%old: f32):
    %c0 = arith.constant 0 : index
    %id = tensor.extract %i[%c0] : tensor<1xi32>
    %at = arith.index_cast %id : i32 to index
    %v = tensor.extract %x[%at] : tensor<1xf32>
    linalg.yield %v : f32
  } -> tensor<1xf32>
  %z = tensor.collapse_shape %y [] : tensor<1xf32> into tensor<f32>
  return %z : tensor<f32>
}
