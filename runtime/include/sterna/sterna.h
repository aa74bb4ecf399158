//===- sterna.h - C API of the runtime ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads device binaries, runs their programs, generates text and trains
// adapters. C11, these kinds of objects:
//
//   status     what went wrong; a null status is success
//   buffer     bytes that a function made
//   module     a device binary, verified and mapped
//   session    a module prepared on a device: memory, code, threads
//   tokenizer  the module's vocabulary and chat layout
//   adapter    LoRA matrices and their factor
//   data       samples to train on or to measure the loss of
//   generator  a text that grows, on a session
//   trainer    a training run, on a session
//
// Every fallible function returns a status that the caller releases. Outputs
// come last, are set on success and zeroed on failure. Null where an object or
// a pointer is needed is STERNA_STATUS_INVALID_ARGUMENT, unless the function
// says what it means. Nothing prints, aborts or keeps global state. Memory of
// tensors is allocated when a session is created; running a program allocates
// nothing.
//
// Structs begin with their `size`, which the caller sets before the call, for
// outputs too: so a program runs with a later runtime, whose structs are
// longer. Options are taken as they stand; a function ending in _options_init
// fills in the defaults. Messages name options as sterna-run and sterna-compile
// spell them.
//
// Modules, tokenizers and data do not change and may be used by several
// threads. A session, what was created on it and an adapter are used by one
// thread at a time. Objects keep alive what they were created from, in any
// order of release.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_STERNA_H
#define STERNA_STERNA_H

#include "sterna/language_model.h" // tokenizer, adapter, generator, trainer
#include "sterna/session.h"        // status, buffer, module, session

#endif // STERNA_STERNA_H
