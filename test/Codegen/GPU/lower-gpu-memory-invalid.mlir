// RUN: sterna-opt %s --pass-pipeline='builtin.module(func.func(sterna-lower-gpu-memory))' --split-input-file --verify-diagnostics

func.func @load_a_double(%x: memref<16xf64>) attributes {vulkan.slots = array<i64: 0>} {
  %i = gpu.thread_id x
  // expected-error @below {{expected a load of integers or of floats of 16 or 32 bits from a buffer}}
  %a = memref.load %x[%i] : memref<16xf64>
  memref.store %a, %x[%i] : memref<16xf64>
  return
}

// -----

func.func @store_a_byte(%x: memref<16xi8>) attributes {vulkan.slots = array<i64: 0>} {
  %i = gpu.thread_id x
  %c = arith.constant 7 : i8
  // expected-error @below {{expected a store of 32 bits, or of integers of 64, to a buffer}}
  memref.store %c, %x[%i] : memref<16xi8>
  return
}

// -----

func.func @not_widened(%x: memref<16xf16>, %y: memref<16xf32>) attributes {vulkan.slots = array<i64: 0, 0>} {
  %i = gpu.thread_id x
  %a = memref.load %x[%i] : memref<16xf16>
  // expected-error @below {{expected 16-bit floats to be widened to f32}}
  %b = arith.negf %a : f16
  %w = arith.extf %b : f16 to f32
  memref.store %w, %y[%i] : memref<16xf32>
  return
}

// -----

func.func @unknown_bytes(%x: memref<16xi8>, %v: vector<4xi8>) attributes {vulkan.slots = array<i64: 0, 0>} {
  %i = gpu.thread_id x
  // expected-error @below {{expected a store of integers or halves that make up a word to a buffer}}
  vector.store %v, %x[%i] : memref<16xi8>, vector<4xi8>
  return
}
