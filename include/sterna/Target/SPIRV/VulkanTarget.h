//===- VulkanTarget.h - Vulkan devices as a target --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TARGET_SPIRV_VULKANTARGET_H
#define STERNA_TARGET_SPIRV_VULKANTARGET_H

#include "sterna/Target/Target.h"

namespace sterna::spirv {

/// The target "vulkan": one code object of SPIR-V that every device runs which
/// keeps to the portable profile. Facts: `weight_layout`, as --weight-layout
/// names it, and `profile`, a #plan.device_profile.
std::unique_ptr<Target> createVulkanTarget();

} // namespace sterna::spirv

#endif // STERNA_TARGET_SPIRV_VULKANTARGET_H
