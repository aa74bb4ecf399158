// RUN: %python -c "import numpy; numpy.save('%t.x.npy', numpy.float32([1, 2]))"
// RUN: %python -c "import numpy; numpy.save('%t.d.npy', numpy.float64([1, 2]))"
// RUN: head -c 130 %t.x.npy > %t.short.npy
// RUN: head -c 30 %t.x.npy > %t.head.npy
// RUN: sed 's/(2,)/(99999999999999999999,)/' %t.x.npy > %t.big.npy
// RUN: sed 's/(2,)/(9223372036854775807,4)/' %t.x.npy > %t.overflow.npy

// RUN: not sterna-interp %s --function=g 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: expected a function or program named 'g' to run, but there is none
// RUN: not sterna-interp %s --function=f 2>&1 | FileCheck %s --check-prefix=COUNT
// COUNT: expected 1 inputs for 'f', but got 0
// RUN: not sterna-interp %s --function=f --input=%t.d.npy 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: expected input #0 to be 'tensor<2xf32>', but its elements are <f8 and its shape is [2]
// RUN: not sterna-interp %s --function=f --input=%t.none.npy 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: none.npy: cannot be read: No such file or directory
// RUN: not sterna-interp %s --function=f --input=%t.short.npy 2>&1 | FileCheck %s --check-prefix=SHORT
// SHORT: expected 8 bytes of elements, but got 2
// RUN: not sterna-interp %s --function=f --input=%t.head.npy 2>&1 | FileCheck %s --check-prefix=HEAD
// HEAD: the header is truncated
// RUN: not sterna-interp %s --function=f --input=%t.big.npy 2>&1 | FileCheck %s --check-prefix=BIG
// BIG: the header cannot be understood
// RUN: not sterna-interp %s --function=f --input=%t.overflow.npy 2>&1 | FileCheck %s --check-prefix=OVERFLOW
// OVERFLOW: the header cannot be understood
// RUN: not sterna-interp %s --function=param 2>&1 | FileCheck %s --check-prefix=PARAM
// PARAM: expected elements of parameter 'w': {{.*}}m.gguf: No such file or directory; pass them with --param=w=FILE.npy
// RUN: not sterna-interp %s --function=dynamic --input=%t.x.npy 2>&1 | FileCheck %s --check-prefix=DYNAMIC
// DYNAMIC: expected argument #0 to have a static type with a NumPy equivalent, but it is 'tensor<?xf32>'
// RUN: not sterna-interp %s --function=f --input=%t.x.npy --output=%t.1.npy --output=%t.2.npy 2>&1 | FileCheck %s --check-prefix=OUTPUTS
// OUTPUTS: expected at most 1 outputs, but got 2

// RUN: not sterna-interp %s --function=program 2>&1 | FileCheck %s --check-prefix=PROGRAM
// PROGRAM: expected 1 inputs for 'program', but got 0
// RUN: not sterna-interp %s --function=program --input=%t.d.npy 2>&1 | FileCheck %s --check-prefix=INPUT
// INPUT: expected input 'x' to be 'memref<2xf32>', but its elements are <f8 and its shape is [2]
// RUN: not sterna-interp %s --function=program --input=%t.x.npy --param=s=%t.d.npy 2>&1 | FileCheck %s --check-prefix=STATE
// STATE: expected state 's' to be 'memref<2xf32>', but its elements are <f8 and its shape is [2]
// RUN: not sterna-interp %s --function=program --input=%t.x.npy 2>&1 | FileCheck %s --check-prefix=WEIGHTS
// WEIGHTS: expected a parameter 'w' with an offset
// RUN: not sterna-interp %s --function=field 2>&1 | FileCheck %s --check-prefix=FIELD
// FIELD: expected a name, an offset and a type of a buffer, but got {name = "x"}

tern.param @w : tensor<2xf32> from #tern.file<path = "m.gguf", offset = 64, storage = f32>

func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}

func.func @param() -> tensor<2xf32> {
  %w = tern.get_param @w : tensor<2xf32>
  return %w : tensor<2xf32>
}

func.func @dynamic(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

plan.state @s : memref<2xf32> at 0 is <name = "s", kind = lora_a, target = "q_proj">

plan.program @program arena 0 inputs [{name = "x", offset = 0 : i64, type = memref<2xf32>}] outputs [] peak {} {
  %0 = plan.buffer weights at 0 name "w" : memref<2xf32>
  %1 = plan.buffer state at 0 name "s" : memref<2xf32>
}

plan.program @field arena 0 inputs [{name = "x"}] outputs [] peak {} {
}
