#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens per second of run-model beside those of a llama.cpp, on the same files, turn by turn.

    scripts/compare.py --peer DIR [--model FILE ...] [--prompt 512] [--gen 64] [--threads 1 2] [--rounds 5]

DIR holds llama-bench. Without --model, files with random weights of real shapes are written to a
temporary folder first. Prints medians and, since machines are noisy, the median of the ratios taken
round by round with the least and the largest of them.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHAPES = [("qwen2.5-0.5b", quant) for quant in ("Q4_0", "Q8_0", "Q4_K_M", "Q6_K")]


def output(*command):
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


def ours(run_model, model, threads, prompt, gen):
    rows = json.loads(output(run_model, "bench", "-m", model, "--prompt", prompt, "--gen", gen,
                             "--threads", threads, "--batch", 1, "--repeat", 1, "--json"))["rows"]
    return {row["test"]: row["tokens_per_s"]["median"] for row in rows}


def theirs(peer, model, threads, prompt, gen):
    rows = json.loads(output(peer / "llama-bench", "-m", model, "-p", prompt, "-n", gen,
                             "-t", threads, "-r", 1, "-o", "json"))
    return {"prefill" if row["n_prompt"] else "decode": row["avg_ts"] for row in rows}


def compare(options, model):
    for threads in options.threads:
        pairs = [(ours(options.run_model, model, threads, options.prompt, options.gen),
                  theirs(options.peer, model, threads, options.prompt, options.gen))
                 for _ in range(options.rounds)]
        for test in ("prefill", "decode"):
            ratios = [a[test] / b[test] for a, b in pairs]
            print(f"| {model.stem} | {test} | {threads} "
                  f"| {statistics.median(a[test] for a, _ in pairs):.1f} "
                  f"| {statistics.median(b[test] for _, b in pairs):.1f} "
                  f"| {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) |",
                  flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", type=pathlib.Path, required=True)
    parser.add_argument("--run-model", type=pathlib.Path, default=ROOT / "build/run-model")
    parser.add_argument("--model", type=pathlib.Path, nargs="*")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--gen", type=int, default=64)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("| model | test | threads | ergo tokens/s | llama.cpp tokens/s | ratio, median (least-largest) |")
    print("|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        models = options.model or []
        for shape, quant in [] if models else SHAPES:
            model = pathlib.Path(folder) / f"{shape}-{quant}.gguf"
            output(options.run_model, "synth", "--shape", shape, "--quant", quant, "-o", model)
            compare(options, model)
            model.unlink()
        for model in models:
            compare(options, model)


if __name__ == "__main__":
    main()
