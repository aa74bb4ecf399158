//===- SmallStack.h - A thread as small systems have it -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels run on threads of the program that uses them, whose stacks may be
// small: 512 KiB on macOS and iOS, 128 KiB with musl.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TEST_CODEGEN_CPU_EMITTERS_SMALLSTACK_H
#define STERNA_TEST_CODEGEN_CPU_EMITTERS_SMALLSTACK_H

#include <cstdlib>
#include <functional>
#include <pthread.h>

namespace sterna::cpu {

/// Runs `work` on a thread with a stack of 128 KiB.
inline void onSmallStack(std::function<void()> work) {
  pthread_attr_t attributes;
  pthread_t thread;
  auto run = [](void *work) -> void * {
    (*static_cast<std::function<void()> *>(work))();
    return nullptr;
  };
  if (pthread_attr_init(&attributes) ||
      pthread_attr_setstacksize(&attributes, 128 << 10) ||
      pthread_create(&thread, &attributes, run, &work) ||
      pthread_join(thread, nullptr))
    std::abort();
  pthread_attr_destroy(&attributes);
}

} // namespace sterna::cpu

#endif // STERNA_TEST_CODEGEN_CPU_EMITTERS_SMALLSTACK_H
