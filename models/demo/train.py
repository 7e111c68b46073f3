# SPDX-License-Identifier: Apache-2.0
"""Train the bundled model on the CPU (PyTorch 1.13 or newer) and export the GGUF.

  python3 train.py --work DIR --minutes 60 --processes 2    start, or resume from DIR's checkpoint

The learning rate follows the clock: a short warm-up, then a cosine down to a fiftieth at --minutes of training time
(time of earlier runs counts), so the run ends on time whatever the machine. Products of matrices are in bfloat16
(far faster than float32 here, with oneDNN), everything else and the weights themselves in float32.
The matrices of the blocks are trained with Muon (momentum, orthogonalised), embeddings and norms with Adam.
"""
import argparse
import math
import os
import random
import sys
import time

import torch
import torch.nn.functional as F

from export import export
from generate import document
from stories import ANIMALS, BOYS, COLORS, FOODS, GIRLS, HE, ROBOTS, SHE, THINGS
from tokenizer import SPECIALS, SPLIT, Tokenizer, pieces, train_merges

SHAPE = dict(vocab=1536, dim=256, layers=4, heads=8, kv_heads=4, ffn=768, context=512, rope_base=10000.0, eps=1e-5)
HERE = os.path.dirname(os.path.abspath(__file__))
LOW, JSON, AGAIN = 0.1, 2.0, 3.0            # loss weights, see weigh()
ENTITIES = set(" ".join(GIRLS + BOYS + SHE + HE + ROBOTS + ANIMALS + THINGS + COLORS + FOODS).split())


# ---- model -----------------------------------------------------------------------------------------------------

def init(shape, seed):
    g = torch.Generator().manual_seed(seed)
    d, hd = shape["dim"], shape["dim"] // shape["heads"]

    def mat(rows, cols, gain=1.0):
        return torch.randn(rows, cols, generator=g) * (gain / math.sqrt(cols))

    out = 1 / math.sqrt(2 * shape["layers"])
    w = {"token_embd": torch.randn(shape["vocab"], d, generator=g) * 0.05, "output_norm": torch.ones(d)}
    for i in range(shape["layers"]):
        w.update({f"blk.{i}.attn_norm": torch.ones(d), f"blk.{i}.ffn_norm": torch.ones(d),
                  f"blk.{i}.attn_q": mat(d, d), f"blk.{i}.attn_k": mat(shape["kv_heads"] * hd, d),
                  f"blk.{i}.attn_v": mat(shape["kv_heads"] * hd, d), f"blk.{i}.attn_output": mat(d, d, out),
                  f"blk.{i}.ffn_gate": mat(shape["ffn"], d), f"blk.{i}.ffn_up": mat(shape["ffn"], d),
                  f"blk.{i}.ffn_down": mat(d, shape["ffn"], out)})
    return {k: v.requires_grad_() for k, v in w.items()}


def rms(x, g, eps):
    return (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * g).bfloat16()


def rope_table(shape, n):
    hd = shape["dim"] // shape["heads"]
    freq = shape["rope_base"] ** (-torch.arange(0, hd, 2) / hd)
    angles = torch.outer(torch.arange(n).float(), freq)
    return torch.polar(torch.ones_like(angles), angles)


def rope(x, table):
    """Rotate the pairs (2i, 2i+1) of every head; x: batch, time, heads, head size."""
    z = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(z * table[: x.shape[1], None]).flatten(-2).bfloat16()


def forward(w, ids, shape, table):
    """Logits (float32) for a batch of token ids; every row starts at position 0."""
    b, t = ids.shape
    nh, nkv, hd = shape["heads"], shape["kv_heads"], shape["dim"] // shape["heads"]
    half = {k: v.bfloat16() for k, v in w.items() if v.dim() == 2}
    mask = torch.full((t, t), float("-inf")).triu(1)
    x = F.embedding(ids, w["token_embd"])
    for i in range(shape["layers"]):
        p = f"blk.{i}."
        h = rms(x, w[p + "attn_norm"], shape["eps"])
        qkv = F.linear(h, torch.cat([half[p + "attn_q"], half[p + "attn_k"], half[p + "attn_v"]]))
        q, k, v = qkv.view(b, t, -1, hd).split([nh, nkv, nkv], dim=2)
        q, k = rope(q, table), rope(k, table)
        # the query heads of a group share k and v: fold the group into the rows of the product
        q = q.view(b, t, nkv, nh // nkv, hd).permute(0, 2, 3, 1, 4).reshape(b * nkv, -1, hd)
        k, v = (z.permute(0, 2, 1, 3).reshape(b * nkv, t, hd) for z in (k, v))
        s = torch.bmm(q, k.transpose(1, 2)).float().view(b * nkv, -1, t, t) * hd ** -0.5 + mask
        a = torch.bmm(s.softmax(-1).bfloat16().view(b * nkv, -1, t), v)
        a = a.view(b, nkv, nh // nkv, t, hd).permute(0, 3, 1, 2, 4).reshape(b, t, nh * hd)
        x = x + F.linear(a, half[p + "attn_output"])
        h = rms(x, w[p + "ffn_norm"], shape["eps"])
        g, u = F.linear(h, torch.cat([half[p + "ffn_gate"], half[p + "ffn_up"]])).chunk(2, -1)
        x = x + F.linear(F.silu(g) * u, half[p + "ffn_down"])
    return F.linear(rms(x, w["output_norm"], shape["eps"]), half["token_embd"]).float()


# ---- data ------------------------------------------------------------------------------------------------------

def weigh(doc, tok):
    """Token ids of a document and each token's loss weight as a target. What the user says weighs little (it cannot
    be foretold), JSON answers much; in stories, a name or thing that was told before weighs more than other words."""
    ids, weights, said, w, turn = [], [], set(), 1.0, False
    for part in SPLIT.split(doc):
        if part in SPECIALS:
            ids.append(tok.id[part])
            weights.append(LOW if part == "<|im_start|>" else w)
            turn = part == "<|im_start|>"
            w = LOW if part in ("<|im_start|>", "<|im_end|>") else 1.0
            continue
        head, sep, body = part.partition("\n") if turn else ("", "", part)
        n = len(tok.encode(head + sep))
        ids += tok.encode(head + sep)
        weights += [LOW] * n
        if head == "assistant":
            w = JSON if body.startswith("{") else 1.0
        for piece in pieces(body):
            word, t = piece.strip("\u0120\""), tok.piece(piece)
            again = w == 1.0 and word in ENTITIES and word in said
            said.add(word)
            ids += t
            weights += [AGAIN if again else w] * len(t)
    return ids, weights


def batches(r, tok, tokens_in_chunk, tokens_in_batch, context):
    """Endless batches (ids, weights) of fresh documents of like length. Rows are padded (with weight 0) to 8k+1,
    so that there are few different shapes: every new shape costs time, as its code is made at run time."""
    buckets = {}
    while True:
        ready, n = [], 0
        while n < tokens_in_chunk:
            ids, weights = weigh(document(r), tok)
            if len(ids) > context:
                continue
            n += len(ids)
            t = (len(ids) + 6) // 8 * 8
            rows = buckets.setdefault(t, [])
            pad = t + 1 - len(ids)
            rows.append((ids + [0] * pad, weights + [0.0] * pad))
            if len(rows) == max(1, tokens_in_batch // t):
                ready.append(buckets.pop(t))
        r.shuffle(ready)
        for rows in ready:
            yield torch.tensor([ids for ids, _ in rows]), torch.tensor([ws for _, ws in rows])


# ---- optimiser -------------------------------------------------------------------------------------------------

def orthogonal(g):
    """The nearest (semi-)orthogonal matrix, roughly: five Newton-Schulz steps."""
    x = g.bfloat16()
    flip = x.shape[0] > x.shape[1]
    x = (x.t().contiguous() if flip else x) / (g.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.t()
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x
    return (x.t() if flip else x).float()


class Optimiser:
    """Muon for the matrices of the blocks, Adam for the embedding and the norms."""
    def __init__(self, w):
        self.w, self.step_no = w, 0
        self.m = {k: torch.zeros_like(v) for k, v in w.items()}
        self.v = {k: torch.zeros_like(v) for k, v in w.items() if not self.is_muon(k)}
        self.mean = {k: v.detach().clone() for k, v in w.items()}      # of the last steps' weights: what is exported

    @staticmethod
    def is_muon(name):
        return name.startswith("blk.") and "norm" not in name

    @torch.no_grad()
    def step(self, scale):
        self.step_no += 1
        for k, p in self.w.items():
            g, m = p.grad, self.m[k]
            if self.is_muon(k):
                m.mul_(0.95).add_(g)
                u = orthogonal(g + 0.95 * m)
                p.mul_(1 - 0.0002 * scale).add_(u, alpha=-0.01 * scale * max(1, p.shape[0] / p.shape[1]) ** 0.5)
            else:
                lr = (2e-3 if p.dim() == 2 else 4e-3) * scale
                m.mul_(0.9).add_(g, alpha=0.1)
                self.v[k].mul_(0.98).addcmul_(g, g, value=0.02)
                c1, c2 = 1 - 0.9 ** self.step_no, 1 - 0.98 ** self.step_no
                p.addcdiv_(m / c1, (self.v[k] / c2).sqrt() + 1e-8, value=-lr)
            p.grad = None
            self.mean[k].lerp_(p, 0.01)


# ---- a second process ------------------------------------------------------------------------------------------

def batch_loss(w, batch, table):
    """The weighted mean loss of a batch, with gradients; also the number of tokens learned from."""
    ids, weight = batch
    logits = forward(w, ids[:, :-1], SHAPE, table)
    loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    wt = weight[:, 1:].flatten()
    loss = (loss * wt).sum() / wt.sum()
    loss.backward()
    return loss.item(), int((wt > 0).sum())


def helper(w, grads, seed, merges, batch, tokens, go, done):
    """Compute gradients of own batches into shared memory, one batch for each go."""
    torch.set_num_threads(1)
    source = batches(random.Random(seed), Tokenizer.load(merges), 500_000, batch, SHAPE["context"])
    table, parent = rope_table(SHAPE, SHAPE["context"]), os.getppid()
    for p in w.values():
        p.requires_grad_()
    while os.getppid() == parent:
        if not go.wait(5):
            continue
        go.clear()
        tokens.value = batch_loss(w, next(source), table)[1]
        for k, p in w.items():
            grads[k].copy_(p.grad)
            p.grad = None
        done.set()


# ---- run -------------------------------------------------------------------------------------------------------

def main():
    ap = argparse.ArgumentParser(description="train the bundled model")
    ap.add_argument("--work", required=True, help="folder for the checkpoint (not in the project)")
    ap.add_argument("--minutes", type=float, default=60, help="training time, earlier runs included")
    ap.add_argument("--processes", type=int, default=2, choices=(1, 2), help="of one thread each")
    ap.add_argument("--batch", type=int, default=2048, help="tokens in a batch")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--steps", type=int, default=1 << 30, help="stop after so many steps (to measure speed)")
    ap.add_argument("--out", default=os.path.join(HERE, "ergo-demo-Q8_0.gguf"))
    args = ap.parse_args()
    if "MALLOC_MMAP_MAX_" not in os.environ:      # keep freed memory: fresh pages for every large tensor cost much time
        os.execve(sys.executable, [sys.executable, *sys.argv],
                  dict(os.environ, MALLOC_MMAP_MAX_="0", MALLOC_TRIM_THRESHOLD_="20000000000",
                       MALLOC_TOP_PAD_="268435456", GLIBC_TUNABLES="glibc.malloc.hugetlb=1"))
    torch.set_num_threads(1)
    os.makedirs(args.work, exist_ok=True)
    merges = os.path.join(args.work, "merges.json")
    if not os.path.exists(merges):
        r = random.Random(args.seed)
        sample = [document(r) for _ in range(20000)]
        Tokenizer(train_merges(sample, SHAPE["vocab"] - 260)).save(merges)
    tok = Tokenizer.load(merges)
    w = init(SHAPE, args.seed)
    opt, ckpt, spent, seen = Optimiser(w), os.path.join(args.work, "checkpoint.pt"), 0.0, 0
    if os.path.exists(ckpt):
        c = torch.load(ckpt)
        with torch.no_grad():
            for k in w:
                w[k].copy_(c["w"][k])
        opt.m, opt.v, opt.mean, opt.step_no, spent, seen = c["m"], c["v"], c["mean"], c["step"], c["spent"], c["seen"]
    table = rope_table(SHAPE, SHAPE["context"])
    source = batches(random.Random(args.seed * 1000 + opt.step_no), tok, 500_000, args.batch, SHAPE["context"])
    begin, saved, shown, mean = time.time() - spent, time.time(), time.time(), None
    print(sum(p.numel() for p in w.values()), "parameters")
    if args.processes == 2:
        # Each has its batches; the first never waits: it takes more batches until the helper's gradients are there.
        ctx = torch.multiprocessing.get_context("spawn")
        grads = {k: torch.zeros_like(v, requires_grad=False).share_memory_() for k, v in w.items()}
        shared = {k: v.detach().share_memory_() for k, v in w.items()}
        w = opt.w = {k: v.requires_grad_() for k, v in shared.items()}
        go, ready, tokens = ctx.Event(), ctx.Event(), ctx.Value("q", 0)
        plain = {k: v.detach() for k, v in w.items()}
        ctx.Process(target=helper, daemon=True, args=(plain, grads, args.seed * 1000 + opt.step_no + 500, merges,
                                                      args.batch, tokens, go, ready)).start()

    def save():
        torch.save(dict(w={k: v.detach() for k, v in w.items()}, m=opt.m, v=opt.v, mean=opt.mean, step=opt.step_no,
                        spent=time.time() - begin, seen=seen), ckpt + ".new")
        os.replace(ckpt + ".new", ckpt)

    while True:
        done = (time.time() - begin) / (60 * args.minutes)
        if done >= 1 or opt.step_no >= args.steps:
            break
        scale = min(1, (opt.step_no + 1) / 50) * (0.51 + 0.49 * math.cos(math.pi * done))
        count = 0
        if args.processes == 2:
            go.set()
        while count == 0 or (args.processes == 2 and count < 4 and not ready.is_set()):
            loss, n = batch_loss(w, next(source), table)
            count, seen = count + 1, seen + n
            mean = loss if mean is None else 0.98 * mean + 0.02 * loss
        if args.processes == 2:
            if not ready.wait(600):
                sys.exit("the helper process does not answer")
            ready.clear()
            count, seen = count + 1, seen + tokens.value
            for k, p in w.items():
                p.grad += grads[k]
        for p in w.values():
            p.grad /= count
        opt.step(scale)
        if time.time() - shown > 20:
            shown = time.time()
            print(f"step {opt.step_no}  {seen / 1e6:.2f}M tokens  {shown - begin:.0f} s  {seen / (shown - begin):.0f} tok/s"
                  f"  lr x{scale:.2f}  loss {mean:.4f}", flush=True)
        if time.time() - saved > 120:
            saved = time.time()
            save()
    save()
    print(f"step {opt.step_no}  {seen} tokens  {time.time() - begin:.0f} s  loss {mean:.4f}")
    export(args.out, {k: v.numpy() for k, v in opt.mean.items()}, tok, SHAPE)


if __name__ == "__main__":
    main()
