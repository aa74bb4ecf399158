// RUN: sterna-opt %s --sterna-finish-cpu-kernels | FileCheck %s

// A lowered kernel becomes private and gets a wrapper that takes its buffers
// from an array of bindings; the scratch memory goes through.
// CHECK: llvm.func internal @scale(%{{.+}}: !llvm.ptr, %{{.+}}: !llvm.ptr, %{{.+}}: i64, %{{.+}}: i64, %{{.+}}: !llvm.ptr)
llvm.func @scale(%x: !llvm.ptr, %y: !llvm.ptr, %begin: i64, %end: i64, %scratch: !llvm.ptr) {
  llvm.return
}
// CHECK: llvm.func internal @run_scale(%[[BINDINGS:.+]]: !llvm.ptr, %[[BEGIN:.+]]: i32, %[[END:.+]]: i32, %[[SCRATCH:.+]]: !llvm.ptr)
// CHECK: %[[SLOT0:.+]] = llvm.getelementptr %[[BINDINGS]][0]
// CHECK: %[[X:.+]] = llvm.load %[[SLOT0]]
// CHECK: %[[SLOT1:.+]] = llvm.getelementptr %[[BINDINGS]][1]
// CHECK: %[[Y:.+]] = llvm.load %[[SLOT1]]
// CHECK: %[[B:.+]] = llvm.zext %[[BEGIN]]
// CHECK: %[[E:.+]] = llvm.zext %[[END]]
// CHECK: llvm.call @scale(%[[X]], %[[Y]], %[[B]], %[[E]], %[[SCRATCH]])

// CHECK: llvm.func internal @other(
llvm.func @other(%x: !llvm.ptr, %begin: i64, %end: i64, %scratch: !llvm.ptr) {
  llvm.return
}

// The table holds them in the order of the module's kernels.
// CHECK: llvm.mlir.global internal constant @kernel_table() {{.*}} : !llvm.array<2 x ptr>
// CHECK: llvm.mlir.addressof @run_scale
// CHECK: llvm.mlir.addressof @run_other
// CHECK: llvm.mlir.global internal constant @kernel_library()
// The one symbol that the runtime looks for.
// CHECK: llvm.func @sterna_kernel_library_query() -> !llvm.ptr
// CHECK-NEXT: %[[LIBRARY:.+]] = llvm.mlir.addressof @kernel_library
// CHECK-NEXT: llvm.return %[[LIBRARY]]
