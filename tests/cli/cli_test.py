#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drives run-model as people and scripts do.  Usage: cli_test.py RUN_MODEL

The bundled demo model serves most cases. Those that compare with llama.cpp's figures need the shared
test assets (ERGO_ASSETS) and are skipped, loudly, without them.
"""
import array
import json
import math
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = str(ROOT / "models/demo/ergo-demo-Q8_0.gguf")
ASSETS = pathlib.Path(os.environ.get("ERGO_ASSETS") or ROOT / "../shared/assets")
RUN = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else str(ROOT / "build/run-model")
SECONDS = 120


def run(*args, stdin=b""):
    """Returns (exit code, stdout, stderr)."""
    if isinstance(stdin, str):
        stdin = stdin.encode()
    done = subprocess.run([RUN, *map(str, args)], input=stdin, capture_output=True, timeout=SECONDS)
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


def interrupted(*args, after, closed=True):
    """Runs a command and sends Ctrl-C after so many seconds."""
    with subprocess.Popen([RUN, *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        if closed:
            process.stdin.close()
            process.stdin = None
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
        return process.returncode, out, err.decode("utf-8", "replace")


def read_types(path):
    """Type ids of a GGUF file's tensors by name, by a reader of its own."""
    data = pathlib.Path(path).read_bytes()
    at = 8

    def take(form):
        nonlocal at
        value = struct.unpack_from("<" + form, data, at)[0]
        at += struct.calcsize("<" + form)
        return value

    def text():
        nonlocal at
        size = take("Q")
        at += size
        return data[at - size:at].decode("utf-8", "replace")

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            inner = take("i")
            return [value(inner) for _ in range(take("Q"))]
        return take("BbHhIif?xxQqd"[kind])

    assert data[:4] == b"GGUF"
    tensors, entries = take("Q"), take("Q")
    found = {}
    for _ in range(entries):
        key = text()
        found[key] = value(take("i"))
    types = {}
    for _ in range(tensors):
        name = text()
        shape = [take("Q") for _ in range(take("I"))]
        types[name] = (take("i"), shape)
        take("Q")
    return found, types


def assets(test):
    """Marks a test that needs the shared assets."""
    def wrapped(self):
        if not (ASSETS / "models").is_dir():
            print(f"SKIPPED, no shared assets in {ASSETS}: {test.__name__}", file=sys.stderr)
            self.skipTest("no shared assets")
        test(self)
    wrapped.__name__ = test.__name__
    return wrapped


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name, content=None):
        path = os.path.join(self.folder.name, name)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content)
        return path

    def good(self, *args, stdin=b""):
        """stdout of a run that must succeed."""
        code, out, err = run(*args, stdin=stdin)
        self.assertEqual(code, 0, f"{args}: {err}")
        return out

    def json(self, *args, stdin=b""):
        return json.loads(self.good(*args, "--json", stdin=stdin))

    def bad(self, code, *args, stdin=b"", says=""):
        """A run that must end with the exit code and a message that holds `says`."""
        got, out, err = run(*args, stdin=stdin)
        self.assertEqual(got, code, f"{args}: {err}")
        self.assertIn(says, err, f"{args}")
        self.assertNotEqual(err, "", f"{args}")
        return out


class CommandLine(Case):
    commands = ["generate", "chat", "inspect", "tokenize", "perplexity", "logits", "bench", "synth",
                "quantize", "pack", "power", "devices", "version"]

    def test_every_command_explains_itself(self):
        for command in self.commands:
            for words in ([command, "--help"], [command, "-h"], ["help", command]):
                out = self.good(*words).decode()
                self.assertIn("Usage:", out)
                self.assertIn("--json", out)
            self.assertIn(command, self.good("--help").decode())

    def test_version_and_devices(self):
        self.assertRegex(self.good("version").decode(), r"^run-model \d+\.\d+\.\d+\n$")
        self.assertEqual(list(self.json("version")), ["version"])
        device = self.json("devices", "--threads", "1")["devices"][0]
        self.assertEqual((device["backend"], device["threads"]), ("cpu", 1))

    def test_usage_errors_end_with_2_and_name_the_cause(self):
        self.bad(2)
        self.bad(2, "frobnicate", says="frobnicate")
        self.bad(2, "serve", says="serve")
        self.bad(2, "-p", "x", says="-m FILE")
        model = ("-m", DEMO, "-p", "x")
        for option, value in [("-n", "-1"), ("-n", "99999999999999999999"), ("-n", ""),
                              ("-n", "x"), ("--temp", "-1"), ("--temp", "nan"), ("--top-p", "2"),
                              ("--min-p", "-0.1"), ("--ctx", "0"), ("--ctx", "99999999"),
                              ("--batch", "0"), ("--sequences", "0"), ("--sequences", "1000000"),
                              ("--kv", "q4"), ("--threads", "0"), ("--threads", "-4"),
                              ("--seed", "-1"), ("--repeat-penalty", "0"), ("--backend", "cuda"),
                              ("--chunk", "0"), ("--log-level", "loud")]:
            self.bad(2, *model, option, value, says=option)
        self.bad(2, *model, "--wrong", says="--wrong")
        self.bad(2, *model, "--temp", says="--temp")
        self.bad(2, *model, "-f", "y", says="exclude")
        self.bad(2, *model, "--stop", "", says="--stop")
        self.bad(2, *model, "--cpu-flags", "warp-drive", says="warp-drive")
        self.bad(3, "power", "list", "--board", "sim:x", says="cannot open x")

    def test_a_backend_that_is_not_there_ends_with_4(self):
        self.bad(4, "-m", DEMO, "-p", "x", "--backend", "opencl", says="opencl")

    def test_bad_files_end_with_3_and_are_named(self):
        demo = pathlib.Path(DEMO).read_bytes()
        files = [self.path("none.gguf"), self.folder.name, self.path("empty.gguf", b""),
                 self.path("text.gguf", b"hello"), self.path("cut.gguf", demo[:5000]),
                 self.path("short.gguf", demo[:-1000]), self.path("head.gguf", demo[:24]),
                 self.path("old.gguf", demo[:4] + b"\1" + demo[5:])]
        for path in files:
            for command in (["-p", "x"], ["tokenize", "-p", "x"], ["inspect"], ["chat"],
                            ["perplexity", "-f", DEMO], ["logits", "--ids", "1", "-o", "x"],
                            ["bench"]):
                self.bad(3, *command, "-m", path, says=path)
        self.bad(3, "-m", DEMO, "-f", self.path("none"), says="none")
        self.bad(3, "-m", DEMO, "-p", "x", "--grammar", self.path("none"), says="none")
        self.bad(3, "-m", DEMO, "-p", "x", "--grammar", self.path("g", b"root ::= ("), says="")
        self.bad(3, "-m", DEMO, "-p", "x", "--json-schema", self.path("s", b"{"), says="")

    def test_every_byte_of_a_header_may_be_wrong(self):
        demo = pathlib.Path(DEMO).read_bytes()
        for at in range(0, 400, 7):
            path = self.path("broken.gguf", demo[:at] + bytes([demo[at] ^ 0xff]) + demo[at + 1:])
            self.assertIn(run("inspect", "-m", path)[0], (0, 3), at)

    def test_a_reader_that_goes_away_is_no_message(self):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([RUN, "-m", DEMO, "-p", "Once", "-n", "50"], stdout=write,
                              stderr=subprocess.PIPE, timeout=SECONDS)
        os.close(write)
        self.assertEqual((done.returncode, done.stderr), (1, b""))

    def test_a_full_disk_is_an_error(self):
        for args in (["-m", DEMO, "-p", "Once", "-n", "5"], ["version"], ["inspect", "-m", DEMO]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([RUN, *args], stdout=full, stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"No space left", done.stderr)


class Generate(Case):
    greedy = ("-m", DEMO, "-p", "Once upon a time", "-n", "40", "--temp", "0")

    def test_json_has_the_promised_keys(self):
        out = self.json(*self.greedy)
        self.assertLessEqual({"sequences", "prefill", "decode", "load_seconds", "peak_bytes",
                              "energy"}, set(out))
        self.assertIsNone(out["energy"])
        for phase in ("prefill", "decode"):
            self.assertEqual(set(out[phase]), {"tokens", "seconds", "tokens_per_s"})
        one = out["sequences"][0]
        self.assertEqual(set(one), {"text", "ids", "stop", "prompt_tokens", "generated_tokens",
                                    "energy"})
        self.assertEqual(len(one["ids"]), one["generated_tokens"])
        self.assertEqual(out["prefill"]["tokens"], one["prompt_tokens"])
        self.assertEqual(out["decode"]["tokens"], one["generated_tokens"] - 1)
        self.assertIn(one["stop"], ("eog", "length"))

    def test_text_ids_and_json_agree(self):
        one = self.json(*self.greedy)["sequences"][0]
        self.assertEqual(self.good(*self.greedy).decode(), one["text"] + "\n")
        ids = self.good(*self.greedy, "--ids").decode()
        self.assertEqual(ids, " ".join(map(str, one["ids"])) + "\n")
        self.assertEqual(self.good("generate", *self.greedy).decode(), one["text"] + "\n")
        self.assertEqual(self.good(*self.greedy[:2], *self.greedy[4:],
                                   stdin="Once upon a time").decode(), one["text"] + "\n")
        prompt = self.path("prompt", b"Once upon a time")
        self.assertEqual(self.good("-m", DEMO, "-f", prompt, *self.greedy[4:]).decode(),
                         one["text"] + "\n")

    def test_no_knob_changes_a_word(self):
        text = self.good(*self.greedy)
        for knobs in (["--threads", "1"], ["--chunk", "1"], ["--chunk", "3"], ["--cpu-flags", "none"],
                      ["--ctx", "64"], ["--batch", "1"]):
            self.assertEqual(self.good(*self.greedy, *knobs), text, knobs)

    def test_sequences_are_the_runs_of_their_seeds(self):
        base = ("-m", DEMO, "-p", "Once", "-n", "20")
        alone = [self.good(*base, "--seed", 7 + k).decode() for k in range(3)]
        together = self.good(*base, "--seed", 7, "--sequences", 3).decode()
        self.assertEqual(together, f"{alone[0]}--- 1\n{alone[1]}--- 2\n{alone[2]}")
        limited = self.good(*base, "--seed", 7, "--sequences", 3, "--batch", 2).decode()
        self.assertEqual(limited, together)
        out = self.json(*base, "--seed", 7, "--sequences", 3)
        self.assertEqual([s["text"] + "\n" for s in out["sequences"]], alone)

    def test_every_way_to_stop_is_told(self):
        def stop(*args):
            return self.json("-m", DEMO, "--temp", "0", *args)["sequences"][0]
        self.assertEqual(stop("-p", "Once", "-n", "3")["stop"], "length")
        none = stop("-p", "Once upon a time", "-n", "0")
        self.assertEqual((none["stop"], none["ids"], none["text"]), ("length", [], ""))
        full = stop("-p", "Once upon a time", "--ctx", "20")
        self.assertEqual(full["stop"], "context")
        self.assertLessEqual(full["prompt_tokens"] + full["generated_tokens"], 21)
        command = "<|im_start|>user\nturn on the kitchen light<|im_end|>\n<|im_start|>assistant\n"
        done = stop("-p", command)
        self.assertEqual(done["stop"], "eog")
        self.assertEqual(json.loads(done["text"])["device"], "light")
        cut = stop("-p", command, "--stop", "zebra", "--stop", ",\"room")
        self.assertEqual((cut["stop"], cut["text"]), ("stop", '{"device":"light"'))

    def test_grammars_hold(self):
        grammar = self.path("g.gbnf", b'root ::= ("yes" | "no") "!"')
        schema = self.path("s.json", b'{"type":"object","properties":{"a":{"type":"integer"},'
                           b'"b":{"enum":["x","y"]}},"required":["a","b"]}')
        for seed in range(3):
            base = ("-m", DEMO, "-p", "Well, ", "--seed", seed, "-n", 60)
            self.assertIn(self.good(*base, "--grammar", grammar), (b"yes!\n", b"no!\n"))
            out = self.json(*base, "--json-schema", schema)["sequences"][0]
            if out["stop"] == "eog":
                self.assertEqual(set(json.loads(out["text"])), {"a", "b"})
        self.bad(2, "-m", DEMO, "-p", "x", "--grammar", grammar, "--json-schema", schema,
                 says="exclude")

    def test_a_text_that_cannot_go_on_is_an_error(self):
        doubling = "".join(f"{'root' if i == 0 else f'r{i}'} ::= r{i + 1} r{i + 1}\n"
                           for i in range(60)) + 'r60 ::= "a"?\n'
        ambiguous = self.path("ambiguous.gbnf", doubling.encode())
        _, _, err = run("-m", DEMO, "-p", "x", "--grammar", ambiguous)
        self.assertNotIn("--ctx", err)
        self.bad(1, "-m", DEMO, "-p", "x", "--grammar", ambiguous, says="limit")
        demo = pathlib.Path(DEMO).read_bytes()
        nan = self.path("nan.gguf", demo[:-200000] + b"\xff" * 200000)
        self.bad(1, "-m", nan, "-p", "x", says="no token")
        text = self.path("text", b"Once upon a time there was a fox. " * 20)
        self.bad(1, "perplexity", "-m", nan, "-f", text, "--ctx", "64", says="no number")

    def test_a_prompt_that_does_not_fit_or_is_nothing_is_an_error(self):
        self.bad(1, "-m", DEMO, "-p", "word " * 600, says="--ctx")
        self.bad(2, "-m", DEMO, "-p", "", "--no-bos", says="empty")

    def test_any_bytes_are_a_prompt(self):
        prompt = self.path("bytes", bytes(range(256)) + b"\xff\xfe\xf0\x9f")
        out = self.json("-m", DEMO, "-f", prompt, "-n", "4")
        self.assertGreater(out["sequences"][0]["prompt_tokens"], 100)

    def test_ctrl_c_prints_the_summary_and_ends_with_130(self):
        args = ("-m", DEMO, "-p", "Once", "--sequences", "256", "--chunk", "1", "--batch", "1")
        code, out, err = interrupted(*args, after=0.5)
        self.assertEqual(code, 130)
        self.assertIn("run-model: prefill", err)
        code, out, err = interrupted(*args, "--json", after=0.5)
        self.assertEqual((code, err), (130, ""))
        self.assertEqual(len(json.loads(out)["sequences"]), 256)

    @assets
    def test_greedy_stories_are_the_golden_ones(self):
        for name in ("stories260K", "babyllama-tok361"):
            golden = (ASSETS / f"golden/{name}.greedy.txt").read_text()
            text = self.good("-m", ASSETS / f"models/{name}-f32.gguf", "-p", "", "--temp", "0", "-n",
                             "400").decode()
            size = min(len(text), len(golden)) - 1  # without the line break that ends both
            self.assertGreater(size, 250)
            self.assertEqual(text[:size], golden[:size])


class Tokenize(Case):
    def test_text_to_ids_and_back(self):
        text = "Once upon a time, Ünïcödé 你好 🙂\n\ttabs"
        ids = self.good("tokenize", "-m", DEMO, "-p", text).decode().split()
        for back in (self.good("tokenize", "-m", DEMO, "--decode", *ids),
                     self.good("tokenize", "-m", DEMO, "--decode", stdin=" ".join(ids))):
            self.assertEqual(back.decode(), text)
        out = self.json("tokenize", "-m", DEMO, "-p", text)
        self.assertEqual((out["ids"], out["count"]), (list(map(int, ids)), len(ids)))
        bare = self.json("tokenize", "-m", DEMO, "-p", text, "--no-bos")
        self.assertEqual(bare["ids"], out["ids"][1:])
        self.assertEqual(self.json("tokenize", "-m", DEMO, "--decode", *ids)["text"], text)
        self.assertEqual(self.good("tokenize", "-m", DEMO, "-p", "", "--no-bos"), b"\n")

    def test_control_tokens(self):
        def ids(*args):
            return self.json("tokenize", "-m", DEMO, "-p", "<|im_end|>", "--no-bos", *args)["ids"]
        self.assertEqual(len(ids()), 1)
        self.assertGreater(len(ids("--no-special")), 1)
        shown = self.good("tokenize", "-m", DEMO, "--decode", "--special", ids()[0])
        self.assertEqual(shown, b"<|im_end|>")
        self.assertEqual(self.good("tokenize", "-m", DEMO, "--decode", ids()[0]), b"")

    def test_wrong_ids(self):
        for wrong in ("99999", "x", "1.5", "99999999999999999999", "1;2"):
            self.bad(2, "tokenize", "-m", DEMO, "--decode", wrong, says="token id")
        self.bad(2, "tokenize", "-m", DEMO, "stray", says="stray")

    @assets
    def test_vocabularies_give_llama_cpps_ids(self):
        for vocabulary in sorted((ASSETS / "vocab").glob("*.gguf")):
            cases = pathlib.Path(f"{vocabulary}.inp").read_text().split("\n__ggml_vocab_test__\n")
            lines = pathlib.Path(f"{vocabulary}.out").read_text().split("\n")
            for case, line in list(zip(cases, lines))[::7]:
                got = self.good("tokenize", "-m", vocabulary, "--no-bos", "--no-special",
                                stdin=case).decode().split()
                self.assertEqual(got, line.split(), f"{vocabulary.name}: {case!r}")


class Logits(Case):
    def logits(self, *args):
        path = self.path("logits")
        self.good("logits", "-m", DEMO, "--ids", "1532 5 9,200 300 7 8 11", "-o", path, *args)
        return pathlib.Path(path).read_bytes()

    def test_no_knob_changes_a_bit(self):
        whole = self.logits()
        self.assertEqual(len(whole), 8 * 1536 * 4)
        for knobs in (["--batch", "1"], ["--batch", "3"], ["--threads", "1"],
                      ["--cpu-flags", "none"]):
            self.assertEqual(self.logits(*knobs), whole, knobs)
        values = array.array("f", whole)
        self.assertTrue(all(map(math.isfinite, values)))

    def test_the_largest_logit_is_the_greedy_token(self):
        text = self.json("-m", DEMO, "-p", "Once", "-n", "1", "--temp", "0")["sequences"][0]
        ids = self.good("tokenize", "-m", DEMO, "-p", "Once").decode()
        path = self.path("one")
        out = self.json("logits", "-m", DEMO, "--ids", ids, "-o", path)
        values = array.array("f", pathlib.Path(path).read_bytes())
        last = values[-out["vocabulary"]:]
        self.assertEqual(last.index(max(last)), text["ids"][0])

    def test_wrong_use(self):
        self.bad(2, "logits", "-m", DEMO, "--ids", "1 9999", "-o", "x", says="9999")
        self.bad(2, "logits", "-m", DEMO, "--ids", " ", "-o", "x", says="no id")
        self.bad(2, "logits", "-m", DEMO, "-o", "x", says="--ids")
        self.bad(1, "logits", "-m", DEMO, "--ids", "1", "-o", self.path("no/x"), says="no/x")
        self.bad(1, "logits", "-m", DEMO, "--ids", "1", "-o", "/dev/full", says="No space")


class Perplexity(Case):
    def test_keys_and_windows(self):
        text = self.path("text", b"Once upon a time there was a little fox. " * 60)
        out = self.json("perplexity", "-m", DEMO, "-f", text, "--ctx", "64")
        self.assertLessEqual({"perplexity", "error", "tokens"}, set(out))
        self.assertGreater(out["perplexity"], 1)
        self.assertEqual(out["tokens"], out["windows"] * 31)
        strided = self.json("perplexity", "-m", DEMO, "-f", text, "--ctx", "64", "--stride", "16")
        self.assertEqual(strided["tokens"], strided["windows"] * 16)
        self.assertIn(b"perplexity", self.good("perplexity", "-m", DEMO, "-f", text, "--ctx", "64"))
        self.bad(2, "perplexity", "-m", DEMO, "-f", text, "--ctx", "64", "--stride", "64",
                 says="--stride")
        self.bad(1, "perplexity", "-m", DEMO, "-f", self.path("short", b"Once"), "--ctx", "64",
                 says="128")

    @assets
    def test_figures_are_llama_cpps(self):
        text = ASSETS / "text/tinystories-eval-40k.txt"
        for name, figure in (("stories260K-f32", 3.8643), ("stories260K-q8_0", 3.8673),
                             ("babyllama-tok361-Q4_0", 2.0810)):
            out = self.json("perplexity", "-m", ASSETS / f"models/{name}.gguf", "-f", text, "--ctx",
                            "256")
            self.assertLess(abs(out["perplexity"] / figure - 1), 0.001, name)


class Inspect(Case):
    def test_keys(self):
        out = self.json("inspect", "-m", DEMO, "--plan", "--ctx", "256", "--batch", "4")
        self.assertEqual(out["arch"], "llama")
        self.assertEqual(out["file_bytes"], os.path.getsize(DEMO))
        memory = out["memory"]
        self.assertEqual(memory["total"], sum(memory[k] for k in
                                              ("weights", "repacked", "kv", "scratch")))
        self.assertIs(out["fits"], True)
        self.assertEqual({tuple(sorted(t)) for t in out["tensors"]},
                         {("bytes", "name", "packed", "shape", "type")})
        for phase in ("decode", "prefill"):
            self.assertLessEqual({"macs", "weight_bytes", "kv_bytes", "activation_bytes"},
                                 set(out["work"][phase]))
        self.assertGreater(len(out["plan"]), 20)
        one = self.json("inspect", "-m", DEMO, "--ctx", "256", "--batch", "1")
        self.assertEqual(memory["kv"], 4 * one["memory"]["kv"])
        for word in (b"metadata", b"tensors", b"plan", b"memory", b"fits"):
            self.assertIn(word, self.good("inspect", "-m", DEMO, "--plan"))

    @assets
    def test_what_cannot_run_is_shown_as_far_as_it_can_be(self):
        path = ASSETS / "vocab/ggml-vocab-gpt-2.gguf"
        code, out, err = run("inspect", "-m", path, "--json")
        shown = json.loads(out)
        self.assertEqual((code, shown["arch"], shown["fits"]), (3, "gpt2", False))
        self.assertIn("gpt2", shown["reason"])
        self.assertIn(shown["reason"], err)
        self.assertIn("tokenizer.ggml.tokens", shown["metadata"])


class Chat(Case):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]

    def test_render_prints_the_exact_prompt(self):
        expected = ("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
                    "<|im_start|>assistant\n")
        text = json.dumps(self.messages)
        self.assertEqual(self.good("chat", "-m", DEMO, "--render", stdin=text).decode(), expected)
        self.assertEqual(self.good("chat", "--chat-format", "chatml", "--render",
                                   stdin=text).decode(), expected)
        self.assertEqual(self.json("chat", "-m", DEMO, "--render", stdin=text)["prompt"], expected)
        own = self.path("own", b"{% for m in messages %}[{{ m['content'] }}]{% endfor %}")
        self.assertEqual(self.good("chat", "-m", DEMO, "--render", "--template", own, stdin=text),
                         b"[Be brief.][Hi]")

    def test_wrong_messages(self):
        for text in ("", "{", "{}", "[1]", '[{"role":"user"}]', '[{"content":"x"}]',
                     '[{"role":1,"content":"x"}]', "[" * 5000):
            self.bad(2, "chat", "-m", DEMO, "--render", stdin=text, says="message")
        self.bad(2, "chat", "-m", DEMO, "--chat-format", "none", says="chatml")
        bad = self.path("bad", b"{% for %}")
        self.bad(3, "chat", "-m", DEMO, "--render", "--template", bad,
                 stdin=json.dumps(self.messages), says="--chat-format")

    def test_lines_are_turns(self):
        lines = "turn on the kitchen light\nturn off the kitchen light\n"
        out = self.json("chat", "-m", DEMO, "--temp", "0", stdin=lines)
        self.assertEqual([t["user"] for t in out["turns"]], lines.split("\n")[:2])
        for turn in out["turns"]:
            self.assertEqual(json.loads(turn["text"])["device"], "light")
            self.assertEqual(turn["stop"], "eog")
        plain = self.good("chat", "-m", DEMO, "--temp", "0", stdin=lines).decode()
        self.assertEqual(plain, "".join(t["text"] + "\n" for t in out["turns"]))
        # The second turn computes only what the first has not: far less than its whole prompt.
        fed = out["prefill"]["tokens"]
        self.assertLess(fed, sum(t["prompt_tokens"] for t in out["turns"]))

    def test_a_turn_is_what_generate_gives_for_its_prompt(self):
        prompt = self.good("chat", "-m", DEMO, "--render", stdin=json.dumps(self.messages)).decode()
        alone = self.json("-m", DEMO, "-p", prompt, "--temp", "0")["sequences"][0]
        turn = self.json("chat", "-m", DEMO, "--system", "Be brief.", "--temp", "0",
                         stdin="Hi\n")["turns"][0]
        self.assertEqual(turn["ids"], alone["ids"])

    def test_old_turns_are_forgotten_when_the_context_is_full(self):
        lines = "turn on the kitchen light\n" * 8
        code, out, err = run("chat", "-m", DEMO, "--temp", "0", "--ctx", "96", "--json", stdin=lines)
        self.assertEqual(code, 0, err)
        self.assertEqual(len(json.loads(out)["turns"]), 8)
        self.assertIn("forgotten", err)

    def test_ctrl_c_at_the_prompt(self):
        code, _, err = interrupted("chat", "-m", DEMO, after=0.5, closed=False)
        self.assertEqual(code, 130)
        self.assertIn("prefill", err)

    @assets
    def test_templates_give_the_expected_prompts(self):
        cases = json.loads((ASSETS / "chat/cases.json").read_text())
        for case in cases["cases"]:
            template = self.path("template", case["template"].encode())
            got = self.good("chat", "-m", DEMO, "--render", "--template", template,
                            stdin=json.dumps(cases["conversation"])).decode()
            self.assertIn(got, (case["expected"], case["expected_jinja"]), case["name"])


class Bench(Case):
    def test_rows_and_limits(self):
        out = self.json("bench", "-m", DEMO, "--prompt", "8", "--gen", "4", "--threads", "1",
                        "--batch", "1,3", "--repeat", "2")
        rows = [(r["test"], r["tokens"], r["threads"], r["batch"]) for r in out["rows"]]
        self.assertEqual(rows, [("prefill", 8, 1, 1), ("decode", 4, 1, 1), ("decode", 12, 1, 3)])
        for row in out["rows"]:
            rate = row["tokens_per_s"]
            self.assertLessEqual(rate["min"], rate["median"])
            self.assertLessEqual(rate["median"], rate["max"])
            self.assertGreater(row["gb_per_s"], 0)
            self.assertGreater(row["gops"], 0)
            self.assertGreater(row["share_of_limit"], 0)
            self.assertEqual((row["waited_cpu_seconds"], row["asleep_seconds"]), (0, 0))
            self.assertIsNone(row["joules_per_token"])
        [limits] = out["limits"]
        self.assertEqual(limits["threads"], 1)
        self.assertGreater(limits["read_gb_per_s"], 0)
        self.assertGreater(limits["int8_gops"], 0)

    def test_the_peak_is_that_of_the_features_in_use(self):
        out = self.json("bench", "-m", DEMO, "--prompt", "8", "--gen", "4", "--threads", "1",
                        "--repeat", "1", "--cpu-flags", "none")
        self.assertEqual(out["limits"][0]["int8_with"], "C")

    def test_wrong_use(self):
        self.bad(2, "bench", "-m", DEMO, "--threads", "1,1000", says="1000")
        self.bad(2, "bench", "-m", DEMO, "--batch", "1,,2", says="--batch")
        self.bad(2, "bench", "-m", DEMO, "--ctx", "10", says="--ctx")


class Files(Case):
    def test_synth_writes_a_model_that_runs(self):
        path = self.path("model.gguf")
        out = self.json("synth", "--shape", "smollm2-135m", "--quant", "Q4_K_M", "-o", path)
        self.assertEqual(out["file_bytes"], os.path.getsize(path))
        self.assertEqual(out["parameters"], 134515008)
        again = self.path("again.gguf")
        self.good("synth", "--shape", "smollm2-135m", "--quant", "q4_k_m", "-o", again)
        self.assertEqual(pathlib.Path(path).read_bytes(), pathlib.Path(again).read_bytes())
        self.good("synth", "--shape", "smollm2-135m", "--quant", "q4_k_m", "-o", again, "--seed", 1)
        self.assertNotEqual(pathlib.Path(path).read_bytes(), pathlib.Path(again).read_bytes())
        run_out = self.json("-m", path, "-p", "Once upon", "-n", "3", "--ctx", "64")["sequences"][0]
        self.assertEqual(len(set(run_out["ids"])), 3)
        text = "Any text, 你好"
        ids = self.good("tokenize", "-m", path, "-p", text).decode().split()
        self.assertEqual(self.good("tokenize", "-m", path, "--decode", *ids).decode(), text)
        self.assertEqual(os.listdir(self.folder.name), ["model.gguf", "again.gguf"]
                         if os.listdir(self.folder.name)[0] == "model.gguf"
                         else ["again.gguf", "model.gguf"])

    def test_synth_wrong_use(self):
        self.bad(2, "synth", "--shape", "gpt-9", "--quant", "Q4_0", "-o", "x", says="gpt-9")
        self.bad(2, "synth", "--shape", "smollm2-135m", "--quant", "Q9", "-o", "x", says="Q9")
        self.bad(2, "synth", "--shape", "smollm2-135m", says="-o")
        self.bad(1, "synth", "--shape", "smollm2-135m", "--quant", "Q4_0", "-o", "/dev/full",
                 says="No space")

    @assets
    def test_quantize_keeps_the_model(self):
        source = ASSETS / "models/babyllama-tok361-f32.gguf"
        text = ASSETS / "text/tinystories-eval-40k.txt"
        for quant, most in (("Q8_0", 1.9777 * 1.002), ("Q4_0", 2.0810 * 1.01),
                            ("Q6_K", 1.9777 * 1.002)):
            path = self.path(f"{quant}.gguf")
            out = self.json("quantize", "-i", source, "-o", path, "--quant", quant)
            self.assertEqual(out["file_bytes"], os.path.getsize(path))
            figure = self.json("perplexity", "-m", path, "-f", text, "--ctx", "256")["perplexity"]
            self.assertLess(figure, most, quant)
        entries, types = read_types(self.path("Q4_0.gguf"))
        before, _ = read_types(source)
        self.assertEqual(entries["general.file_type"], 2)
        for key in before:
            if key != "general.file_type":
                self.assertEqual(entries[key], before[key], key)
        self.assertEqual(types["blk.0.attn_q.weight"][0], 2)
        self.assertEqual(types["blk.0.attn_norm.weight"][0], 0)

    @assets
    def test_quantize_wrong_use(self):
        source = ASSETS / "models/stories260K-q8_0.gguf"
        path = self.path("x.gguf")
        self.bad(3, "quantize", "-i", source, "-o", path, "--quant", "Q4_0", says="Q8_0 already")
        own = self.path("own.gguf", source.read_bytes())
        self.bad(2, "quantize", "-i", own, "-o", own, "--quant", "Q4_0", says="same file")
        self.assertEqual(os.listdir(self.folder.name), ["own.gguf"])

    def test_pack_keeps_every_bit(self):
        def said(*args):
            out = self.good(*args)
            return json.loads(out)["perplexity"] if args[0] == "perplexity" else out

        path, again = self.path("packed.gguf"), self.path("again.gguf")
        out = self.json("pack", "-i", DEMO, "-o", path)
        self.assertEqual(out["file_bytes"], os.path.getsize(path))
        before, plain = read_types(DEMO)
        after, packed = read_types(path)
        self.assertEqual(after.pop("ergo.packed.version"), 1)
        self.assertEqual(after.pop("general.alignment"), 64)
        self.assertEqual(after, {k: v for k, v in before.items() if k != "general.alignment"})
        changed = {name for name in plain if packed[name] != plain[name]}
        self.assertEqual((len(changed), len(plain)), (out["packed"], out["tensors"]))
        self.assertGreater(len(changed), 20)
        for name in changed:
            self.assertEqual(packed[name], (plain[name][0] + 10000, plain[name][1]), name)
        for args in (["generate", "-p", "Once upon", "-n", "30", "--seed", "7"],
                     ["perplexity", "-f", self.path("text", b"A little fox. " * 60), "--ctx", "64",
                      "--json"]):
            for knobs in ([], ["--cpu-flags", "none"], ["--threads", "1"]):
                self.assertEqual(said(*args, "-m", path, *knobs), said(*args, "-m", DEMO))
        for model, to in ((DEMO, "a"), (path, "b")):
            self.good("logits", "-m", model, "--ids", "5 6 7", "-o", self.path(to))
        self.assertEqual(pathlib.Path(self.path("a")).read_bytes(),
                         pathlib.Path(self.path("b")).read_bytes())
        self.good("pack", "-i", DEMO, "-o", again, "--threads", "1")
        self.assertEqual(pathlib.Path(path).read_bytes(), pathlib.Path(again).read_bytes())

    def test_packed_files_are_shown(self):
        path = self.path("packed.gguf")
        self.good("pack", "-i", DEMO, "-o", path)
        out = self.json("inspect", "-m", path, "--plan")
        self.assertEqual(out["memory"]["repacked"], 0)
        self.assertEqual(sum(t["bytes"] for t in out["tensors"]), out["memory"]["weights"])
        table = {t["name"]: t for t in out["tensors"]}
        up = table["blk.0.ffn_up.weight"]
        self.assertEqual((up["type"], up["packed"]), ("Q8_0", True))
        self.assertIs(table["output_norm.weight"]["packed"], False)
        self.assertTrue(any("Q8_0 packed" in step for step in out["plan"]))
        self.assertIn(b", packed", self.good("inspect", "-m", path))

    def test_pack_wrong_use(self):
        path, out = self.path("packed.gguf"), self.path("out.gguf")
        self.good("pack", "-i", DEMO, "-o", path)
        self.bad(2, "pack", "-i", DEMO, says="-o")
        self.bad(2, "pack", "-i", path, "-o", path, says="same file")
        self.bad(3, "pack", "-i", path, "-o", out, says="packed already")
        self.bad(3, "quantize", "-i", path, "-o", out, "--quant", "Q4_0", says="is packed")
        self.bad(1, "pack", "-i", DEMO, "-o", "/dev/full", says="No space")
        data = bytearray(pathlib.Path(path).read_bytes())
        at = data.index(b"ergo.packed.version") + len("ergo.packed.version") + 4
        data[at] = 2
        other = self.path("other.gguf", data)
        self.bad(3, "generate", "-m", other, "-p", "x", says="version 2 of packed weights")
        self.assertFalse(os.path.exists(out))

    def test_ctrl_c_leaves_no_file(self):
        code, _, err = interrupted("synth", "--shape", "llama-3.2-1b", "--quant", "F32", "-o",
                                   self.path("big.gguf"), after=0.3)
        self.assertEqual(code, 130)
        self.assertIn("interrupted", err)
        self.assertEqual(os.listdir(self.folder.name), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
