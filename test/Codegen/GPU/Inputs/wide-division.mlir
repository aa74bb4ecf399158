// A division of 64-bit integers, which has no emulation.
func.func @quotient(%x: memref<8xi32>) {
  %c0 = arith.constant 0 : index
  %v = memref.load %x[%c0] : memref<8xi32>
  %w = arith.extsi %v : i32 to i64
  %q = arith.divsi %w, %w : i64
  %low = arith.trunci %q : i64 to i32
  memref.store %low, %x[%c0] : memref<8xi32>
  return
}
