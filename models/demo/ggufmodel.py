# SPDX-License-Identifier: Apache-2.0
"""Read the exported GGUF again and run it with numpy, so that the evaluation measures the file itself."""
import struct

import numpy as np

from tokenizer import Tokenizer

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def scalar(self, fmt):
        v, = struct.unpack_from(fmt, self.data, self.at)
        self.at += struct.calcsize(fmt)
        return v

    def string(self):
        n = self.scalar("<Q")
        self.at += n
        return self.data[self.at - n:self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            sub = self.scalar("<i")
            return [self.value(sub) for _ in range(self.scalar("<Q"))]
        return self.scalar(SCALARS[kind])


def read_gguf(path):
    """Metadata, and tensors as float32 arrays with rows first (types F32 and Q8_0 only)."""
    with open(path, "rb") as f:
        r = Reader(f.read())
    assert r.data[:4] == b"GGUF"
    r.at = 4
    version, n_tensors, n_meta = r.scalar("<I"), r.scalar("<Q"), r.scalar("<Q")
    assert version == 3
    meta = {}
    for _ in range(n_meta):
        key = r.string()
        meta[key] = r.value(r.scalar("<i"))
    infos = []
    for _ in range(n_tensors):
        name = r.string()
        dims = [r.scalar("<Q") for _ in range(r.scalar("<I"))]
        infos.append((name, dims, r.scalar("<i"), r.scalar("<Q")))
    base, tensors = (r.at + 31) // 32 * 32, {}
    for name, dims, kind, offset in infos:
        n = int(np.prod(dims))
        if kind == 0:
            t = np.frombuffer(r.data, "<f4", n, base + offset)
        else:
            assert kind == 8, "only F32 and Q8_0"
            raw = np.frombuffer(r.data, np.uint8, n // 32 * 34, base + offset).reshape(-1, 34)
            t = raw[:, :2].copy().view("<f2").astype(np.float32) * raw[:, 2:].view(np.int8)
        tensors[name] = np.ascontiguousarray(t.reshape(dims[::-1]), dtype=np.float32)
    return meta, tensors


class Model:
    def __init__(self, path):
        m, self.w = read_gguf(path)
        self.meta = m
        self.tok = Tokenizer([tuple(x.split(" ")) for x in m["tokenizer.ggml.merges"]])
        assert self.tok.tokens == m["tokenizer.ggml.tokens"]
        self.layers, self.heads = m["llama.block_count"], m["llama.attention.head_count"]
        self.kv_heads, self.eps = m["llama.attention.head_count_kv"], m["llama.attention.layer_norm_rms_epsilon"]
        self.hd = m["llama.embedding_length"] // self.heads
        self.context = m["llama.context_length"]
        self.freq = m["llama.rope.freq_base"] ** (-np.arange(0, self.hd, 2) / self.hd)
        self.ends = {self.tok.id["<|im_end|>"], self.tok.id["<|endoftext|>"]}

    def rms(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.eps) * self.w[name]

    def rope(self, x, pos):
        a = np.outer(pos, self.freq)[:, None]
        c, s, y = np.cos(a), np.sin(a), np.empty_like(x)
        y[..., 0::2] = x[..., 0::2] * c - x[..., 1::2] * s
        y[..., 1::2] = x[..., 0::2] * s + x[..., 1::2] * c
        return y

    def forward(self, ids, cache, pos):
        """Logits of the last position; ids: (batch, new positions); cache: per layer [k, v] or None."""
        b, t = ids.shape
        at = np.arange(pos, pos + t)
        x = self.w["token_embd.weight"][ids]
        for i in range(self.layers):
            p = f"blk.{i}."
            h = self.rms(x, p + "attn_norm.weight")
            q, k, v = ((h @ self.w[f"{p}attn_{n}.weight"].T).reshape(b, t, -1, self.hd) for n in "qkv")
            q, k = self.rope(q, at), self.rope(k, at)
            if cache[i] is not None:
                k, v = (np.concatenate(pair, axis=1) for pair in zip(cache[i], (k, v)))
            cache[i] = k, v
            group = self.heads // self.kv_heads
            q = q.reshape(b, t, self.kv_heads, group, self.hd)
            s = np.einsum("btkgd,bskd->bkgts", q, k) / np.sqrt(self.hd)
            s = np.where(np.arange(pos + t)[None, :] <= at[:, None], s, -np.inf)
            s = np.exp(s - s.max(-1, keepdims=True))
            s /= s.sum(-1, keepdims=True)
            a = np.einsum("bkgts,bskd->btkgd", s, v).reshape(b, t, -1).astype(np.float32)
            x = x + a @ self.w[p + "attn_output.weight"].T
            h = self.rms(x, p + "ffn_norm.weight")
            g = h @ self.w[p + "ffn_gate.weight"].T
            x = x + (g / (1 + np.exp(-g)) * (h @ self.w[p + "ffn_up.weight"].T)) @ self.w[p + "ffn_down.weight"].T
        return self.rms(x[:, -1], "output_norm.weight") @ self.w["token_embd.weight"].T

    def generate(self, prompts, n, temperature=0.0, seed=1):
        """Continue prompts (lists of ids, all of one length); each result ends before its end token."""
        r = np.random.default_rng(seed)
        ids, cache, pos = np.array(prompts), [None] * self.layers, 0
        out, open_ = [[] for _ in prompts], np.ones(len(prompts), bool)
        for _ in range(min(n, self.context - ids.shape[1])):
            logits = self.forward(ids, cache, pos)
            pos += ids.shape[1]
            if temperature == 0:
                nxt = logits.argmax(-1)
            else:                                            # Gumbel noise: the same as sampling from the softmax
                nxt = (logits / temperature + r.gumbel(size=logits.shape)).argmax(-1)
            for j in np.flatnonzero(open_):
                if int(nxt[j]) in self.ends:
                    open_[j] = False
                else:
                    out[j].append(int(nxt[j]))
            if not open_.any():
                break
            ids = nxt[:, None]
        return out
