#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What run-model says about energy, on trees of files that play boards.

Usage: power_cli_test.py RUN_MODEL [CASE...]
"""
import csv
import io
import json
import os
import pathlib
import pty
import random
import re
import signal
import subprocess
import threading
import time
import unittest

from cli_test import DEMO, ROOT, RUN, SECONDS, Case, interrupted

ORIN = {
    "proc/device-tree/compatible": "nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0",
    "sys/class/hwmon/hwmon3/name": "ina3221",
    "sys/class/hwmon/hwmon3/update_interval": "20",
    "sys/class/hwmon/hwmon3/samples": "16",
    "sys/class/hwmon/hwmon3/in1_label": "VDD_IN",
    "sys/class/hwmon/hwmon3/in1_input": "5000",
    "sys/class/hwmon/hwmon3/curr1_input": "1200",
    "sys/class/hwmon/hwmon3/shunt1_resistor": "5000",
    "sys/class/hwmon/hwmon3/in2_label": "VDD_CPU_GPU_CV",
    "sys/class/hwmon/hwmon3/in2_input": "5000",
    "sys/class/hwmon/hwmon3/curr2_input": "400",
    "sys/class/hwmon/hwmon3/shunt2_resistor": "5000",
    "sys/class/hwmon/hwmon3/device": ("link", "../../../1-0040"),
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/thermal/thermal_zone0/temp": "47250",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "1510400",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq": "1510400",
}
WATTS, PART_WATTS = 6.0, 2.0


class Board(Case):
    def tree(self, files=None, name="tree"):
        """A folder with these files, to be given as --sysfs-root."""
        root = os.path.join(self.folder.name, name)
        for path, content in (ORIN if files is None else files).items():
            path = os.path.join(root, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if isinstance(content, tuple):
                os.symlink(content[1], path)
            else:
                pathlib.Path(path).write_text(content + ("" if "\0" in content else "\n"))
        os.makedirs(root, exist_ok=True)
        return root

    def setUp(self):
        super().setUp()
        self.root = ("--sysfs-root", self.tree())
        self.empty = ("--sysfs-root", self.tree({}, "empty"))


class Wiggle:
    """Plays a load: writes new currents every 20 ms, around those of the tree, until it is left."""
    def __init__(self, root, amplitude=100):
        folder = os.path.join(root, "sys/class/hwmon/hwmon3")
        self.files = [(os.path.join(folder, f"curr{i}_input"), mean) for i, mean in
                      ((1, 1200), (2, 400))]
        self.amplitude = amplitude
        self.random = random.Random(1)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.play)

    def play(self):
        while not self.over.wait(0.02):
            for path, mean in self.files:
                new = mean + self.random.randint(-self.amplitude, self.amplitude)
                file = os.open(path, os.O_WRONLY)
                os.pwrite(file, b"%4d\n" % new, 0)
                os.close(file)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


class List(Board):
    def test_the_board_its_sensors_and_what_is_missing(self):
        out = self.json("power", "list", *self.root)
        self.assertEqual(out["board"]["name"], "jetson-orin-nano")
        self.assertIn("nvidia,p3767-0005", out["board"]["why"])
        self.assertEqual(out["total"], ["VDD_IN"])
        sensors = {s["name"]: s for s in out["sensors"]}
        self.assertEqual(sensors["VDD_IN"]["value"], WATTS)
        self.assertIs(sensors["VDD_IN"]["in_total"], True)
        self.assertEqual(sensors["VDD_CPU_GPU_CV"]["part_of"], "VDD_IN")
        self.assertEqual(sensors["VDD_IN"]["shunt_uohm"], 5000)
        self.assertEqual((sensors["cpu-thermal"]["value"], sensors["policy0"]["value"]),
                         (47.25, 1510.4))
        found = {f["what"]: f for f in out["findings"]}
        self.assertEqual(found["set cpufreq policy0"]["status"], "ok")
        plain = self.good("power", "list", *self.root).decode()
        for word in ("jetson-orin-nano", "VDD_IN", "a part of VDD_IN", "in the total"):
            self.assertIn(word, plain)

    def test_nothing_found_is_said_with_advice(self):
        out = self.json("power", "list", *self.empty)
        self.assertEqual((out["board"]["name"], out["sensors"], out["total"]), ("generic", [], []))
        self.assertIn("no device tree", out["board"]["why"])
        self.assertTrue(any(f["advice"] for f in out["findings"]))

    def test_a_board_file_says_what_the_whole_is(self):
        board = self.path("my.board", b"[board]\nname = mine\n[rail VDD_CPU_GPU_CV]\n"
                          b"shunt_uohm = 2500\ntotal = yes\n")
        out = self.json("power", "list", *self.root, "--board", board)
        self.assertEqual((out["board"]["name"], out["total"]), ("mine", ["VDD_CPU_GPU_CV"]))
        self.assertIn("--board", out["board"]["why"])
        sensor = next(s for s in out["sensors"] if s["name"] == "VDD_CPU_GPU_CV")
        self.assertEqual(sensor["true_shunt_uohm"], 2500)
        self.bad(3, "power", "list", "--board", self.path("none"), says="none")
        self.bad(3, "power", "list", "--board", self.path("bad", b"[board]\nx = 1\n"), says="bad:2")

    def test_what_is_not_permitted_is_said_with_the_file(self):
        path = "sys/class/powercap/intel-rapl:0/"
        root = self.tree({path + "name": "package-0", path + "energy_uj": "1"}, "pc")
        os.chmod(os.path.join(root, path, "energy_uj"), 0)
        who = {}
        if os.geteuid() == 0:  # who may read everything
            os.chmod(self.folder.name, 0o755)
            who = {"user": 65534, "group": 65534, "extra_groups": []}
        try:
            done = subprocess.run([RUN, "power", "list", "--sysfs-root", root, "--json"],
                                  capture_output=True, timeout=SECONDS, **who)
        except PermissionError:
            self.skipTest("nobody may not run it where it lies")
        self.assertEqual(done.returncode, 0, done.stderr)
        out = json.loads(done.stdout)
        [found] = [f for f in out["findings"] if f["what"] == "rapl package-0"]
        self.assertIn("permission", found["status"])
        self.assertIn("udev", found["advice"])

    def test_wrong_use(self):
        self.bad(2, "power", says="list")
        self.bad(2, "power", "frobnicate", says="frobnicate")
        self.bad(2, "power", "list", "stray", says="stray")
        for command in ("list", "watch", "check", "record", "replay"):
            self.assertIn("Usage:", self.good("power", command, "--help").decode())
        self.assertIn("watch", self.good("power", "--help").decode())


class Watch(Board):
    def watch(self, *args):
        return ("power", "watch", *self.root, "--interval", "0.2", *args)

    def assert_joules(self, one, watts):
        """A constant load: joules are watts times seconds, within the stated error."""
        truth = watts * one["seconds"]
        self.assertLessEqual(abs(one["joules"] - truth), one["error_joules"])
        self.assertGreater(one["error_joules"], 0)

    def test_json_is_one_object_with_every_row_and_the_sum(self):
        out = self.json(*self.watch("--count", "3"))
        self.assertEqual(len(out["samples"]), 3)
        last = out["samples"][-1]
        self.assertEqual(last["rails"]["VDD_IN"]["watts"], WATTS)
        self.assertEqual((last["temperatures_c"], last["clocks_mhz"]),
                         ({"cpu-thermal": 47.25}, {"policy0": 1510.4}))
        seconds = [s["seconds"] for s in out["samples"]]
        self.assertEqual(sorted(seconds), seconds)
        self.assertGreaterEqual(seconds[2], 0.6)
        rails = {r["name"]: r for r in out["rails"]}
        self.assert_joules(rails["VDD_IN"], WATTS)
        self.assert_joules(rails["VDD_CPU_GPU_CV"], PART_WATTS)
        self.assertEqual(out["total"]["joules"], rails["VDD_IN"]["joules"])
        self.assertIsNone(out["command"])

    def test_csv_has_a_name_for_every_column(self):
        rows = list(csv.reader(io.StringIO(self.good(*self.watch("--count", "2", "--csv")).decode())))
        self.assertEqual(len(rows), 3)
        self.assertEqual({len(r) for r in rows}, {len(rows[0])})
        self.assertEqual(rows[0][:3], ["seconds", "VDD_IN W", "VDD_IN J"])
        self.assertEqual(float(rows[1][1]), WATTS)

    def test_a_terminal_gets_a_table_that_renews_itself_and_a_pipe_does_not(self):
        self.assertNotIn(b"\x1b", self.good(*self.watch("--count", "2")))
        main, side = pty.openpty()
        with subprocess.Popen([RUN, *self.watch("--count", "2")], stdout=side,
                              stderr=subprocess.DEVNULL) as process:
            self.assertEqual(process.wait(SECONDS), 0)
        os.close(side)
        shown = os.read(main, 65536).decode()
        os.close(main)
        self.assertEqual(shown.count("VDD_CPU_GPU_CV"), 2)
        lines = shown.split("\x1b[", 1)[0].count("\n")
        self.assertEqual(len(re.findall(r"\x1b\[\d+A", shown)), 1, lines)

    def test_ctrl_c_ends_with_the_sum_and_130(self):
        code, out, err = interrupted(*self.watch("--json"), after=0.7)
        self.assertEqual((code, err), (130, ""))
        self.assertGreaterEqual(len(json.loads(out)["samples"]), 1)
        code, _, err = interrupted(*self.watch(), after=0.5)
        self.assertEqual(code, 130)
        self.assertRegex(err, r"VDD_IN \d+\.\d+ \+- \d+\.\d+ J in")

    def test_a_command_is_metered_and_its_exit_code_given(self):
        code, out, err = self.run_it("--", "sh", "-c", "sleep 0.4; echo out; exit 7")
        self.assertEqual((code, out), (7, b"out\n"))
        self.assertRegex(err, r"VDD_IN 2\.\d+ \+- ")
        code, out, err = self.run_it("--json", "--", "sh", "-c", "echo out")
        self.assertEqual((json.loads(out)["command"], err), ({"exit": 0}, "out\n"))
        code, _, err = self.run_it("--", "no-such-command")
        self.assertEqual(code, 127)
        self.assertIn("no-such-command", err)
        code, _, _ = self.run_it("--", "sh", "-c", "kill -9 $$")
        self.assertEqual(code, 128 + signal.SIGKILL)

    def run_it(self, *args):
        done = subprocess.run([RUN, "power", "watch", *self.root, *args], capture_output=True,
                              timeout=SECONDS)
        return done.returncode, done.stdout, done.stderr.decode()

    def test_without_sensors_it_ends_with_4_and_runs_nothing(self):
        mark = self.path("mark")
        self.bad(4, "power", "watch", *self.empty, "--", "touch", mark, says="power list")
        self.assertFalse(os.path.exists(mark))

    def test_wrong_use(self):
        for value in ("0", "-1", "x", "99999"):
            self.bad(2, "power", "watch", *self.root, "--interval", value, says="--interval")
        self.bad(2, *self.watch("--count", "0"), says="--count")
        self.bad(2, *self.watch("--csv", "--json"), says="--csv")
        self.bad(2, *self.watch("--count", "2", "--", "true"), says="--count")


class Check(Board):
    def check(self, *args):
        out = self.json("power", "check", "--seconds", "1.5", *self.root, *args)
        return {s["name"]: s for s in out["sensors"]}, out

    def test_a_sensor_that_moves_is_good_and_says_for_what(self):
        with Wiggle(self.root[1]):
            sensors, out = self.check()
        one = sensors["VDD_IN"]
        self.assertEqual(set(sensors), {"VDD_IN", "VDD_CPU_GPU_CV"})
        self.assertIn(one["verdict"], ("good", "coarse"), one["reason"])
        self.assertEqual(one["period_ms"]["stated"], 20)
        self.assertTrue(10 < one["period_ms"]["detected"] < 60, one["period_ms"])
        self.assertAlmostEqual(one["watts"], WATTS, delta=0.3)
        self.assertGreater(one["changes"], 20)
        self.assertGreater(one["read_us"]["mean"], 0)
        self.assertGreater(out["sampling"]["cpu_percent"], 0)
        one_percent, five, ten = one["windows"]
        self.assertEqual([w["error_percent"] for w in one["windows"]], [1, 5, 10])
        self.assertIsNone(one_percent["seconds"])  # the scale of an INA3221 may be wrong by 1.25 %
        self.assertLessEqual(ten["seconds"], five["seconds"])
        errors = [d["error_percent"] for d in one["decode_64"]]
        self.assertEqual(errors, sorted(errors))
        self.assertGreater(errors[0], 1.25)

    def test_one_that_stands_still_or_trembles_is_not(self):
        sensors, _ = self.check()
        self.assertEqual(sensors["VDD_IN"]["verdict"], "useless")
        self.assertIn("did not move", sensors["VDD_IN"]["reason"])
        with Wiggle(self.root[1], 399):
            sensors, _ = self.check()
        need = {name: s["windows"][1]["seconds"] for name, s in sensors.items()}
        self.assertGreater(need["VDD_CPU_GPU_CV"], need["VDD_IN"])
        code, out, err = interrupted("power", "check", *self.root, after=0.6)
        self.assertEqual(code, 130)
        self.assertIn(b"useless", out)

    def test_wrong_use(self):
        self.bad(2, "power", "check", "--seconds", "0", says="--seconds")
        self.bad(4, "power", "check", *self.empty, says="power list")


class Trace(Board):
    def test_a_replay_has_the_figures_of_the_recording(self):
        path = self.path("run.trace")
        with Wiggle(self.root[1]):
            out = self.json("power", "record", path, "--seconds", "1.5", *self.root)
        again = self.json("power", "replay", path)
        self.assertEqual((again["rails"], again["total"]), (out["rails"], out["total"]))
        self.assertAlmostEqual(out["total"]["watts"], WATTS, delta=0.3)
        self.assertGreater(out["total"]["seconds"], 1.2)
        self.assertEqual({r["name"] for r in out["rails"]}, {"VDD_IN", "VDD_CPU_GPU_CV"})
        code, _, err = interrupted("power", "replay", path, after=0.5)
        self.assertEqual(code, 0)
        self.assertIn(f"VDD_IN {out['total']['joules']:.3f} +- ", err)

    def test_a_board_file_corrects_a_trace(self):
        path = self.path("run.trace")
        out = self.json("power", "record", path, "--seconds", "0.5", *self.root)
        board = self.path("my.board", b"[board]\nname = mine\n[rail VDD_IN]\nshunt_uohm = 2500\n"
                          b"total = yes\n")
        again = self.json("power", "replay", path, "--board", board)
        self.assertAlmostEqual(again["total"]["joules"], 2 * out["total"]["joules"], places=4)

    def test_a_command_is_recorded_and_ctrl_c_keeps_what_there_is(self):
        path = self.path("run.trace")
        done = subprocess.run([RUN, "power", "record", path, *self.root, "--", "sh", "-c",
                               "sleep 0.3; exit 5"], capture_output=True, timeout=SECONDS)
        self.assertEqual(done.returncode, 5)
        self.assertGreaterEqual(self.json("power", "replay", path)["total"]["seconds"], 0.3)
        path = self.path("cut.trace")
        code, _, err = interrupted("power", "record", path, *self.root, after=0.5)
        self.assertEqual(code, 130)
        self.assertIn("readings in", err)
        self.assertGreater(self.json("power", "replay", path)["total"]["joules"], 0)

    def test_a_simulated_board_is_metered_in_its_own_time(self):
        board = ("--board", f"sim:{ROOT}/ports/sim/boards/pi5.board")
        path = self.path("sim.trace")
        out = self.json("power", "record", path, "--seconds", "60", *board)
        again = self.json("power", "replay", path)
        self.assertEqual((again["rails"], again["total"]), (out["rails"], out["total"]))
        self.assertAlmostEqual(out["total"]["seconds"], 60, delta=0.1)
        seen = self.json("power", "watch", "--count", "60", *board)["total"]
        self.assertAlmostEqual(seen["joules"], out["total"]["joules"],
                               delta=seen["error_joules"] + out["total"]["error_joules"])
        self.assertEqual(self.json("power", "list", *board)["total"], [out["rails"][0]["name"]])
        checked = self.json("power", "check", *board)["sensors"][0]
        self.assertEqual(checked["verdict"], "good")
        for command in ("watch", "record"):
            self.bad(2, "power", command, *([path] if command == "record" else []), *board, "--",
                     "true", says="COMMAND")

    def test_what_is_wrong_is_said(self):
        self.bad(2, "power", "record", says="FILE")
        self.bad(2, "power", "replay", says="FILE")
        self.bad(2, "power", "replay", "a", "b", says="one FILE")
        self.bad(2, "power", "record", "x", "--seconds", "0", says="--seconds")
        self.bad(2, "power", "record", "x", "--seconds", "1", "--", "true", says="--seconds")
        self.bad(4, "power", "record", self.path("x"), *self.empty, says="power list")
        self.bad(1, "power", "record", self.path("no/x"), "--seconds", "1", *self.root, says="no/x")
        self.bad(1, "power", "record", "/dev/full", "--seconds", "0.2", *self.root, says="No space")
        self.assertCountEqual(os.listdir(self.folder.name), ["tree", "empty"])
        self.bad(3, "power", "replay", self.path("none"), says="none")
        self.bad(3, "power", "replay", self.path("text", b"hello\n"), says="text:1")
        good = self.path("good.trace")
        self.good("power", "record", good, "--seconds", "0.2", *self.root)
        lines = pathlib.Path(good).read_text().splitlines()
        for at, line in ((3, "version = 9"), (5, "quantity = mass"), (len(lines), "1 2 3 = 4")):
            broken = lines[:at - 1] + [line] + lines[at:]
            path = self.path("broken.trace", "\n".join(broken).encode())
            self.bad(3, "power", "replay", path, says=f"broken.trace:{at}:")
        heat = self.path("heat.trace", b"[trace]\nversion = 1\n[sensor zone]\nquantity = "
                         b"temperature\n[readings]\n0 0 0 = 1\n")
        self.bad(4, "power", "replay", heat, says="no sensor")


class Metrics(Board):
    LINE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
    LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')

    def parse(self, path):
        """{(name, labels): value} of a file in the text format; anything unusual is a failure."""
        text = pathlib.Path(path).read_text()
        self.assertTrue(text.endswith("\n"))
        types, found, current, ended = {}, {}, None, set()
        for line in text.splitlines():
            if line.startswith("# HELP "):
                name = line.split(" ")[2]
                self.assertNotIn(name, types)
                self.assertGreater(len(line.split(" ", 3)[3]), 5)
                ended.add(current)
                current = name
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.assertEqual(name, current)
                self.assertIn(kind, ("counter", "gauge"))
                self.assertEqual(name.endswith("_total"), kind == "counter", name)
                types[name] = kind
            else:
                name, inside, value = self.LINE.match(line).groups()
                self.assertEqual(name, current, "samples of a metric lie together")
                labels = self.LABEL.findall(inside or "")
                self.assertEqual("".join(self.LABEL.sub("", inside or "")), "")
                key = (name, tuple(labels))
                self.assertNotIn(key, found)
                found[key] = float(value)
        self.assertEqual(len(ended), len(types))
        for name in types:
            self.assertTrue(name.startswith("ergo_"))
        return found

    @staticmethod
    def value(found, name, **labels):
        [one] = [v for (n, l), v in found.items() if n == name and labels.items() <= dict(l).items()]
        return one

    def test_generate_keeps_what_its_json_says(self):
        path = self.path("run.prom")
        out = self.json("-m", DEMO, "-p", "Once", "-n", "60", *self.root, "--metrics-file", path)
        found = self.parse(path)
        for phase in ("prefill", "decode"):
            energy = out["energy"][phase]
            self.assertEqual(self.value(found, "ergo_tokens_total", phase=phase),
                             out[phase]["tokens"])
            self.assertEqual(self.value(found, "ergo_energy_joules_total", phase=phase),
                             energy["joules"])
            self.assertEqual(self.value(found, "ergo_energy_error_joules", phase=phase),
                             energy["error_joules"])
            self.assertEqual(self.value(found, "ergo_joules_per_token", phase=phase),
                             energy["joules_per_token"])
            self.assertEqual(self.value(found, "ergo_tokens_per_second", phase=phase),
                             out[phase]["tokens_per_s"])
        self.assertEqual(self.value(found, "ergo_rail_watts", sensor="VDD_IN", in_total="1"), WATTS)
        self.assertEqual(self.value(found, "ergo_temperature_celsius"), 47.25)
        self.assertEqual(self.value(found, "ergo_clock_hertz"), 1510400000)
        self.assertEqual(self.value(found, "ergo_energy_coverage_ratio"),
                         out["energy"]["coverage"])
        self.assertEqual(os.stat(path).st_mode & 0o444, 0o444)
        self.assertEqual([n for n in os.listdir(self.folder.name) if "part" in n], [])

    def test_labels_are_escaped(self):
        name = 'a"b\\c\nd\xff.gguf'.encode("latin-1")
        model = os.path.join(self.folder.name.encode(), name)
        os.symlink(DEMO, model)
        path = self.path("run.prom")
        done = subprocess.run([RUN, "-m", model, "-p", "Once", "-n", "2", "--metrics-file", path],
                              capture_output=True, timeout=SECONDS)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.value({k: 1 for k in self.parse(path)}, "ergo_run_info",
                                    model='a\\"b\\\\c\\nd\ufffd.gguf'), 1)

    def test_without_sensors_tokens_are_counted_alone(self):
        path = self.path("run.prom")
        self.good("-m", DEMO, "-p", "Once", "-n", "5", *self.empty, "--metrics-file", path)
        found = self.parse(path)
        self.assertEqual(self.value(found, "ergo_tokens_total", phase="decode"), 4)
        self.assertFalse(any("joules" in name for name, _ in found))

    def test_chat_and_watch_keep_it_too(self):
        path = self.path("chat.prom")
        self.good("chat", "-m", DEMO, "--temp", "0", *self.root, "--metrics-file", path,
                  stdin="turn on the kitchen light\n")
        found = self.parse(path)
        self.assertGreater(self.value(found, "ergo_tokens_total", phase="decode"), 5)
        self.assertEqual(self.value(found, "ergo_run_info", command="chat"), 1)
        seen = self.json("power", "watch", *self.root, "--interval", "0.1", "--count", "1",
                         "--metrics", path, "--metrics-file", self.path("watch.prom"))["samples"][0]
        self.assertEqual(seen["tokens_per_s"],
                         self.value(found, "ergo_tokens_per_second", phase="decode"))
        self.assertEqual(seen["joules_per_token"],
                         self.value(found, "ergo_joules_per_token", phase="decode"))
        self.assertEqual(self.value(self.parse(self.path("watch.prom")), "ergo_rail_watts",
                                    sensor="VDD_IN"), WATTS)

    def test_a_run_can_be_watched_while_it_goes_on(self):
        path = self.path("run.prom")
        args = ("-m", DEMO, "-p", "Once", "--sequences", "256", "--chunk", "1", "--batch", "1")
        with subprocess.Popen([RUN, *args, *self.root, "--metrics-file", path],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                until = time.time() + 60
                while time.time() < until and process.poll() is None:
                    if os.path.exists(path) and "ergo_tokens_total" in pathlib.Path(path).read_text():
                        break
                    time.sleep(0.05)
                self.assertIn(("ergo_tokens_total", (("phase", "prefill"),)), self.parse(path))
            finally:
                process.kill()

    def test_what_cannot_be_written_or_read(self):
        self.bad(1, "-m", DEMO, "-p", "x", "-n", "2", "--metrics-file", self.path("no/x.prom"),
                 says="no/x.prom")
        self.bad(3, "power", "watch", *self.root, "--metrics", self.path("text", b"hello\n"),
                 says="text")
        self.bad(3, "power", "watch", *self.root, "--metrics", self.folder.name, says="cannot")
        out = self.json("power", "watch", *self.root, "--interval", "0.1", "--count", "1",
                        "--metrics", self.path("later.prom"))
        self.assertIsNone(out["samples"][0]["tokens_per_s"])


class Energy(Board):
    def test_generate_has_the_promised_keys(self):
        energy = self.json("-m", DEMO, "-p", "Once", "-n", "20", *self.root)["energy"]
        self.assertLessEqual({"meter", "scope", "coverage", "prefill", "decode", "idle_watts"},
                             set(energy))
        self.assertEqual((energy["meter"], energy["scope"]), ("ina3221 VDD_IN", "jetson-orin-nano"))
        for phase in ("prefill", "decode"):
            self.assertLessEqual({"joules", "error_joules", "joules_per_token"}, set(energy[phase]))

    def test_what_the_sequences_cost_adds_up_to_the_whole(self):
        for batch in ("1", "5"):
            out = self.json("-m", DEMO, "-p", "Once upon", "-n", "30", "--sequences", "5",
                            "--batch", batch, *self.root)
            parts = [s["energy"] for s in out["sequences"]]
            whole = out["energy"]
            micro = sum(round(p["joules"] * 1e6) for p in parts)
            self.assertEqual(micro, sum(round(whole[p]["joules"] * 1e6)
                                        for p in ("prefill", "decode")))
            self.assertEqual(sum(p["decode_tokens"] for p in parts), out["decode"]["tokens"])
            self.assertEqual(sum(p["prefill_tokens"] for p in parts), out["prefill"]["tokens"])
            for part in parts:
                self.assertGreater(part["joules"], 0)
                self.assertGreater(part["error_joules"], 0)

    def test_each_answer_of_a_chat_is_priced(self):
        lines = "turn on the kitchen light\nturn off the kitchen light\n"
        out = self.json("chat", "-m", DEMO, "--temp", "0", *self.root, stdin=lines)
        parts = [t["energy"] for t in out["turns"]]
        self.assertEqual(len(parts), 2)
        micro = sum(round(p["joules"] * 1e6) for p in parts)
        self.assertEqual(micro, sum(round(out["energy"][p]["joules"] * 1e6)
                                    for p in ("prefill", "decode")))
        with subprocess.Popen([RUN, "chat", "-m", DEMO, "--temp", "0", *self.root],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            _, err = process.communicate(lines.encode(), timeout=SECONDS)
        self.assertEqual(len(re.findall(r"\+- \d+\.\d+ J for \d+ tokens read", err.decode())), 2)

    def test_logits_and_perplexity_say_it_too(self):
        out = self.json("logits", "-m", DEMO, "--ids", "5 6 7", "-o", self.path("l"), *self.root)
        self.assertGreater(out["energy"]["prefill"]["joules"], 0)
        text = self.path("text", b"Once upon a time there was a little fox. " * 60)
        out = self.json("perplexity", "-m", DEMO, "-f", text, "--ctx", "64", *self.root)
        self.assertGreater(out["energy"]["prefill"]["joules_per_token"], 0)
        none = self.json("perplexity", "-m", DEMO, "-f", text, "--ctx", "64", *self.empty)
        self.assertIsNone(none["energy"])

    def test_bench_says_joules_per_token_or_why_not(self):
        args = ("bench", "-m", DEMO, "--prompt", "64", "--threads", "1", "--batch", "1,2")
        path = self.path("bench.prom")
        out = self.json(*args, "--gen", "400", "--repeat", "20", *self.root, "--metrics-file", path)
        self.assertEqual(out["meter"], "ina3221 VDD_IN")
        for row in out["rows"]:
            if row["joules_per_token"] is None:
                # On a busy machine the sampler may come too late, too.
                self.assertRegex(row["no_joules_because"], "too short|readings .* missing")
                continue
            self.assertIsNone(row["no_joules_because"])
            # At a constant power a token costs the time that it takes, pauses of the machine too.
            self.assertGreater(row["joules_per_token"] * row["tokens_per_s"]["median"] / WATTS, 0.5)
            self.assertGreater(row["error_joules_per_token"], 0)
        if not any("missing" in str(row["no_joules_because"]) for row in out["rows"]):
            self.assertTrue(any(row["joules_per_token"] for row in out["rows"]))
        text = pathlib.Path(path).read_text()
        self.assertIn('ergo_run_info{command="bench"', text)
        self.assertIn('ergo_tokens_total{phase="decode"} 24000', text)
        short = self.json(*args, "--gen", "2", "--repeat", "1", *self.root)["rows"][1]
        self.assertIsNone(short["joules_per_token"])
        self.assertIn("too short", short["no_joules_because"])
        none = self.json(*args, "--gen", "2", "--repeat", "1", *self.empty)
        self.assertIsNone(none["meter"])
        self.assertIn("no sensor", none["rows"][0]["no_joules_because"])
        plain = self.good(*args, "--gen", "2", "--repeat", "1", *self.root).decode()
        self.assertIn("energy, decode, 1 thread, batch 1: too short", plain)


class Restore(Board):
    POLICY = "sys/devices/system/cpu/cpufreq/policy0/"

    def journal(self, pid, start, boot, *lines):
        """A journal as a process writes it; every line ends in its FNV-1a sum."""
        text = []
        for line in (f"ergo-knobs 1 {pid} {start} {boot}", *lines):
            total = 0xCBF29CE484222325
            for byte in line.encode():
                total = (total ^ byte) * 0x100000001B3 % 2**64
            text.append(f"{line} {total:016x}")
        return "\n".join(text)

    def left(self, boot="here", pid=2**22 - 1, start="1"):
        limits = self.journal(pid, start, boot, self.POLICY + "scaling_min_freq 408000",
                              self.POLICY + "scaling_max_freq 1800000")
        return self.tree({"proc/sys/kernel/random/boot_id": "here",
                          self.POLICY + "scaling_min_freq": "1416000",
                          self.POLICY + "scaling_max_freq": "1416000",
                          f"run/ergo/{pid}.knobs": limits}, "left" + boot + str(pid))

    def limits(self, root):
        return [int(pathlib.Path(root, self.POLICY, f"scaling_{name}_freq").read_text())
                for name in ("min", "max")]

    def test_what_a_dead_process_left_is_put_back_once(self):
        root = self.left()
        out = self.json("power", "restore", "--sysfs-root", root)
        self.assertEqual(out, {"journals": 1, "restored": 2, "refused": 0, "stale": 0,
                               "holder": None})
        self.assertEqual(self.limits(root), [408000, 1800000])
        self.assertIn(b"nothing", self.good("power", "restore", "--sysfs-root", root))

    def test_another_boot_has_nothing_to_put_back(self):
        root = self.left("elsewhere")
        out = self.json("power", "restore", "--sysfs-root", root)
        self.assertEqual((out["stale"], out["restored"]), (1, 0))
        self.assertEqual(self.limits(root), [1416000, 1416000])

    def test_who_lives_keeps_its_knobs(self):
        with open("/proc/self/stat", encoding="utf-8") as file:
            start = file.read().rpartition(")")[2].split()[19]
        root = self.left(pid=os.getpid(), start=start)
        out = self.json("power", "restore", "--sysfs-root", root)
        self.assertEqual((out["holder"], out["restored"]), (os.getpid(), 0))
        self.assertEqual(self.limits(root), [1416000, 1416000])
        self.assertTrue(os.path.exists(os.path.join(root, f"run/ergo/{os.getpid()}.knobs")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
