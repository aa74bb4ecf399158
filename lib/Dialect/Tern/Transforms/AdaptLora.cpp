#include "sterna/Dialect/Tern/Transforms/Passes.h"
namespace sterna::tern {
#define GEN_PASS_DEF_ADAPTLORAPASS
#include "sterna/Dialect/Tern/Transforms/Passes.h.inc"
} // namespace sterna::tern
namespace {
struct AdaptLora
    : sterna::tern::impl::AdaptLoraPassBase<AdaptLora> {
  using AdaptLoraPassBase::AdaptLoraPassBase;
  void runOnOperation() override {}
};
} // namespace
