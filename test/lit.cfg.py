# lit.cfg.py - how lit runs the tests
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Tests are IR files and `.test` files with RUN lines. Unit tests are a suite of
# their own: unit.site.cfg.py.in.

import glob
import json
import os
import shutil
import subprocess

import lit.formats

config.name = "Sterna"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["CMakeLists.txt", "Inputs", "oracle", "unit"]
# Heavy oracles and long runs, which ./bootstrap test --full asks for.
if "full" not in lit_config.params:
    config.excludes.append("Full")
config.test_source_root = os.path.join(config.sterna_source, "test")
config.test_exec_root = os.path.join(config.sterna_build, "test")

# Captured variables do not leak from one function's checks into the next.
config.environment["FILECHECK_OPTS"] = (
    "-enable-var-scope --allow-unused-prefixes=false"
)
config.environment["PYTHONDONTWRITEBYTECODE"] = "1"
config.environment["PATH"] = os.pathsep.join(
    [
        os.path.join(config.sterna_build, "bin"),
        config.llvm_tools,
        config.environment["PATH"],
    ]
)

# Folder of published models; tests that read it are skipped where it is absent.
shared = os.environ.get(
    "STERNA_SHARED_DIR", os.path.join(config.sterna_source, "..", "shared")
)
if os.path.isdir(os.path.join(shared, "models", "bitllama2-3m")):
    config.available_features.add("shared-models")
if os.path.exists(os.path.join(config.sterna_build, "bin", "sterna-interp")):
    config.available_features.add("sterna-interp")



def vulkan_driver(pattern):
    """The file by which Vulkan's loader finds a driver, or an empty string."""
    folders = ("/usr/share", "/usr/local/share", "/etc")
    paths = [os.path.join(f, "vulkan", "icd.d", pattern) for f in folders]
    return next((file for path in paths for file in glob.glob(path)), "")


def has_vulkan_device():
    """Whether sterna-run can use a device with the driver of the tests."""
    program = os.path.join(config.sterna_build, "bin", "sterna-run")
    try:
        listed = subprocess.run(
            [program, "devices", "--json"],
            env=config.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )
        return bool(json.loads(listed.stdout.splitlines()[-1])["vulkan"])
    except (OSError, subprocess.SubprocessError, LookupError, ValueError):
        return False


# Mesa's software device, whatever devices the machine has besides: results are
# the same everywhere. Compiled pipelines are kept beside the tests' output.
config.environment["VK_ICD_FILENAMES"] = vulkan_driver("lvp_icd*.json")
config.environment["XDG_CACHE_HOME"] = os.path.join(
    config.test_exec_root, "cache"
)
if config.environment["VK_ICD_FILENAMES"] and has_vulkan_device():
    config.available_features.add("vulkan")
# Compiles for AMD's chips without one.
radv = vulkan_driver("radeon_icd*.json")
if radv:
    config.available_features.add("radv")
if shutil.which("spirv-val", path=config.environment["PATH"]):
    config.available_features.add("spirv-val")

emulated = os.path.join(config.sterna_build, "aarch64", "emulated")
if os.path.exists(
    os.path.join(config.sterna_build, "bin", "sterna-run-aarch64")
) and os.path.exists(emulated):
    config.available_features.add("aarch64")

# What is watched shares containers with libraries that are not, and Mesa's
# driver leaks.
config.environment["ASAN_OPTIONS"] = (
    "detect_container_overflow=0:allow_user_poisoning=0:detect_leaks=0"
)
for sanitizer in ("address", "thread"):
    if os.path.isdir(os.path.join(config.sterna_build, sanitizer, "bin")):
        config.available_features.add(sanitizer)

config.substitutions += [
    ("%qemu", "qemu-aarch64"),
    ("%aarch64", f"env PATH={emulated}:{config.environment['PATH']}"),
    # First, because what follows expands it further.
    ("%check_logits", "%python %integration/check_logits.py"),
    ("%oracle_python", lit_config.params.get("full", "")),
    ("%onnx_python", config.onnx_python),
    ("%llvm_tools", config.llvm_tools),
    ("%python", f"'{config.python}'"),
    ("%oracle", os.path.join(config.test_source_root, "oracle")),
    ("%source", config.sterna_source),
    ("%build", config.sterna_build),
    ("%models", os.path.join(config.sterna_source, "models")),
    ("%radv", radv),
    ("%shared", os.path.realpath(shared)),
    ("%integration", os.path.join(config.test_source_root, "Integration")),
]
