#include "sterna/Dialect/Tern/Transforms/Passes.h"
namespace sterna::tern {
#define GEN_PASS_DEF_CHUNKLOSSHEADPASS
#include "sterna/Dialect/Tern/Transforms/Passes.h.inc"
} // namespace sterna::tern
namespace {
struct ChunkLossHead
    : sterna::tern::impl::ChunkLossHeadPassBase<ChunkLossHead> {
  using ChunkLossHeadPassBase::ChunkLossHeadPassBase;
  void runOnOperation() override {}
};
} // namespace
