# ===- gguf.py - GGUF v3 reader and writer for tests ----------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A small reader and writer of GGUF files, written from the format's
# description. It is separate from the compiler's importer on purpose: tests
# compare the two, so they share no code. The block codecs are in
# gguf_codecs.py.
# ===----------------------------------------------------------------------=== #
"""GGUF v3 files: metadata and tensors, read and written with NumPy.

Shapes are in NumPy order everywhere (rows first); GGUF itself stores them
reversed. Supported element types: see `gguf_codecs.CODECS`.
"""

import math
import struct

import numpy as np

from gguf_codecs import CODECS, CODECS_BY_ID, CODECS_OF_42

MAGIC = b"GGUF"
VERSION = 3
DEFAULT_ALIGNMENT = 32

_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
_INT64 = 11
_SCALAR_FORMATS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", _UINT32: "<I", _INT32: "<i",
    _FLOAT32: "<f", _BOOL: "<?", 10: "<Q", _INT64: "<q", 12: "<d",
}  # fmt: skip


class TensorInfo:
    """Where one tensor lies: `shape` (rows first), `codec`, and the absolute
    byte `offset` of its data in the mapped file `data`."""

    def __init__(self, shape, codec, offset, data):
        self.shape, self.codec, self.offset = shape, codec, offset
        self.data = data


class Reader:
    """A GGUF file: `metadata` (dict) and `tensors` (name to TensorInfo). The
    first part of a model stands for all of its parts.

    Tensor data stays in the mapped file until `read` decodes it. Raises
    ValueError when the file is not GGUF v3 or uses an unsupported type.
    """

    def __init__(self, path):
        self._data = np.memmap(path, np.uint8, "r")
        self._position = 0
        if self._bytes(4) != MAGIC:
            raise ValueError(f"{path}: not a GGUF file")
        version = self._scalar("<I")
        if version != VERSION:
            raise ValueError(f"{path}: expected GGUF version 3, got {version}")
        tensor_count = self._scalar("<Q")
        pair_count = self._scalar("<Q")
        self.metadata = {}
        for _ in range(pair_count):
            key = self._string().decode()
            self.metadata[key] = self._value(self._scalar("<I"))
        infos = [self._tensor_info() for _ in range(tensor_count)]
        alignment = self.metadata.get("general.alignment", DEFAULT_ALIGNMENT)
        start = _align(self._position, alignment)
        self._tell_42_apart(infos, alignment, self._data.size - start)
        self.tensors = {
            name: TensorInfo(shape, codec, start + offset, self._data)
            for name, shape, codec, offset in infos
        }
        if self.metadata.get("split.no") == 0:
            for number in range(1, self.metadata["split.count"]):
                self.tensors |= Reader(_part_path(path, number)).tensors

    def read(self, name):
        """The values of tensor `name` as float32 (exact for every type)."""
        info = self.tensors[name]
        size = info.codec.byte_size(info.shape)
        raw = info.data[info.offset : info.offset + size]
        if raw.size != size:
            raise ValueError(
                f"{name}: data ends after {raw.size} of {size} bytes"
            )
        return info.codec.decode(np.array(raw)).reshape(info.shape)

    @staticmethod
    def _tell_42_apart(infos, alignment, end):
        """Replace the codec of number 42 by the only one that explains where
        the next tensors begin."""
        offsets = sorted(offset for *_, offset in infos) + [end]
        several = [info for info in infos if info[2].id == 42]

        def explains(codec):
            for _, shape, _, offset in several:
                if shape[-1] % codec.block:
                    return False
                following = offsets[offsets.index(offset) + 1]
                size = codec.byte_size(shape)
                if _align(size, alignment) != following - offset:
                    return False
            return True

        fitting = [codec for codec in CODECS_OF_42 if explains(codec)]
        if several and len(fitting) != 1:
            raise ValueError(f"type 42 has {len(fitting)} meanings here")
        for info in several:
            info[2] = fitting[0]

    def _bytes(self, count):
        data = self._data[self._position : self._position + count].tobytes()
        if len(data) != count:
            raise ValueError("truncated GGUF file")
        self._position += count
        return data

    def _scalar(self, fmt):
        return struct.unpack(fmt, self._bytes(struct.calcsize(fmt)))[0]

    def _string(self):
        return self._bytes(self._scalar("<Q"))

    def _value(self, kind):
        if kind == _STRING:
            return self._string().decode("utf-8", "surrogateescape")
        if kind == _ARRAY:
            element = self._scalar("<I")
            count = self._scalar("<Q")
            return [self._value(element) for _ in range(count)]
        return self._scalar(_SCALAR_FORMATS[kind])

    def _tensor_info(self):
        name = self._string().decode()
        rank = self._scalar("<I")
        shape = tuple(self._scalar("<Q") for _ in range(rank))[::-1]
        kind = self._scalar("<I")
        offset = self._scalar("<Q")
        if kind not in CODECS_BY_ID:
            raise ValueError(f"{name}: unsupported tensor type {kind}")
        return [name, shape, CODECS_BY_ID[kind], offset]


class StreamWriter:
    """Writes a GGUF file tensor by tensor, so that memory stays bounded.

    `tensors` is a list of (name, shape, type name). After construction the
    caller appends the encoded bytes of each tensor, in that order and in
    pieces of any size, with `append`; `close` checks that nothing is missing.
    """

    def __init__(self, path, metadata, tensors):
        self._file = open(path, "wb")
        self._ends = []
        header = [
            MAGIC,
            struct.pack("<IQQ", VERSION, len(tensors), len(metadata)),
        ]
        for key, value in metadata.items():
            header += [_pack_string(key), _pack_value(value)]
        offset = 0
        for name, shape, kind in tensors:
            codec = CODECS[kind]
            header.append(_pack_string(name))
            header.append(struct.pack("<I", len(shape)))
            header += [struct.pack("<Q", extent) for extent in reversed(shape)]
            header.append(struct.pack("<IQ", codec.id, offset))
            self._ends.append((name, offset + codec.byte_size(shape)))
            offset = _align(self._ends[-1][1], DEFAULT_ALIGNMENT)
        raw = b"".join(header)
        self._file.write(raw.ljust(_align(len(raw), DEFAULT_ALIGNMENT), b"\0"))
        self._written = 0
        self._current = 0

    def append(self, data):
        """Append `data` (bytes or a uint8 array), which must not run over the
        end of the current tensor; padding follows each tensor by itself."""
        data = bytes(data)
        name, end = self._ends[self._current]
        if self._written + len(data) > end:
            raise ValueError(f"{name}: more data than its shape holds")
        self._file.write(data)
        self._written += len(data)
        if self._written == end:
            padded = _align(end, DEFAULT_ALIGNMENT)
            self._file.write(bytes(padded - end))
            self._written = padded
            self._current += 1

    def leave_hole(self):
        """Let zeros stand for all data to come: a hole, which takes no disk."""
        start = self._file.tell() - self._written
        end = _align(self._ends[-1][1], DEFAULT_ALIGNMENT)
        self._file.truncate(start + end)
        self._current = len(self._ends)

    def close(self):
        """Close the file; ValueError when a tensor is incomplete."""
        self._file.close()
        if self._current != len(self._ends):
            raise ValueError(f"{self._ends[self._current][0]}: data is missing")


def write(path, metadata, tensors):
    """Write a GGUF file. `tensors` maps each name to (values, type name)."""
    declared = [(name, v.shape, kind) for name, (v, kind) in tensors.items()]
    writer = StreamWriter(path, metadata, declared)
    for values, kind in tensors.values():
        writer.append(
            CODECS[kind].encode(np.asarray(values, np.float32)).tobytes()
        )
    writer.close()


def write_parts(path, metadata, tensors, count):
    """Write a model in `count` parts, of which `path` names the first."""
    names = list(tensors)
    size = math.ceil(len(names) / count)
    for number in range(count):
        place = {
            "split.no": number,
            "split.count": count,
            "split.tensors.count": len(names),
        }
        own = names[number * size : (number + 1) * size]
        write(
            _part_path(path, number),
            {**metadata, **place} if number == 0 else place,
            {name: tensors[name] for name in own},
        )


def _part_path(path, number):
    """Path of part `number` beside the first part `path`."""
    stem, first, rest = str(path).rpartition("-00001-of-")
    if not first:
        raise ValueError(f"{path}: not the name of a first part")
    return f"{stem}-{number + 1:05}-of-{rest}"


def _align(offset, alignment):
    return math.ceil(offset / alignment) * alignment


def _pack_string(text):
    raw = text.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(raw)) + raw


def _pack_value(value):
    """Type tag and payload; the GGUF type follows from the Python type."""
    if isinstance(value, list):
        if not value:
            return struct.pack("<IIQ", _ARRAY, _STRING, 0)
        if type(value[0]) is int and max(value) < 2**31:
            # As published files have it, and llama.cpp insists on.
            return struct.pack(
                f"<IIQ{len(value)}i", _ARRAY, _INT32, len(value), *value
            )
        if type(value[0]) is int:
            return struct.pack(
                f"<IIQ{len(value)}q", _ARRAY, _INT64, len(value), *value
            )
        packed = [_pack_value(element) for element in value]
        body = b"".join(element[4:] for element in packed)
        return (
            struct.pack("<I", _ARRAY)
            + packed[0][:4]
            + struct.pack("<Q", len(value))
            + body
        )
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _pack_string(value)
    if isinstance(value, bool):
        return struct.pack("<I?", _BOOL, value)
    if isinstance(value, float):
        return struct.pack("<If", _FLOAT32, value)
    kind = _UINT32 if value >= 0 else _INT32
    return struct.pack("<I", kind) + struct.pack(_SCALAR_FORMATS[kind], value)
