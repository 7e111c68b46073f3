#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures run-model beside a llama.cpp, on the same files, turn by turn, and writes the tables.

    scripts/compare.py --peer DIR                        all parts, tables on stdout
    scripts/compare.py --peer DIR --only speed,batch     some of them
    scripts/compare.py --peer DIR --update docs/BENCHMARKS.md --svg docs/roofline.svg

DIR holds llama-bench, llama-batched-bench and llama-completion. Files with random weights of real
shapes are written to a temporary folder first, or found in (and left in) --models FOLDER as
SHAPE-QUANT.gguf. The parts:

    speed       prefill of 512 tokens and decode of 128, with one thread and with all
    batch       decode of 8 sequences together
    start       start to first word with nothing of the file in memory: plain, and packed
    memory      peak memory at a context of 2048
    neighbours  decode while another program is busy on every CPU
    instructions  aarch64 instructions per token, counted by QEMU; needs --icount, --peer-arm64
                and --run-model-arm64

Every round measures all parts once, ergo and llama.cpp in turn; rounds go on while the time lasts
(--minutes), in a second and later round without what would not fit. Since machines are noisy, what
counts is the median of the ratios taken round by round. Figures are kept in --results as they come;
--render-only makes tables and picture from them again. Standard library only.
"""
import argparse
import json
import os
import pathlib
import sys
import tempfile
import time

import compare_parts
import compare_tables
import roofline

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHAPES = ["qwen2.5-0.5b", "llama-3.2-1b"]
QUANTS = ["Q4_0", "Q8_0", "Q4_K_M", "Q6_K"]


def words(text):
    return text.split(",")


def options_of(arguments):
    path = pathlib.Path
    cpus = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=path, help="folder of llama.cpp's programs")
    parser.add_argument("--run-model", type=path, default=ROOT / "build/run-model")
    parser.add_argument("--only", type=words, default=list(compare_parts.PARTS), metavar="PARTS")
    parser.add_argument("--models", type=path, metavar="FOLDER")
    parser.add_argument("--shapes", type=words, default=SHAPES, metavar="LIST")
    parser.add_argument("--quants", type=words, default=QUANTS, metavar="LIST")
    parser.add_argument("--threads", type=lambda text: [int(n) for n in words(text)],
                        default=sorted({1, cpus}), metavar="LIST")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--gen", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5, help="at most (default: 5)")
    parser.add_argument("--minutes", type=float, default=23, help="for all (default: 23)")
    parser.add_argument("--results", type=path, default=ROOT / "build/compare.json")
    parser.add_argument("--render-only", action="store_true")
    parser.add_argument("--update", type=path, metavar="FILE", help="Markdown whose tables to renew")
    parser.add_argument("--svg", type=path, metavar="FILE", help="the roofline picture")
    parser.add_argument("--icount", type=path, metavar="PLUGIN")
    parser.add_argument("--peer-arm64", type=path, metavar="DIR")
    parser.add_argument("--run-model-arm64", type=path, default=ROOT / "build-aarch64/run-model")
    options = parser.parse_args(arguments)
    unknown = set(options.only) - set(compare_parts.PARTS)
    if unknown:
        parser.error(f"--only: no such part: {', '.join(unknown)}")
    if not options.render_only and not options.peer:
        parser.error("--peer DIR is needed")
    return options


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure(options, results, save):
    """Runs the jobs round by round. A job that fails is said, and the others go on."""
    start = time.monotonic()
    jobs = compare_parts.jobs(options)
    took = {}
    for number in range(options.rounds):
        for key, run in jobs:
            used = time.monotonic() - start
            if number > 0 and used + took.get(key, 0) > options.minutes * 60:
                continue
            began = time.monotonic()
            try:
                figures = run()
            except (OSError, ValueError, LookupError, compare_parts.Failed) as error:
                say(f"{key}: {error}")
                took[key] = float("inf")  # once is enough
                continue
            took[key] = time.monotonic() - began
            results["figures"].setdefault(key, []).append(figures)
            say(f"[{number + 1} {used / 60:5.1f} min] {key}: {compare_tables.brief(figures)}")
            save()
    results["minutes"] = round((time.monotonic() - start) / 60, 1)
    save()


def main():
    options = options_of(sys.argv[1:])
    if options.render_only:
        results = json.loads(options.results.read_text())
    else:
        results = {"machine": compare_parts.machine(), "figures": {}, "minutes": None}
        options.results.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            options.scratch = pathlib.Path(folder)
            measure(options, results, lambda: options.results.write_text(json.dumps(results)))
    tables = compare_tables.tables(results)
    for text in tables.values():
        print(text + "\n")
    picture = roofline.picture(results) if options.svg else None
    if picture:
        options.svg.write_text(picture)
        tables["picture"] = ("![Operations per second of ergo and llama.cpp under the limits of "
                             f"the machine]({options.svg.name})")
    if options.update:
        compare_tables.update(options.update, tables)


if __name__ == "__main__":
    main()
