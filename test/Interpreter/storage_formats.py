#!/usr/bin/env python3
# ===- storage_formats.py - Stored matrices against their definition -------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Random bytes in every storage format and at odd shapes, read through the
# packer by the interpreter and by NumPy, which must agree to the bit.
# ===----------------------------------------------------------------------=== #
"""Compare what the compiler reads with NumPy's reading.

  storage_formats.py FOLDER
"""

import os
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "oracle"))
import packings  # noqa: E402
from gguf_codecs import CODECS  # noqa: E402
from reference import interleave_rows  # noqa: E402

# Storage, codec, rows, columns, and last bytes of the halves in a block.
FLOATS = [
    ("q8_0", "q8_0", 19, 96, [1]),
    ("q4_0", "q4_0", 19, 96, [1]),
    ("q4_k", "q4_k", 19, 768, [1, 3]),
    ("q5_k", "q5_k", 19, 768, [1, 3]),
    ("q6_k", "q6_k", 19, 768, [209]),
]
TRITS = [
    ("tq1_0", "tq1_0", 7, 768, [53]),
    ("tq2_0", "tq2_0", 7, 768, [65]),
    ("q2_0", "q2_0-64", 7, 192, [1]),
    ("pq2_0", "q2_0-128", 7, 384, [1]),
    ("ptq1_0", "ptq1_0", 7, 384, [27]),
    ("stq1_0", "stq1_0", 7, 768, [41]),
    ("i2_s", "i2_s", 4, 96, []),
    ("i2_s", "i2_s", 36, 160, []),
    ("i2_s", "i2_s", 128, 5, []),
    ("i2_s", "i2_s", 18, 8640, []),
    ("i2_s_arm", "i2_s-arm", 6, 96, []),
    ("i2_s_arm", "i2_s-arm", 19, 8640, []),
]
HEADS = 3


class Module:
    """IR that returns parameters, the file of their elements, and what is
    expected of each."""

    def __init__(self, path):
        self._path = path
        self._data = bytearray(b"!")  # nothing is aligned
        self._params = []
        self._types = []
        self.expected = []

    def add_bytes(self, raw):
        """Where `raw` lies in the file."""
        offset = len(self._data)
        self._data += np.ascontiguousarray(raw).tobytes()
        return offset

    def file(self, offset, storage, rest=""):
        return (
            f'#tern.file<path = "{self._path}", offset = {offset}, '
            f"storage = {storage}{rest}>"
        )

    def add(self, expected, element, source):
        shape = "x".join(map(str, expected.shape))
        type_ = f"tensor<{shape}x{element}>"
        name = f"p{len(self._types)}"
        self._params.append(f"tern.param @{name} : {type_} from {source}")
        self._types.append(type_)
        self.expected.append((f"{name} {type_} from {source}", expected))

    def add_ternary(self, values, of, group, factors=None, rest=""):
        """Trits and scales of `values`, in the order of the file."""
        rows, columns = values.shape
        self.add(np.sign(values).astype(np.int8), "!tern.trit", of)
        groups = -(-columns // group)
        magnitude = np.abs(values).reshape(rows, groups, -1).max(axis=2)
        if factors is not None:
            magnitude = magnitude * factors
        self.add(
            magnitude if groups > 1 else magnitude[:, 0],
            "f32",
            f"#tern.ternary_scales<of = {of}, columns = {columns}, "
            f"group = {group}{rest}>",
        )

    def write(self):
        with open(self._path, "wb") as file:
            file.write(self._data)

    def text(self):
        names = [f"%{i}" for i in range(len(self._types))]
        gets = [
            f"  {name} = tern.get_param @p{i} : {type_}"
            for i, (name, type_) in enumerate(zip(names, self._types))
        ]
        types = ", ".join(self._types)
        return "\n".join(
            self._params
            + [f"func.func @read() -> ({types}) {{"]
            + gets
            + [f"  return {', '.join(names)} : {types}", "}"]
        )


def random_bytes(random, codec, rows, columns, halves, valid):
    """Bytes of a matrix, all of whose scales are finite; without the code 3 of
    two bits if `valid`."""
    raw = random.randint(0, 256, codec.byte_size((rows, columns)))
    raw = raw.astype(np.uint8)
    if valid:
        raw &= ~(raw >> 1 & 0x55)
    for last in halves:
        raw.reshape(-1, codec.block_bytes)[:, last] &= 0xBF
    if not halves:
        raw[-32:-28] = np.frombuffer(np.float32(0.0375).tobytes(), np.uint8)
    return raw


def add_gguf(module, random):
    for storage, name, rows, columns, halves in FLOATS:
        codec = CODECS[name]
        raw = random_bytes(random, codec, rows, columns, halves, False)
        values = codec.decode(raw).reshape(rows, columns)
        offset = module.add_bytes(raw)
        module.add(values, "f32", module.file(offset, storage))
    for storage, name, rows, columns, halves in TRITS:
        codec = CODECS[name]
        raw = random_bytes(random, codec, rows, columns, halves, True)
        values = codec.decode(raw).reshape(rows, columns)
        offset = module.add_bytes(raw)
        group = codec.block if halves else columns
        module.add_ternary(values, module.file(offset, storage), group)


def add_packings(module, random):
    """Trits whose scales are another tensor: of each group, or one."""
    for rows, columns in ((4, 37), (148, 1003)):
        trits = random.randint(-1, 2, (rows, columns)).astype(np.float32)
        packed = packings.pack_bitnet(trits.astype(np.int64))
        assert (packings.unpack_bitnet(packed) == trits).all()
        of = module.file(module.add_bytes(packed), "bitnet_u8")
        module.add_ternary(trits, of, columns)
    for rows, columns, group in ((18, 96, 32), (42, 384, 128)):
        trits = random.randint(-1, 2, (rows, columns)).astype(np.float32)
        trits[1, :group] = 0  # a group of zeros has the scale 0
        words = packings.pack_mlx(trits.astype(np.int64))
        assert (packings.unpack_mlx(words) == trits).all()
        factors = random.random_sample((rows, columns // group)) + 0.5
        factors = factors.astype(np.float16)
        place = module.file(module.add_bytes(factors), "f16")
        rest = f", factors = {place}, numFactors = {factors.size}"
        offset = module.add_bytes(words)
        of = module.file(offset, "mlx_u2")
        factors = factors.astype(np.float32)
        module.add_ternary(trits, of, group, factors, rest)
        # The same in the other order of rows: what is expected is the file's.
        of = module.file(offset, "mlx_u2", f", interleavedHeads = {HEADS}")
        module.add_ternary(trits, of, group, factors, rest)


def check(what, actual, expected):
    if "interleavedHeads" in what:
        flat = actual.reshape(len(actual), -1)
        actual = interleave_rows(flat, HEADS).reshape(expected.shape)
    same = actual.shape == expected.shape and actual.dtype == expected.dtype
    if not same or actual.tobytes() != expected.tobytes():
        sys.exit(f"error: {what}: expected\n{expected}, but got\n{actual}")


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    module = Module(os.path.join(folder, "weights.bin"))
    random = np.random.RandomState(1)
    add_gguf(module, random)
    add_packings(module, random)
    module.write()
    path = os.path.join(folder, "read.mlir")
    with open(path, "w", encoding="utf-8") as file:
        file.write(module.text())
    outputs = [
        os.path.join(folder, f"{i}.npy") for i in range(len(module.expected))
    ]
    command = ["sterna-interp", path, "--function=read"]
    command += [f"--output={output}" for output in outputs]
    subprocess.run(command, check=True)
    for output, (what, expected) in zip(outputs, module.expected):
        check(what, np.load(output), expected)
    print(f"{len(outputs)} parameters agree")


if __name__ == "__main__":
    main()
