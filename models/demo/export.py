# SPDX-License-Identifier: Apache-2.0
"""Write the model as a GGUF v3 file: norms F32, matrices Q8_0. Also by hand, from a checkpoint:

  python3 export.py DIR OUT.gguf          DIR is train.py's --work
"""
import struct
import sys

import numpy as np

from tokenizer import SPECIALS

U32, I32, F32, BOOL, STR, ARR = 4, 5, 6, 7, 8, 9
TYPE_F32, TYPE_Q8_0, ALIGN = 0, 8, 32
CHATML = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
          "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def string(s):
    b = s.encode()
    return struct.pack("<Q", len(b)) + b


def value(kind, v):
    if kind == STR:
        return string(v)
    if kind == ARR:
        sub, items = v
        return struct.pack("<iQ", sub, len(items)) + b"".join(value(sub, x) for x in items)
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], v)


def q8_0(x):
    """Blocks of 32: an f16 scale max|x|/127, then 32 int8, rounded half away from zero as in C's roundf."""
    x = np.ascontiguousarray(x, dtype=np.float32).reshape(-1, 32)
    d = np.abs(x).max(1, keepdims=True) / np.float32(127)
    inv = np.divide(np.float32(1), d, out=np.zeros_like(d), where=d != 0)
    y = x * inv
    q = np.copysign(np.floor(np.abs(y) + np.float32(0.5)), y).astype(np.int8)
    return np.concatenate([d.astype("<f2").view(np.uint8), q.view(np.uint8)], axis=1).tobytes()


def metadata(tok, shape):
    types = [3 if t in SPECIALS else 1 for t in tok.tokens]
    return [
        ("general.architecture", STR, "llama"), ("general.name", STR, "ergo-demo"),
        ("general.license", STR, "Apache-2.0"), ("general.file_type", U32, 7),
        ("llama.context_length", U32, shape["context"]), ("llama.embedding_length", U32, shape["dim"]),
        ("llama.block_count", U32, shape["layers"]), ("llama.feed_forward_length", U32, shape["ffn"]),
        ("llama.attention.head_count", U32, shape["heads"]), ("llama.attention.head_count_kv", U32, shape["kv_heads"]),
        ("llama.attention.layer_norm_rms_epsilon", F32, shape["eps"]),
        ("llama.rope.dimension_count", U32, shape["dim"] // shape["heads"]),
        ("llama.rope.freq_base", F32, shape["rope_base"]), ("llama.vocab_size", U32, shape["vocab"]),
        ("tokenizer.ggml.model", STR, "gpt2"), ("tokenizer.ggml.pre", STR, "qwen2"),
        ("tokenizer.ggml.tokens", ARR, (STR, tok.tokens)), ("tokenizer.ggml.token_type", ARR, (I32, types)),
        ("tokenizer.ggml.merges", ARR, (STR, [" ".join(m) for m in tok.merges])),
        ("tokenizer.ggml.bos_token_id", U32, tok.id["<|bos|>"]), ("tokenizer.ggml.eos_token_id", U32, tok.id["<|im_end|>"]),
        ("tokenizer.ggml.eot_token_id", U32, tok.id["<|endoftext|>"]),
        ("tokenizer.ggml.padding_token_id", U32, tok.id["<|endoftext|>"]),
        ("tokenizer.ggml.add_bos_token", BOOL, True), ("tokenizer.ggml.add_eos_token", BOOL, False),
        ("tokenizer.chat_template", STR, CHATML),
    ]


def export(path, weights, tok, shape):
    """weights: name without ".weight" -> float32 array (rows, columns) or (n,); the output matrix is tied."""
    meta = metadata(tok, shape)
    infos, data, offset = [], [], 0
    for name, w in weights.items():
        kind = TYPE_Q8_0 if w.ndim == 2 else TYPE_F32
        raw = q8_0(w) if kind == TYPE_Q8_0 else w.astype("<f4").tobytes()
        dims = w.shape[::-1]                                  # GGUF: fastest dimension first
        infos.append(string(name + ".weight") + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset))
        raw += bytes(-len(raw) % ALIGN)
        data.append(raw)
        offset += len(raw)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(meta))
    head += b"".join(string(k) + struct.pack("<i", t) + value(t, v) for k, t, v in meta) + b"".join(infos)
    with open(path, "wb") as f:
        f.write(head + bytes(-len(head) % ALIGN) + b"".join(data))


if __name__ == "__main__":
    import torch
    from tokenizer import Tokenizer
    from train import SHAPE
    work, out = sys.argv[1:]
    export(out, {k: v.numpy() for k, v in torch.load(work + "/checkpoint.pt")["mean"].items()},
           Tokenizer.load(work + "/merges.json"), SHAPE)
