//===- TestKernels.c - Kernels of a toy model -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stands in for emitted code. The toy model predicts the sum of all tokens so
// far, modulo its vocabulary, so that any slip in positions, lengths or cache
// rows changes the prediction. Its one trained number is the first element of
// LoRA's A, fitted to the mean of the labels. Shapes are those of TestModule.h.
//
//===----------------------------------------------------------------------===//

#include "sterna/kernel_library.h"

enum {
  vocabulary = 16,
  hidden = 4,
  sequence = 6,
  batch = 2,
  cells = 64,
  scratchBytes = 5000
};

// out[w] = w * w
static void squares(void *const *bindings, uint32_t begin, uint32_t end,
                    void *scratch) {
  (void)scratch;
  int32_t *out = bindings[0];
  for (uint32_t w = begin; w < end; ++w)
    out[w] = (int32_t)(w * w);
}

// out[w] = in[w] + in[w + 1], so that each workgroup reads another's output.
static void neighbours(void *const *bindings, uint32_t begin, uint32_t end,
                       void *scratch) {
  (void)scratch;
  const uint32_t *in = bindings[0];
  uint32_t *out = bindings[1];
  for (uint32_t w = begin; w < end; ++w)
    out[w] = in[w] + in[(w + 1) % cells];
}

// tokens, position, length, cache, hidden, optional lora_scale. The grid is the
// compiled length.
static void forward(void *const *bindings, uint32_t begin, uint32_t end,
                    float scale) {
  const int32_t *tokens = bindings[0];
  int32_t position = *(const int32_t *)bindings[1];
  int32_t length = *(const int32_t *)bindings[2];
  float *cache = bindings[3];
  float *out = bindings[4];
  // One workgroup does it all: rows of the cache depend on each other.
  if (begin != 0)
    return;
  (void)end;
  for (int32_t t = 0; t < length; ++t) {
    cache[position + t] = (float)tokens[t];
    float sum = 0;
    for (int32_t p = 0; p <= position + t; ++p)
      sum += cache[p];
    out[t * hidden] = sum;
    out[t * hidden + 1] = scale;
    out[t * hidden + 2] = (float)(position + t);
    out[t * hidden + 3] = 0;
  }
}

static void forwardPlain(void *const *bindings, uint32_t begin, uint32_t end,
                         void *scratch) {
  (void)scratch;
  forward(bindings, begin, end, 0);
}

static void forwardLora(void *const *bindings, uint32_t begin, uint32_t end,
                        void *scratch) {
  (void)scratch;
  forward(bindings, begin, end, *(const float *)bindings[5]);
}

// hidden, logits; one workgroup per entry of the vocabulary. The scale of an
// adapter shifts the prediction.
static void head(void *const *bindings, uint32_t begin, uint32_t end,
                 void *scratch) {
  (void)scratch;
  const float *in = bindings[0];
  float *out = bindings[1];
  int32_t next = (int32_t)(in[0] + in[1]) % vocabulary;
  for (uint32_t v = begin; v < end; ++v) {
    float distance = (float)((int32_t)v - next);
    out[v] = -distance * distance;
  }
}

// labels, loss: the sum of the scored labels.
static void eval(void *const *bindings, uint32_t begin, uint32_t end,
                 void *scratch) {
  (void)scratch;
  const int32_t *labels = bindings[0];
  float sum = 0;
  (void)begin;
  (void)end;
  for (int32_t i = 0; i < batch * sequence; ++i)
    if (i % sequence != 0 && labels[i] != -100)
      sum += (float)labels[i];
  *(float *)bindings[1] = sum;
}

// labels, lora_scale, loss_scale, accumulate, A, gradients of A and B, loss.
static void micro(void *const *bindings, uint32_t begin, uint32_t end,
                  void *scratch) {
  (void)scratch;
  const int32_t *labels = bindings[0];
  float scale = *(const float *)bindings[2];
  float accumulate = *(const float *)bindings[3];
  float parameter = *(const float *)bindings[4];
  float *gradientA = bindings[5];
  float *gradientB = bindings[6];
  float loss = 0;
  float slope = 0;
  (void)begin;
  (void)end;
  for (int32_t i = 0; i < batch * sequence; ++i) {
    if (i % sequence == 0 || labels[i] == -100)
      continue;
    float error = parameter - (float)labels[i];
    loss += error * error / 2;
    slope += error;
  }
  gradientA[0] = accumulate * gradientA[0] + scale * slope;
  gradientB[0] = accumulate * gradientB[0] + 1;
  *(float *)bindings[7] = loss * scale;
}

// learning_rate, A, gradient of A, grad_norm.
static void apply(void *const *bindings, uint32_t begin, uint32_t end,
                  void *scratch) {
  (void)scratch;
  float *parameter = bindings[1];
  const float *gradient = bindings[2];
  (void)begin;
  (void)end;
  parameter[0] -= *(const float *)bindings[0] * gradient[0];
  *(float *)bindings[3] = gradient[0] < 0 ? -gradient[0] : gradient[0];
}

// For each workgroup, out: 1 if the scratch memory is aligned and keeps what
// this call writes there, as it would not if it were shared.
static void scratchpad(void *const *bindings, uint32_t begin, uint32_t end,
                       void *scratch) {
  volatile uint32_t *words = scratch;
  int32_t *out = bindings[0];
  for (uint32_t group = begin; group < end; ++group) {
    int32_t sound = ((uintptr_t)scratch & 63) == 0;
    for (uint32_t i = 0; i < scratchBytes / 4; ++i)
      words[i] = group * 7919 + i;
    for (uint32_t i = 0; i < scratchBytes / 4; ++i)
      sound &= words[i] == group * 7919 + i;
    out[group] = sound;
  }
}

const sterna_kernel_library_t *sterna_kernel_library_query(void) {
  static const sterna_kernel_fn_t kernels[] = {
      squares, neighbours, forwardPlain, forwardLora, head,
      eval,    micro,      apply,        scratchpad};
  static const sterna_kernel_library_t library = {STERNA_KERNEL_LIBRARY_VERSION,
                                                  9, kernels};
  return &library;
}
