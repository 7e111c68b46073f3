# SPDX-License-Identifier: Apache-2.0
"""What scripts/compare.py measures: each part is a list of jobs, a job gives figures of both."""
import json
import os
import pathlib
import platform
import re
import subprocess
import time

LIMIT_SECONDS = 900  # of any one program
SMALL = ("qwen2.5-0.5b", "Q4_0")
LARGE = ("llama-3.2-1b", "Q4_0")
TEXT = "Once upon a time there was a little robot who lived in a house by the sea. "


class Failed(Exception):
    """A program that could not be run, or that did not say what was expected."""


def run(*command, env=None):
    """Output, seconds and peak bytes of a program."""
    command = [str(part) for part in command]
    began = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=env, text=True) as program:
        try:
            out, err = program.communicate(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            program.kill()
            raise Failed(f"{command[0]}: took more than {LIMIT_SECONDS} s") from None
    seconds = time.monotonic() - began
    if program.returncode != 0:
        raise Failed(f"{' '.join(command)}: exit {program.returncode}: {err.strip()[-300:]}")
    return out, err, seconds


def peak_bytes(*command):
    """Most memory that a program had resident: asked of a parent of its own, which has no other."""
    code = ("import resource, subprocess, sys; "
            "p = subprocess.run(sys.argv[1:], stdin=-3, stdout=-3, stderr=-3); "
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(p.returncode)")
    out, _, _ = run("python3", "-c", code, *command)
    return int(out) * 1024


def machine():
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {"cpu": cpu[1] if cpu else platform.machine(), "arch": platform.machine(),
            "cpus": len(os.sched_getaffinity(0)), "kernel": platform.release()}


def model(options, shape, quant):
    """The file, written first where there is none."""
    path = (options.models or options.scratch) / f"{shape}-{quant}.gguf"
    if not path.exists():
        run(options.run_model, "synth", "--shape", shape, "--quant", quant, "-o", path)
    return path


def ergo_bench(options, path, threads, *more):
    out, _, _ = run(options.run_model, "bench", "-m", path, "--threads", threads, "--repeat", 1,
                    "--json", *more)
    return json.loads(out)


# ---- speed and batch --------------------------------------------------------------------------

def speed(options, shape, quant, threads):
    path = model(options, shape, quant)
    bench = ergo_bench(options, path, threads, "--prompt", options.prompt, "--gen", options.gen)
    out, _, _ = run(options.peer / "llama-bench", "-m", path, "-p", options.prompt, "-n",
                    options.gen, "-t", threads, "-r", 1, "-o", "json")
    peer = {"prefill" if row["n_prompt"] else "decode": row["avg_ts"] for row in json.loads(out)}
    figures = {"limits": bench["limits"][0]}
    for row in bench["rows"]:
        figures[row["test"]] = {
            "ergo": row["tokens_per_s"]["median"], "peer": peer[row["test"]],
            "gops": row["gops"], "gb_per_s": row["gb_per_s"], "cpu": row["cpu_seconds"],
            "waited": row["waited_cpu_seconds"]}
    return figures


def batch(options, shape, quant, threads, sequences=8, tokens=48):
    path = model(options, shape, quant)
    bench = ergo_bench(options, path, threads, "--prompt", 1, "--gen", tokens, "--batch", sequences)
    row = next(row for row in bench["rows"] if row["test"] == "decode")
    out, _, _ = run(options.peer / "llama-batched-bench", "-m", path, "-c", 2048, "-npp", 1, "-ntg",
                    tokens, "-npl", sequences, "-t", threads, "--output-format", "jsonl")
    rows = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    if not rows:
        raise Failed("llama-batched-bench: no figures")
    return {"limits": bench["limits"][0],
            "decode": {"ergo": row["tokens_per_s"]["median"], "peer": rows[-1]["speed_tg"],
                       "gops": row["gops"], "gb_per_s": row["gb_per_s"],
                       "cpu": row["cpu_seconds"], "waited": row["waited_cpu_seconds"]}}


# ---- start and memory -------------------------------------------------------------------------

def forget(path):
    """Drops a file from the page cache, as after a reboot."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def ergo_words(options, path, count, *more):
    return [options.run_model, "generate", "-m", path, "-p", TEXT, "-n", count, "--temp", 0, *more]


def peer_words(options, path, count, *more):
    return [options.peer / "llama-completion", "-m", path, "-p", TEXT, "-n", count, "--temp", 0,
            "-no-cnv", "--no-warmup", "-t", options.threads[-1], *more]


def first_word(path, command, cold):
    if cold:
        forget(path)
    else:
        run(*command)
    return run(*command)[2]


def start(options, cold):
    """Seconds of a whole run for one token. With cold, the file is read from the disk."""
    path = model(options, *LARGE)
    packed = options.scratch / f"{LARGE[0]}-{LARGE[1]}-packed.gguf"
    if not packed.exists():
        run(options.run_model, "pack", "-i", path, "-o", packed)
    return {"plain": first_word(path, ergo_words(options, path, 1), cold),
            "packed": first_word(packed, ergo_words(options, packed, 1), cold),
            "peer": first_word(path, peer_words(options, path, 1), cold)}


def memory(options):
    path = model(options, *LARGE)
    packed = options.scratch / f"{LARGE[0]}-{LARGE[1]}-packed.gguf"
    if not packed.exists():
        run(options.run_model, "pack", "-i", path, "-o", packed)
    context = ["--ctx", 2048]
    return {"plain": peak_bytes(*ergo_words(options, path, 8, *context)),
            "packed": peak_bytes(*ergo_words(options, packed, 8, *context)),
            "peer": peak_bytes(*peer_words(options, path, 8, "-c", 2048))}


# ---- neighbours -------------------------------------------------------------------------------

class Neighbours:
    """A program that never rests on every CPU that this one may use."""

    def __enter__(self):
        self.programs = [subprocess.Popen(["taskset", "-c", str(cpu), "sh", "-c",
                                           "while :; do :; done"])
                         for cpu in os.sched_getaffinity(0)]

    def __exit__(self, *_):
        for program in self.programs:
            program.kill()
            program.wait()


def neighbours(options, tokens=48):
    path, threads = model(options, *SMALL), options.threads[-1]

    def ergo():
        rows = ergo_bench(options, path, threads, "--prompt", 1, "--gen", tokens)["rows"]
        row = next(row for row in rows if row["test"] == "decode")
        return row["tokens_per_s"]["median"], row["waited_cpu_seconds"] / row["cpu_seconds"]

    def peer():
        out, _, _ = run(options.peer / "llama-bench", "-m", path, "-p", 0, "-n", tokens, "-t",
                        threads, "-r", 1, "-o", "json")
        return json.loads(out)[0]["avg_ts"]

    quiet, quiet_peer = ergo(), peer()
    with Neighbours():
        busy, busy_peer = ergo(), peer()
    return {"ergo": {"quiet": quiet[0], "busy": busy[0], "waited": busy[1]},
            "peer": {"quiet": quiet_peer, "busy": busy_peer}}


# ---- instructions -----------------------------------------------------------------------------

def count_instructions(options, *command):
    out, err, _ = run("qemu-aarch64", "-cpu", "max", "-plugin", options.icount, "-d", "plugin",
                      *command, env={"PATH": os.environ["PATH"]})
    total = re.search(r"total=(\d+)", err + out)
    if not total:
        raise Failed(f"{command[0]}: the plugin counted nothing")
    return int(total[1]), out


def peer_instructions(options, path, *more):
    root = options.peer_arm64.parent / "root"
    lib = root / "usr/lib/aarch64-linux-gnu"
    libraries = f"{lib}:{lib / 'llama'}:{lib / 'ggml/backends0'}"
    return count_instructions(options, root / "usr/lib/ld-linux-aarch64.so.1", "--library-path",
                              libraries, root / "usr/bin/llama-bench", "-m", path, "-t", 1, "-r",
                              1, "--no-warmup", *more)[0]


def ergo_instructions(options, path, text, tokens):
    count, out = count_instructions(options, options.run_model_arm64, "generate", "-m", path, "-p",
                                    text, "-n", tokens, "--temp", 0, "--threads", 1, "--json")
    done = json.loads(out)["sequences"][0]
    return count, done["prompt_tokens"], done["generated_tokens"]


def instructions(options, quant):
    """Per token: what a run of more tokens takes beyond one of fewer."""
    path = model(options, SMALL[0], quant)
    few, more = (ergo_instructions(options, path, TEXT * n, 0) for n in (1, 2))
    figures = {"prefill": {"ergo": (more[0] - few[0]) / (more[1] - few[1])}}
    lengths = (few[1], more[1])
    few, more = (ergo_instructions(options, path, "Once", n) for n in (2, 6))
    figures["decode"] = {"ergo": (more[0] - few[0]) / (more[2] - few[2])}
    few, more = (peer_instructions(options, path, "-p", n, "-n", 0) for n in lengths)
    figures["prefill"]["peer"] = (more - few) / (lengths[1] - lengths[0])
    few, more = (peer_instructions(options, path, "-p", 0, "-n", n) for n in (2, 6))
    figures["decode"]["peer"] = (more - few) / 4
    return figures


# ---- all --------------------------------------------------------------------------------------

PARTS = ("start", "memory", "neighbours", "speed", "batch", "instructions")


def jobs(options):
    """(key, call) of every job of a round, the short ones first."""
    found = {part: [] for part in PARTS}
    found["start"] = [("start/cold", lambda: start(options, True)),
                      ("start/warm", lambda: start(options, False))]
    found["memory"] = [("memory", lambda: memory(options))]
    found["neighbours"] = [("neighbours", lambda: neighbours(options))]
    for shape in options.shapes:
        for quant in options.quants:
            name = f"{shape}/{quant}"
            for n in options.threads:
                found["speed"].append((f"speed/{name}/{n}", lambda s=shape, q=quant, n=n:
                                       speed(options, s, q, n)))
            n = options.threads[-1]
            found["batch"].append((f"batch/{name}/{n}", lambda s=shape, q=quant, n=n:
                                   batch(options, s, q, n)))
    if options.icount and options.peer_arm64:
        found["instructions"] = [(f"instructions/{SMALL[0]}/{quant}", lambda q=quant:
                                  instructions(options, q)) for quant in options.quants]
    return [job for part in PARTS if part in options.only for job in found[part]]
