//===- Handles.cpp - What the handles of the C API hold -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Handles.h.
//
//===----------------------------------------------------------------------===//

#include "capi/Handles.h"

#include "text/MakeTokenizer.h"

using namespace sterna;

Expected<sterna_module::Tokenizer> sterna_module::tokenizer() {
  std::lock_guard<std::mutex> lock(mutex);
  if (made)
    return made;
  Expected<Tokenizer> tokenizer = makeTokenizer(*module);
  if (tokenizer.ok())
    made = *tokenizer;
  return tokenizer;
}

Expected<sterna_module::Tokenizer> sterna_module::tokenizerIfAny() {
  if (!module->metadata().tokenizer())
    return Tokenizer();
  return tokenizer();
}

sterna_session::~sterna_session() { capi::release(module); }

EvaluationProgress capi::progressOf(sterna_progress_fn_t progress,
                                    void *userData, bool &stopped) {
  return [=, &stopped](uint64_t done, uint64_t total) {
    stopped = progress && progress(userData, done, total) != 0;
    return !stopped;
  };
}

Status capi::checkData(const sterna_session &session, const sterna_data &data) {
  if (data.module == session.module->module)
    return Status();
  return Status::error("expected data that were made for the session's module, "
                       "but got another's");
}
