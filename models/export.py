# ===- export.py - Exports a network and its tokenizer -------------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===----------------------------------------------------------------------=== #
"""Maps the network's parameters to GGUF keys and tensor names.

Kept apart from gguf_writer.py, which knows the format but no model, and from
train.py, so that a checkpoint can be exported at any time.
"""

import numpy as np
import torch

import gguf_writer as gguf
import tokenizer
from model import BitLinear, Transformer, quantizeWeight

MODEL_NAME = "sterna-kjv"
FILE_TYPE_TQ2_0 = 37

# GGUF name of each parameter of a layer, in the order they are written.
LAYER_TENSORS = (
    ("attnNorm", "attn_norm"),
    ("attnQ", "attn_q"),
    ("attnK", "attn_k"),
    ("attnV", "attn_v"),
    ("attnSubNorm", "attn_sub_norm"),
    ("attnOutput", "attn_output"),
    ("ffnNorm", "ffn_norm"),
    ("ffnGate", "ffn_gate"),
    ("ffnUp", "ffn_up"),
    ("ffnSubNorm", "ffn_sub_norm"),
    ("ffnDown", "ffn_down"),
)


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().float().numpy()


def _addHyperparameters(writer: gguf.GGUFWriter, model: Transformer) -> None:
    c = model.config
    writer.add("general.architecture", gguf.STRING, "bitnet")
    writer.add("general.name", gguf.STRING, MODEL_NAME)
    writer.add("general.file_type", gguf.UINT32, FILE_TYPE_TQ2_0)
    writer.add("general.quantization_version", gguf.UINT32, 2)
    for key, value in (
        ("vocab_size", c.vocabSize),
        ("context_length", c.contextLength),
        ("embedding_length", c.embeddingLength),
        ("block_count", c.blockCount),
        ("feed_forward_length", c.feedForwardLength),
        ("attention.head_count", c.headCount),
        ("attention.head_count_kv", c.headCountKv),
        ("rope.dimension_count", c.headDim),
    ):
        writer.add("bitnet." + key, gguf.UINT32, value)
    writer.add("bitnet.rope.freq_base", gguf.FLOAT32, c.ropeFreqBase)
    writer.add(
        "bitnet.attention.layer_norm_rms_epsilon", gguf.FLOAT32, c.rmsEpsilon
    )


def _addTokenizer(writer: gguf.GGUFWriter, processor) -> None:
    pieces, scores, types = tokenizer.ggufVocabulary(processor)
    prefix = "tokenizer.ggml."
    writer.add(prefix + "model", gguf.STRING, "llama")
    writer.add(prefix + "pre", gguf.STRING, "default")
    writer.addArray(prefix + "tokens", gguf.STRING, pieces)
    writer.addArray(prefix + "scores", gguf.FLOAT32, scores)
    writer.addArray(prefix + "token_type", gguf.INT32, types)
    writer.add(prefix + "bos_token_id", gguf.UINT32, tokenizer.BOS_ID)
    writer.add(prefix + "eos_token_id", gguf.UINT32, tokenizer.EOS_ID)
    writer.add(prefix + "unknown_token_id", gguf.UINT32, tokenizer.UNKNOWN_ID)
    writer.add(prefix + "add_bos_token", gguf.BOOL, True)
    writer.add(prefix + "add_eos_token", gguf.BOOL, False)
    writer.add(prefix + "add_space_prefix", gguf.BOOL, True)


def writeModel(model: Transformer, processor, path: str) -> None:
    """Writes the network, its weights made ternary, and its tokenizer."""
    writer = gguf.GGUFWriter()
    _addHyperparameters(writer, model)
    _addTokenizer(writer, processor)
    writer.addFloats("token_embd.weight", _array(model.embedding), gguf.F16)
    for index, block in enumerate(model.blocks):
        for attribute, name in LAYER_TENSORS:
            module = getattr(block, attribute)
            fullName = f"blk.{index}.{name}.weight"
            if isinstance(module, BitLinear):
                trits, scale = quantizeWeight(module.weight)
                writer.addTernary(fullName, _array(trits).round(), float(scale))
            else:
                writer.addFloats(fullName, _array(module.weight), gguf.F32)
    writer.addFloats(
        "output_norm.weight", _array(model.outputNorm.weight), gguf.F32
    )
    writer.write(path)
