//===- Probes.cpp - Loops that run at a limit of the machine --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Probes.h. An `asm` without instructions hides a value from the compiler:
// it can neither merge equal accumulators nor hoist an invariant product.
//
//===----------------------------------------------------------------------===//

#include "Probes.h"

#include <algorithm>
#include <cstring>
#include <immintrin.h>
#include <iterator>

using namespace sterna::bench;

namespace {

/// Two pipes of five cycles' latency need ten.
constexpr int accumulators = 12;

template <typename Element, typename Vector>
bool allAre(const Vector (&vectors)[accumulators], Element expected) {
  constexpr size_t bytes = sizeof(vectors);
  Element elements[bytes / sizeof(Element)];
  std::memcpy(elements, vectors, bytes);
  return std::all_of(std::begin(elements), std::end(elements),
                     [&](Element element) { return element == expected; });
}

__attribute__((target("ssse3"))) bool pmaddubsw() {
  __m128i codes = _mm_set1_epi8(1), bytes = codes, sums[accumulators] = {};
  asm volatile("" : "+x"(bytes));
  for (int64_t round = 0; round < probeRounds; ++round)
    for (__m128i &sum : sums) {
      asm volatile("" : "+x"(codes));
      sum = _mm_add_epi16(sum, _mm_maddubs_epi16(codes, bytes));
    }
  return allAre(sums, uint16_t(2 * probeRounds));
}

__attribute__((target("avx2"))) bool vpmaddubsw() {
  __m256i codes = _mm256_set1_epi8(1), bytes = codes, sums[accumulators] = {};
  asm volatile("" : "+x"(bytes));
  for (int64_t round = 0; round < probeRounds; ++round)
    for (__m256i &sum : sums) {
      asm volatile("" : "+x"(codes));
      sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(codes, bytes));
    }
  return allAre(sums, uint16_t(2 * probeRounds));
}

__attribute__((target("avxvnni"))) bool vpdpbusd256() {
  __m256i codes = _mm256_set1_epi8(1), bytes = codes, sums[accumulators] = {};
  asm volatile("" : "+x"(codes), "+x"(bytes));
  for (int64_t round = 0; round < probeRounds; ++round)
    for (__m256i &sum : sums) {
      asm volatile("" : "+x"(sum));
      sum = _mm256_dpbusd_avx_epi32(sum, codes, bytes);
    }
  return allAre(sums, int32_t(4 * probeRounds));
}

__attribute__((target("avx512vnni"))) bool vpdpbusd512() {
  __m512i codes = _mm512_set1_epi32(0x01010101), bytes = codes;
  __m512i sums[accumulators] = {};
  asm volatile("" : "+v"(codes), "+v"(bytes));
  for (int64_t round = 0; round < probeRounds; ++round)
    for (__m512i &sum : sums) {
      asm volatile("" : "+v"(sum));
      sum = _mm512_dpbusd_epi32(sum, codes, bytes);
    }
  return allAre(sums, int32_t(4 * probeRounds));
}

__attribute__((target("ssse3"))) bool pmaddwd() {
  __m128i trits = _mm_set1_epi16(1), words = trits, sums[accumulators] = {};
  asm volatile("" : "+x"(words));
  for (int64_t round = 0; round < probeRounds; ++round)
    for (__m128i &sum : sums) {
      asm volatile("" : "+x"(trits));
      sum = _mm_add_epi32(sum, _mm_madd_epi16(trits, words));
    }
  return allAre(sums, int32_t(2 * probeRounds));
}

__attribute__((target("avx2"))) bool vpmaddwd() {
  __m256i trits = _mm256_set1_epi16(1), words = trits, sums[accumulators] = {};
  asm volatile("" : "+x"(words));
  for (int64_t round = 0; round < probeRounds; ++round)
    for (__m256i &sum : sums) {
      asm volatile("" : "+x"(trits));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(trits, words));
    }
  return allAre(sums, int32_t(2 * probeRounds));
}

__attribute__((target("avxvnni"))) bool vpdpwssd256() {
  __m256i trits = _mm256_set1_epi16(1), words = trits, sums[accumulators] = {};
  asm volatile("" : "+x"(trits), "+x"(words));
  for (int64_t round = 0; round < probeRounds; ++round)
    for (__m256i &sum : sums) {
      asm volatile("" : "+x"(sum));
      sum = _mm256_dpwssd_avx_epi32(sum, trits, words);
    }
  return allAre(sums, int32_t(2 * probeRounds));
}

__attribute__((target("avx512vnni"))) bool vpdpwssd512() {
  __m512i trits = _mm512_set1_epi32(0x00010001), words = trits;
  __m512i sums[accumulators] = {};
  asm volatile("" : "+v"(trits), "+v"(words));
  for (int64_t round = 0; round < probeRounds; ++round)
    for (__m512i &sum : sums) {
      asm volatile("" : "+v"(sum));
      sum = _mm512_dpwssd_epi32(sum, trits, words);
    }
  return allAre(sums, int32_t(2 * probeRounds));
}

bool mulpsAddps() {
  __m128 a = _mm_set1_ps(1), b = a, sums[accumulators] = {};
  asm volatile("" : "+x"(b));
  for (int64_t round = 0; round < probeRounds; ++round)
    for (__m128 &sum : sums) {
      asm volatile("" : "+x"(a));
      sum = _mm_add_ps(sum, _mm_mul_ps(a, b));
    }
  return allAre(sums, float(probeRounds));
}

__attribute__((target("avx2,fma"))) bool fma256() {
  __m256 a = _mm256_set1_ps(1), b = a, sums[accumulators] = {};
  asm volatile("" : "+x"(a), "+x"(b));
  for (int64_t round = 0; round < probeRounds; ++round)
    for (__m256 &sum : sums) {
      asm volatile("" : "+x"(sum));
      sum = _mm256_fmadd_ps(a, b, sum);
    }
  return allAre(sums, float(probeRounds));
}

__attribute__((target("avx512f"))) bool fma512() {
  __m512 a = _mm512_set1_ps(1), b = a, sums[accumulators] = {};
  asm volatile("" : "+v"(a), "+v"(b));
  for (int64_t round = 0; round < probeRounds; ++round)
    for (__m512 &sum : sums) {
      asm volatile("" : "+v"(sum));
      sum = _mm512_fmadd_ps(a, b, sum);
    }
  return allAre(sums, float(probeRounds));
}

} // namespace

const std::vector<Probe> &sterna::bench::getProbes() {
  constexpr int64_t n = accumulators;
  static const std::vector<Probe> probes = {
      {"pmaddubsw+paddw xmm", {"ssse3"}, 16 * n, 2 * n, pmaddubsw},
      {"vpmaddubsw+vpaddw ymm", {"avx2"}, 32 * n, 2 * n, vpmaddubsw},
      {"vpdpbusd ymm", {"avxvnni"}, 32 * n, n, vpdpbusd256},
      {"vpdpbusd zmm", {"avx512f", "avx512vnni"}, 64 * n, n, vpdpbusd512},
      {"pmaddwd+paddd xmm", {"ssse3"}, 8 * n, 2 * n, pmaddwd},
      {"vpmaddwd+vpaddd ymm", {"avx2"}, 16 * n, 2 * n, vpmaddwd},
      {"vpdpwssd ymm", {"avxvnni"}, 16 * n, n, vpdpwssd256},
      {"vpdpwssd zmm", {"avx512f", "avx512vnni"}, 32 * n, n, vpdpwssd512},
      {"mulps+addps xmm", {}, 4 * n, 2 * n, mulpsAddps},
      {"vfmadd ymm", {"avx2", "fma"}, 8 * n, n, fma256},
      {"vfmadd zmm", {"avx512f"}, 16 * n, n, fma512},
  };
  return probes;
}

void sterna::bench::spendCycles(int64_t cycles) {
  // A multiplication waits three cycles for the one before, on every x86 of the
  // last ten years; additions of constants can be fused away.
  uint64_t value = 3;
  for (int64_t i = 0; i < cycles; i += 48)
    asm volatile(".rept 16\n\timulq %0, %0\n\t.endr" : "+r"(value));
}

uint64_t sterna::bench::sumWords(const uint64_t *data, int64_t words) {
  // The prefetcher of the hardware stops at the end of a page.
  constexpr int64_t ahead = 4096;
  __m128i sums[4] = {};
  const auto *vector = reinterpret_cast<const __m128i *>(data);
  for (int64_t i = 0; i < words / 2; i += 4) {
    _mm_prefetch(reinterpret_cast<const char *>(vector + i) + ahead,
                 _MM_HINT_T0);
    for (int64_t j = 0; j < 4; ++j)
      sums[j] = _mm_add_epi64(sums[j], _mm_load_si128(vector + i + j));
  }
  __m128i sum = _mm_add_epi64(_mm_add_epi64(sums[0], sums[1]),
                              _mm_add_epi64(sums[2], sums[3]));
  return uint64_t(_mm_cvtsi128_si64(sum)) +
         uint64_t(_mm_cvtsi128_si64(_mm_unpackhi_epi64(sum, sum)));
}
