# SPDX-License-Identifier: Apache-2.0
"""Measure the exported file: exact answers to held-out commands, and sample stories.

  python3 evaluate.py                          heldout.jsonl at temperatures 0, 0.5 and 1, all failures, some stories
  python3 evaluate.py --fresh 3000             so many other held-out commands, drawn anew
  python3 evaluate.py --run build/run-model    the same through the runtime's command line instead of numpy
"""
import argparse
import json
import os
import re
import subprocess
import time

from generate import BOS, END, START, held_out
from stories import BOYS, COLORS, GIRLS, HE, ROBOTS, SHE, THINGS

HERE = os.path.dirname(os.path.abspath(__file__))
OPENINGS = ["Once upon a time", "Long ago, a little fox named Pip", "There once was a dragon", "In a small house by the sea"]
REQUESTS = ["tell me a story about a rabbit and a lost kite", "Tell me a story about a robot."]


def prompt(text):
    return f"{START}user\n{text}{END}\n{START}assistant\n"


def consistent(text):
    """Has a story one hero and one friend (and at most one robot), and things that keep their colour?"""
    words = set(re.findall(r"[A-Z][a-z]+", text))
    colours = set(re.findall(r"\b(%s) (%s)\b" % ("|".join(COLORS + ["little wooden"]), "|".join(THINGS)), text))
    return (len(words & set(GIRLS + BOYS + SHE + HE)) <= 2 and len(words & set(ROBOTS)) <= 1
            and len(colours) == len({thing for _, thing in colours}))


def by_numpy(path):
    from ggufmodel import Model
    model = Model(path)

    def answer(prompts, n, temperature):
        """Prompts of equal length are run together; the order is kept."""
        ids = [model.tok.encode(BOS + p) for p in prompts]
        out, lengths = [None] * len(ids), {}
        for i, x in enumerate(ids):
            lengths.setdefault(len(x), []).append(i)
        for rows in lengths.values():
            for k in range(0, len(rows), 64):
                part = rows[k:k + 64]
                for i, y in zip(part, model.generate([ids[i] for i in part], n, temperature)):
                    out[i] = model.tok.decode(y)
        return out
    return answer


def by_program(program, path):
    def answer(prompts, n, temperature):
        out = []
        for p in prompts:
            r = subprocess.run([program, "generate", "-m", path, "-p", p, "--special", "--json",
                                "--temp", str(temperature), "-n", str(n)], capture_output=True, text=True, check=True)
            out.append(json.loads(r.stdout)["sequences"][0]["text"].replace(END, ""))
        return out
    return answer


def main():
    ap = argparse.ArgumentParser(description="measure the bundled model")
    ap.add_argument("--model", default=os.path.join(HERE, "ergo-demo-Q8_0.gguf"))
    ap.add_argument("--fresh", type=int, default=0, help="use so many newly drawn held-out commands")
    ap.add_argument("--temps", type=float, nargs="*", default=[0.0, 0.5, 1.0])
    ap.add_argument("--stories", type=int, default=1, help="stories for each opening and temperature")
    ap.add_argument("--run", metavar="PATH", help="a run-model program to measure with")
    args = ap.parse_args()
    answer = by_program(args.run, args.model) if args.run else by_numpy(args.model)
    if args.fresh:
        rows = held_out(args.fresh, seed=99)
    else:
        with open(os.path.join(HERE, "heldout.jsonl"), encoding="utf-8") as f:
            rows = [(x["command"], x["json"]) for x in map(json.loads, f)]
    for t in args.temps:
        begin = time.time()
        got = answer([prompt(c) for c, _ in rows], 96, t)
        good = sum(g == want for g, (_, want) in zip(got, rows))
        print(f"commands at temperature {t}: {good} of {len(rows)} exact = {100 * good / len(rows):.2f} %"
              f"  ({time.time() - begin:.0f} s)")
        if t == 0:
            for g, (c, want) in zip(got, rows):
                if g != want:
                    print(f"  {c}\n    want {want}\n    got  {g}")
    for t in args.temps if args.stories else []:
        ps = (OPENINGS + [prompt(r) for r in REQUESTS]) * (args.stories if t else 1)
        told = answer(ps, 400, t)
        good = sum(consistent(p + text) for p, text in zip(ps, told))
        print(f"\nstories at temperature {t}: {good} of {len(told)} keep their names and things")
        for p, text in list(zip(ps, told))[:len(OPENINGS + REQUESTS)]:
            print(f"\n  {p.replace(START, '').replace(END, '')}|{text}")


if __name__ == "__main__":
    main()
