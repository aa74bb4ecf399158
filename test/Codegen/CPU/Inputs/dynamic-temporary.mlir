// A temporary whose size is known at run time only: see place-temporaries.mlir.
func.func @dynamic(%n: index) {
  %t = memref.alloc(%n) : memref<?xf32>
  memref.dealloc %t : memref<?xf32>
  return
}
