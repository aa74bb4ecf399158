// Calls of a function that itself calls another: see place-temporaries.mlir.
func.func @outer() {
  func.call @middle() : () -> ()
  return
}
func.func @middle() {
  func.call @inner() : () -> ()
  return
}
func.func @inner() {
  return
}
