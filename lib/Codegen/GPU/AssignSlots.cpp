//===- AssignSlots.cpp - Share storage buffers between buffers ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass behind --sterna-assign-slots.
//
//===----------------------------------------------------------------------===//

#include "Slots.h"

#include "sterna/Codegen/GPU/Passes.h"

using namespace mlir;

namespace sterna::gpu {
#define GEN_PASS_DEF_ASSIGNSLOTSPASS
#include "sterna/Codegen/GPU/Passes.h.inc"
} // namespace sterna::gpu

using namespace sterna;

namespace {

/// The slots of one kernel as they grow: by slot, a window for each launch.
class SlotTable {
public:
  explicit SlotTable(int64_t bindingBytes) : bindingBytes(bindingBytes) {}

  /// Puts a buffer, with its window in each launch, into the first slot that
  /// takes it in all of them; returns the slot's number.
  int64_t add(ArrayRef<sterna::gpu::Window> windows) {
    for (auto [number, slot] : llvm::enumerate(slots)) {
      if (!fits(slot, windows))
        continue;
      for (auto [mine, window] : llvm::zip_equal(slot, windows))
        mine.extend(window);
      return number;
    }
    slots.emplace_back(windows);
    return slots.size() - 1;
  }

private:
  bool fits(ArrayRef<sterna::gpu::Window> slot,
            ArrayRef<sterna::gpu::Window> windows) const {
    return llvm::all_of(llvm::zip_equal(slot, windows), [&](auto pair) {
      sterna::gpu::Window both = std::get<0>(pair);
      both.extend(std::get<1>(pair));
      return std::get<0>(pair).space == std::get<1>(pair).space &&
             both.getBytes() <= bindingBytes;
    });
  }

  int64_t bindingBytes;
  SmallVector<SmallVector<sterna::gpu::Window>> slots;
};

struct AssignSlots : sterna::gpu::impl::AssignSlotsPassBase<AssignSlots> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    plan::DeviceProfileAttr profile = getProfile();
    module->setAttr("vulkan.profile", profile);
    for (auto &[name, launches] : sterna::gpu::getLaunches(module)) {
      SlotTable table(profile.getBindingBytes());
      SmallVector<SmallVector<plan::BufferOp>> buffers =
          llvm::map_to_vector(launches, sterna::gpu::getLaunchedBuffers);
      SmallVector<int64_t> slots;
      for (size_t i = 0; i < buffers.front().size(); ++i)
        slots.push_back(table.add(llvm::map_to_vector(
            buffers, [&](ArrayRef<plan::BufferOp> launched) {
              return sterna::gpu::Window::of(launched[i]);
            })));
      auto kernel = module.lookupSymbol<plan::KernelOp>(name);
      kernel->setAttr("vulkan.slots",
                      DenseI64ArrayAttr::get(&getContext(), slots));
    }
  }

private:
  /// The profile that the plan's target names, else the portable one.
  plan::DeviceProfileAttr getProfile() {
    auto target =
        getOperation()->getAttrOfType<plan::TargetAttr>(plan::targetAttr);
    auto profile =
        target ? target.getFacts().getAs<plan::DeviceProfileAttr>("profile")
               : plan::DeviceProfileAttr();
    return profile ? profile : sterna::gpu::getPortableProfile(&getContext());
  }
};

} // namespace
