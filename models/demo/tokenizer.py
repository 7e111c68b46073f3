# SPDX-License-Identifier: Apache-2.0
"""Byte-level BPE: training, encoding, decoding.

Token ids: the 256 bytes in the order of the GPT-2 byte map, then one token per merge in order, then the
special tokens. Text is first cut as by the pre-tokenizer that GGUF files call "qwen2" (digits singly).
Python's re has no \\p{L} and \\p{N}; [^\\W\\d_] and \\d are the same for everything this model is trained on.
"""
import json
import re
from collections import Counter

SPECIALS = ["<|bos|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
PRE = re.compile(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|(?:[^\r\n\w]|_)?[^\W\d_]+|\d| ?(?:[^\s\w]|_)+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPLIT = re.compile("(" + "|".join(map(re.escape, SPECIALS)) + ")")


def byte_map():
    """byte -> the printable character that stands for it in token texts (GPT-2's table)."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {b: chr(b) for b in keep}
    rest = [b for b in range(256) if b not in table]
    table.update({b: chr(256 + i) for i, b in enumerate(rest)})
    return table


BYTE = byte_map()
UNBYTE = {c: b for b, c in BYTE.items()}


def pieces(text):
    """The pre-tokens of a text without special tokens, in byte-map characters."""
    return ["".join(BYTE[b] for b in p.encode()) for p in PRE.findall(text)]


def train_merges(texts, n):
    """The n most frequent merges, found greedily over the counts of the pre-tokens."""
    counts = Counter(p for t in texts for s in SPLIT.split(t) if s not in SPECIALS for p in pieces(s))
    words = [(list(w), c) for w, c in sorted(counts.items())]
    merges = []
    while len(merges) < n:
        pairs = Counter()
        for w, c in words:
            for pair in zip(w, w[1:]):
                pairs[pair] += c
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        for w, _ in words:
            i = 0
            while i < len(w) - 1:
                if (w[i], w[i + 1]) == best:
                    w[i:i + 2] = ["".join(best)]
                i += 1
    return merges


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        self.rank = {m: i for i, m in enumerate(self.merges)}
        self.tokens = sorted(BYTE.values()) + ["".join(m) for m in self.merges] + SPECIALS
        self.id = {t: i for i, t in enumerate(self.tokens)}
        self.cache = {}

    def piece(self, p):
        if p not in self.cache:
            w = list(p)
            while len(w) > 1:
                rank, i = min((self.rank.get((a, b), 1 << 30), i) for i, (a, b) in enumerate(zip(w, w[1:])))
                if rank == 1 << 30:
                    break
                w[i:i + 2] = [w[i] + w[i + 1]]
            self.cache[p] = [self.id[t] for t in w]
        return self.cache[p]

    def encode(self, text):
        out = []
        for s in SPLIT.split(text):
            if s in SPECIALS:
                out.append(self.id[s])
            else:
                for p in pieces(s):
                    out += self.piece(p)
        return out

    def decode(self, ids, specials=True):
        out = b""
        for i in ids:
            t = self.tokens[i]
            out += (t.encode() if specials else b"") if t in SPECIALS else bytes(UNBYTE[c] for c in t)
        return out.decode(errors="replace")

    def save(self, path):
        with open(path, "w", encoding="utf-8") as f:
            json.dump(self.merges, f, ensure_ascii=False)

    @classmethod
    def load(cls, path):
        with open(path, encoding="utf-8") as f:
            return cls(json.load(f))
