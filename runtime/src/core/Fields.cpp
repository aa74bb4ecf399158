//===- Fields.cpp - Inputs and outputs of graphs --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Fields.h.
//
//===----------------------------------------------------------------------===//

#include "core/Fields.h"

#include <algorithm>

using namespace sterna;

const char *sterna::numpyType(format::ElementType type) {
  switch (type) {
  case format::ElementType::f32:
    return "<f4";
  case format::ElementType::f16:
    return "<f2";
  case format::ElementType::bf16:
    return "<V2";
  case format::ElementType::f64:
    return "<f8";
  case format::ElementType::i8:
    return "|i1";
  case format::ElementType::i16:
    return "<i2";
  case format::ElementType::i32:
    return "<i4";
  case format::ElementType::i64:
    return "<i8";
  case format::ElementType::u8:
    return "|u1";
  case format::ElementType::u16:
    return "<u2";
  case format::ElementType::u32:
    return "<u4";
  case format::ElementType::u64:
    return "<u8";
  case format::ElementType::boolean:
    break;
  }
  return "|b1";
}

std::string sterna::shapeText(const std::vector<uint64_t> &shape) {
  std::string text;
  for (uint64_t extent : shape)
    text += (text.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + text + "]";
}

std::vector<uint64_t> sterna::shapeOf(const format::Field &field) {
  const auto &shape = orEmpty(field.shape());
  return {shape.begin(), shape.end()};
}

bool sterna::isNumpyType(const std::string &type, format::ElementType wanted) {
  // NumPy itself calls bytes that it does not know "|V2".
  return type == numpyType(wanted) ||
         (wanted == format::ElementType::bf16 && type == "|V2");
}

void sterna::copyElements(format::ElementType type, std::string_view elements,
                          uint8_t *target) {
  if (type == format::ElementType::boolean)
    std::transform(elements.begin(), elements.end(), target,
                   [](char byte) { return uint8_t(byte != 0); });
  else
    std::copy(elements.begin(), elements.end(), target);
}

const format::Program *sterna::findMain(const Module &module) {
  for (const format::Program *program : orEmpty(module.plan().programs()))
    if (program->name()->str() == "main")
      return program;
  return nullptr;
}
