#!/usr/bin/env python3
# ===- make_seeds.py - Where fuzzers begin --------------------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Write the seeds of corpus/: small valid files of each kind.

  make_seeds.py CORPUS

Device binaries are not among them: their version rises with the format, so
that sterna-fuzz-module-seed makes one anew.
"""

import json
import pathlib
import struct
import sys

import numpy as np

_ORACLE = pathlib.Path(__file__).resolve().parent.parent / "oracle"
sys.path.insert(0, str(_ORACLE))

import gguf  # noqa: E402
from make_model import Variant, make_tensors, model_metadata  # noqa: E402

ROWS = {
    "text": {"text": "The tern is a sea bird."},
    "tokens": {"input_ids": [1, 70, 71, 72], "labels": [-100, 70, 71, 72]},
    "completion": {"prompt": "A tern", "completion": " flies."},
    "instruction": {"instruction": "Name it.", "input": "", "output": "Tern"},
    "messages": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Which bird?"},
            {"role": "assistant", "content": "\u00c9l\u00e9gante sterne"},
        ]
    },
}


def write_models(folder):
    shape = {"hidden": 8, "feed_forward": 16, "heads": 2, "layers": 1}
    wide = {**shape, "hidden": 64, "feed_forward": 64, "kv_heads": 2}
    variants = {
        "bitnet": Variant("", kv_heads=1, **shape),
        "bitnet-scales": Variant("", kv_heads=2, separate_scales=True, **shape),
        "llama": Variant("", "llama", kv_heads=2, sub_norms=False, **shape),
        "i2_s": Variant("", matrix_type="i2_s", embedding_type="q4_0", **wide),
        "q2_0": Variant(
            "", matrix_type="q2_0-64", embedding_type="q4_0", **wide
        ),
    }
    for name, variant in variants.items():
        gguf.write(
            folder / f"{name}.gguf",
            model_metadata(name, variant),
            make_tensors(variant, seed=1),
        )


def write_rows(folder):
    for name, row in ROWS.items():
        line = json.dumps(row, ensure_ascii=False)
        (folder / f"{name}.jsonl").write_text(f"{line}\n{line}\n")
    rows = json.dumps(list(ROWS.values())[:2])
    (folder / "array.json").write_text(rows)
    (folder / "plain.txt").write_text("The tern\nis a sea bird.\n")


def write_arrays(folder):
    np.save(folder / "f32.npy", np.arange(6, dtype="<f4").reshape(2, 3))
    np.save(folder / "i32.npy", np.arange(3, dtype="<i4"))
    np.save(folder / "scalar.npy", np.float32(1))
    np.save(folder / "f64.npy", np.zeros(2))


def write_safetensors(folder):
    kinds = {"F32": 4, "F16": 2, "BF16": 2}
    header = {"__metadata__": {"format": "pt"}}
    end = 0
    for kind, size in kinds.items():
        begin, end = end, end + 6 * size
        header[kind] = {
            "dtype": kind,
            "shape": [2, 3],
            "data_offsets": [begin, end],
        }
    text = json.dumps(header).encode()
    (folder / "tensors.safetensors").write_bytes(
        struct.pack("<Q", len(text)) + text + bytes(end)
    )
    (folder / "empty.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    corpus = pathlib.Path(sys.argv[1])
    for name, write in {
        "gguf": write_models,
        "json-lines": write_rows,
        "npy": write_arrays,
        "safetensors": write_safetensors,
    }.items():
        (corpus / name).mkdir(parents=True, exist_ok=True)
        write(corpus / name)


if __name__ == "__main__":
    main()
