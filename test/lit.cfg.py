# lit.cfg.py - how lit runs the tests
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Tests are IR files and `.test` files with RUN lines. Unit tests are a suite of
# their own: unit.site.cfg.py.in.

import os

import lit.formats

config.name = "Sterna"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["CMakeLists.txt", "Inputs", "oracle", "unit"]
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

config.substitutions += [
    # First, because what follows expands it further.
    ("%check_logits", "%python %integration/check_logits.py"),
    ("%python", f"'{config.python}'"),
    ("%oracle", os.path.join(config.test_source_root, "oracle")),
    ("%source", config.sterna_source),
    ("%models", os.path.join(config.sterna_source, "models")),
    ("%shared", os.path.realpath(shared)),
    ("%integration", os.path.join(config.test_source_root, "Integration")),
]
