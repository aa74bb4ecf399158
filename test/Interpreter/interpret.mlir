// Arguments and results of every kind: tensors, floats, trits, parameters,
// several results, a call.
// RUN: %python -c "import numpy; numpy.save('%t.x.npy', numpy.float32([[1, 2, 3], [-4, 5, 6]]))"
// RUN: %python -c "import numpy; numpy.save('%t.w.npy', numpy.int8([[1, 0, -1], [0, 1, 1]]))"
// RUN: %python -c "import numpy; numpy.save('%t.s.npy', numpy.float64(0.5))"
// RUN: %python -c "import numpy; numpy.save('%t.p.npy', numpy.float32([10, 20]))"
// RUN: sterna-interp %s --function=run --input=%t.x.npy --input=%t.w.npy --input=%t.s.npy --param=bias=%t.p.npy --output=%t.y.npy --output=%t.z.npy
// RUN: %python -c "import numpy; print(numpy.load('%t.y.npy').tolist(), numpy.load('%t.z.npy').dtype, numpy.load('%t.z.npy'))" | FileCheck %s
// CHECK: {{\[\[9.0, 22.5\], \[5.0, 27.5\]\]}} float64 1.5

tern.param @bias : tensor<2xf32> from #tern.file<path = "m.gguf", offset = 64, storage = f32>
tern.param @scale : tensor<1xf32> from dense<0.5> : tensor<1xf32>

func.func private @three_times(%x: f64) -> f64 {
  %three = arith.constant 3.0 : f64
  %y = arith.mulf %x, %three : f64
  return %y : f64
}

func.func @run(%x: tensor<2x3xf32> {tern.input = "x"}, %w: tensor<2x3x!tern.trit>, %f: f64) -> (tensor<2x2xf32> {tern.output = "y"}, f64) {
  %s = tern.get_param @scale : tensor<1xf32>
  %bias = tern.get_param @bias : tensor<2xf32>
  %y = tern.linear %x, %w, %s : tensor<2x3xf32>, tensor<2x3x!tern.trit>, tensor<1xf32> -> tensor<2x2xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %b = linalg.broadcast ins(%bias : tensor<2xf32>) outs(%e : tensor<2x2xf32>) dimensions = [0]
  // An overwritten slice: the copy of a buffer that is not contiguous.
  %z = arith.addf %y, %b : tensor<2x2xf32>
  %c = tensor.extract_slice %z[1, 1] [1, 1] [1, 1] : tensor<2x2xf32> to tensor<1x1xf32>
  %one = arith.constant dense<2.0> : tensor<1x1xf32>
  %d = arith.addf %c, %one : tensor<1x1xf32>
  %r = tensor.insert_slice %d into %z[1, 1] [1, 1] [1, 1] : tensor<1x1xf32> into tensor<2x2xf32>
  %g = func.call @three_times(%f) : (f64) -> f64
  return %r, %g : tensor<2x2xf32>, f64
}
