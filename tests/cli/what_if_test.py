#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What run-model what-if says of a simulated board, beside the formulas of the board's physics.

Usage: what_if_test.py RUN_MODEL [CASE...]
"""
import glob
import itertools
import unittest

from cli_test import DEMO, ROOT, Case

BIG = {"kind": "cpu", "cores": 2, "opp_khz": [600000, 1200000, 1800000],
       "opp_uv": [700000, 800000, 950000], "macs_per_kcycle": 5000, "bytes_per_kcycle": 2600,
       "cap_pf": 600, "leak_uw_per_v2": 90000, "stall_percent": 40}
LITTLE = {"kind": "cpu", "cores": 4, "opp_khz": [400000, 1000000], "opp_uv": [650000, 780000],
          "macs_per_kcycle": 1500, "bytes_per_kcycle": 900, "cap_pf": 150,
          "leak_uw_per_v2": 20000, "stall_percent": 60}
CLUSTERS = {"big": BIG, "little": LITTLE}
MEMORY = {"level_khz": [1000000, 2000000], "bandwidth_mb_s": [3000, 6000],
          "static_uw": [150000, 310000], "fj_per_byte": [30000, 41000]}
BOARD_UW, LAUNCH_NS, START_MC, LEAK_PPM = 900000, 70000, 47000, 11
SETS = {"one": {"big": 1}, "bigs": {"big": 2}, "all": {"big": 2, "little": 4}}


def lines(values):
    return [f"{key} = {' '.join(map(str, value)) if isinstance(value, list) else value}"
            for key, value in values.items()]


def board():
    out = ["[board]", "name = odd", f"board_uw = {BOARD_UW}", f"launch_ns = {LAUNCH_NS}",
           "switch_us = 300", "seed = 4"]
    for name, cluster in CLUSTERS.items():
        out += [f"[cluster {name}]", *lines(cluster)]
    out += ["[memory]", *lines(MEMORY), "[thermal]", "ambient_mc = 20000",
            f"start_mc = {START_MC}", "r_mc_per_w = 4000", "tau_ms = 30000", "trip_mc = 90000",
            "hysteresis_mc = 3000", f"leak_ppm_per_mc = {LEAK_PPM}", "[sensor VIN]",
            "scope = total", "period_us = 10000", "lsb_uw = 1000", "noise_uw = 99999"]
    for name, uses in SETS.items():
        out += [f"[cores {name}]", "use = " + " ".join(f"{c}:{n}" for c, n in uses.items())]
    return "\n".join(out) + "\n"


def step(macs, size, uses, clock, memory):
    """Seconds and joules of a step."""
    level = MEMORY["level_khz"].index(memory)
    rate_macs = rate_cores = 0.0
    for name, threads in uses.items():
        hertz = clock[name] * 1e3
        rate_macs += threads * CLUSTERS[name]["macs_per_kcycle"] / 1000 * hertz
        rate_cores += threads * CLUSTERS[name]["bytes_per_kcycle"] / 1000 * hertz
    rate_bytes = (rate_cores ** -2 + (MEMORY["bandwidth_mb_s"][level] * 1e6) ** -2) ** -0.5
    busy, moving = macs / rate_macs, size / rate_bytes
    seconds = (busy ** 3 + moving ** 3) ** (1 / 3) + LAUNCH_NS * 1e-9
    u = min(1.0, busy / seconds)
    watts = (BOARD_UW + MEMORY["static_uw"][level]) * 1e-6
    for name, c in CLUSTERS.items():
        volts = c["opp_uv"][c["opp_khz"].index(clock[name])] * 1e-6
        warm = 1 + LEAK_PPM * 1e-6 * 1000 * (START_MC / 1000 - 25)
        watts += c["cores"] * c["leak_uw_per_v2"] * 1e-6 * volts ** 2 * warm
        stalled = c["stall_percent"] / 100
        watts += (uses.get(name, 0) * c["cap_pf"] * 1e-12 * volts ** 2 * clock[name] * 1e3
                  * (u + stalled * (1 - u)))
    return seconds, watts * seconds + MEMORY["fj_per_byte"][level] * 1e-15 * size


def expected_settings():
    """Every core set with every clock of what it uses; what it does not use rests."""
    for name, uses in SETS.items():
        choices = [c["opp_khz"] if k in uses else c["opp_khz"][:1] for k, c in CLUSTERS.items()]
        for *clocks, memory in itertools.product(*choices, MEMORY["level_khz"]):
            yield name, tuple(clocks), memory


class WhatIf(Case):
    def setUp(self):
        super().setUp()
        self.board = ("--board", "sim:" + self.path("odd.board", board().encode()))
        self.shape = ("--shape", "smollm2-135m", "--quant", "Q4_0")

    def compare(self, out, tokens_of):
        works = {work["batch"]: work for work in out["works"]}
        self.assertEqual(out["work"], out["works"][0])
        seen = []
        for point in out["points"]:
            knobs = point["knobs"]
            work = works[knobs["batch"]]
            tokens = tokens_of(knobs["batch"])
            self.assertEqual(work["tokens"], tokens)
            seconds, joules = step(work["macs"], work["bytes"], SETS[knobs["cores"]],
                                   knobs["clock"], knobs["memory"])
            for key, value in (("ns_per_token", seconds * 1e9 / tokens),
                               ("uj_per_token", joules * 1e6 / tokens),
                               ("watts", joules / seconds)):
                self.assertLess(abs(point[key] / value - 1), 1e-9, (key, point))
            seen.append((knobs["batch"], knobs["cores"],
                         tuple(knobs["clock"][name] for name in CLUSTERS), knobs["memory"]))
        return seen

    def test_every_point_has_the_time_and_energy_of_the_formulas(self):
        out = self.json("what-if", *self.shape, *self.board, "--batch", "1,3", "--ctx", "200",
                        "--all-points")
        seen = self.compare(out, lambda batch: batch)
        self.assertEqual(sorted(seen), sorted((batch, *at) for batch in (1, 3)
                                              for at in expected_settings()))
        self.assertEqual((out["board"], out["phase"], out["context"]), ("odd", "decode", 200))

    def test_prefill_shares_a_step_among_the_tokens_of_a_chunk(self):
        out = self.json("what-if", *self.shape, *self.board, "--phase", "prefill", "--batch", "2",
                        "--all-points")
        self.compare(out, lambda batch: 256 * batch)
        short = self.json("what-if", *self.shape, *self.board, "--phase", "prefill", "--ctx", "40",
                          "--batch", "1")
        self.assertEqual(short["work"]["tokens"], 40)

    def test_the_frontier_is_what_nothing_beats(self):
        words = ("what-if", *self.shape, *self.board, "--batch", "1,2")
        points = self.json(*words, "--all-points")["points"]

        def beaten(p):
            return any(q["ns_per_token"] <= p["ns_per_token"]
                       and q["uj_per_token"] <= p["uj_per_token"]
                       and (q["ns_per_token"] < p["ns_per_token"]
                            or q["uj_per_token"] < p["uj_per_token"]) for q in points)
        for point in points:
            self.assertIs(point["on_frontier"], not beaten(point), point)
        frontier = [p for p in points if p["on_frontier"]]
        self.assertTrue(1 < len(frontier) < len(points))
        self.assertEqual(self.json(*words)["points"], frontier)
        times = [p["ns_per_token"] for p in points]
        self.assertEqual(times, sorted(times))

    def test_the_work_is_that_of_inspect(self):
        for batch in (1, 5):
            inspected = self.json("inspect", "-m", DEMO, "--ctx", "64", "--batch", batch)["work"]
            for phase in ("decode", "prefill")[:1 if batch > 1 else 2]:
                work = inspected[phase]
                out = self.json("what-if", "-m", DEMO, *self.board, "--phase", phase, "--ctx", "64",
                                "--batch", batch)["work"]
                self.assertEqual((out["macs"], out["tokens"]), (work["macs"], work["tokens"]))
                self.assertEqual(out["bytes"], work["weight_bytes"] + work["kv_bytes"]
                                 + work["activation_bytes"])

    def test_a_shape_has_the_work_of_its_file(self):
        path = self.path("shape.gguf")
        self.good("synth", *self.shape, "-o", path)
        words = (*self.board, "--batch", "1,8")
        self.assertEqual(self.json("what-if", *self.shape, *words),
                         self.json("what-if", "-m", path, *words))

    def test_policies_choose_what_no_other_point_or_mix_beats(self):
        words = ("what-if", *self.shape, *self.board, "--batch", "1,2")
        points = self.json(*words, "--all-points")["points"]
        pairs = [(p["ns_per_token"], p["uj_per_token"]) for p in points]
        least = min(uj for _, uj in pairs)
        fastest = min(pairs)

        def choice(policy, feasible=True):
            out = self.json(*words, "--policy", policy)
            self.assertEqual([out["choice"]], out["choices"])
            self.assertIs(out["choice"]["feasible"], feasible, out["choice"])
            self.assertTrue(out["choice"]["reason"])
            return out["choice"]["ns_per_token"], out["choice"]["uj_per_token"], out["choice"]

        self.assertEqual(choice("race")[:2], fastest)
        self.assertEqual(choice("min-energy")[1], least)
        for part in (0.2, 0.5, 0.8):
            target = least + part * (fastest[1] - least)
            ns, uj, _ = choice(f"jpt:{target * 1e-6:.9f}")
            best = min([q[0] for q in pairs if q[1] <= target] + [
                p[0] + (q[0] - p[0]) * (p[1] - target) / (p[1] - q[1])
                for p in pairs for q in pairs if q[1] <= target < p[1] and p[0] < q[0]])
            self.assertLess(abs(ns / best - 1), 1e-4)
            self.assertLessEqual(uj, target + 0.01)
            limit = pairs[0][0] * (1 + part)
            ns, uj, _ = choice(f"min-energy:tpot={limit * 1e-3:.0f}us")
            self.assertEqual(uj, min(q[1] for q in pairs if q[0] <= round(limit, -3)))
            watts = sorted(p["watts"] for p in points)[int(part * len(points))] + 0.001
            chosen = choice(f"cap:{watts:.3f}W")
            self.assertEqual(chosen[0], min(p["ns_per_token"] for p in points
                                            if p["watts"] <= round(watts, 3)))
        ns, uj, chosen = choice(f"jpt:{least * 0.5e-6:.9f}", feasible=False)
        self.assertEqual(uj, least)
        self.assertIn("least", chosen["reason"])
        self.assertEqual(choice("min-energy:tpot=1us", feasible=False)[0], fastest[0])
        budget = least * 1.01e-6 * 256
        self.assertLessEqual(choice(f"budget:{budget:.6f}J/256")[1], least * 1.0101)

    def test_without_a_policy_the_board_is_left_as_it_opens(self):
        out = self.json("what-if", *self.shape, *self.board, "--all-points")
        knobs = {"cores": "all", "clock": {"big": 1800000, "little": 1000000}, "memory": 2000000,
                 "batch": 1}
        self.assertEqual(out["choice"]["policy"], "measure")
        self.assertEqual(out["choice"]["knobs"], knobs)
        for key in ("ns_per_token", "uj_per_token", "watts"):
            self.assertEqual(out["choice"][key],
                             next(p[key] for p in out["points"] if p["knobs"] == knobs))
        self.assertEqual([c["policy"] for c in out["choices"]], ["measure", "race", "min-energy"])
        self.assertEqual(out["choices"][1]["knobs"], out["points"][0]["knobs"])

    def test_people_get_a_table(self):
        text = self.good("what-if", *self.shape, *self.board, "--all-points").decode()
        for word in ("odd", "decode", "big", "little", "mJ/token", "all", " *\n"):
            self.assertIn(word, text)
        batches = {1, 2, 4, 8}
        table, measure, race, cheapest = text.split("\n\n")[1:]
        self.assertEqual(len(table.splitlines()),
                         1 + len(batches) * len(list(expected_settings())))
        for part, name in ((measure, "measure"), (race, "race"), (cheapest, "min-energy")):
            self.assertTrue(part.startswith(name + ": "), part)

    def test_wrong_uses_end_with_2_and_name_the_option(self):
        self.bad(2, "what-if", *self.shape, says="--board")
        self.bad(2, "what-if", *self.shape, "--board", "raspberry-pi-5", says="--board")
        self.bad(2, "what-if", *self.board, says="--shape")
        self.bad(2, "what-if", "-m", DEMO, *self.shape, *self.board, says="--shape")
        self.bad(2, "what-if", "--shape", "smollm2-135m", *self.board, says="--quant")
        self.bad(2, "what-if", "--shape", "gpt-9", "--quant", "Q4_0", *self.board, says="gpt-9")
        self.bad(2, "what-if", "--shape", "smollm2-135m", "--quant", "Q9", *self.board, says="Q9")
        self.bad(2, "what-if", *self.shape, *self.board, "--phase", "rest", says="--phase")
        self.bad(2, "what-if", *self.shape, *self.board, "--batch", "1,0", says="--batch")
        self.bad(2, "what-if", *self.shape, *self.board, "--ctx", "0", says="--ctx")
        self.bad(2, "what-if", *self.shape, *self.board, "--policy", "fun", says="--policy")

    def test_bad_files_end_with_3_and_are_named(self):
        missing = self.path("missing.board")
        self.bad(3, "what-if", *self.shape, "--board", "sim:" + missing, says="missing.board")
        wrong = self.path("wrong.board", board().replace("seed = 4", "sed = 4").encode())
        self.bad(3, "what-if", *self.shape, "--board", "sim:" + wrong, says="wrong.board:6")
        self.bad(3, "what-if", "-m", wrong, *self.board, says="wrong.board")

    def test_our_own_boards_open_and_have_a_choice_to_make(self):
        boards = glob.glob(str(ROOT / "ports/sim/boards/*.board"))
        self.assertGreaterEqual(len(boards), 4)
        for path in boards:
            out = self.json("what-if", *self.shape, "--board", "sim:" + path)
            # What a slow sensor is on draws most of its power idle: there nothing beats haste.
            least = 1 if path.endswith("kv260.board") else 3
            self.assertGreaterEqual(len(out["points"]), least, path)


class Simulated(Case):
    """Commands that run a model report what the simulated board would have taken."""
    def test_generate_has_the_time_and_energy_of_the_board(self):
        slow = board().replace("macs_per_kcycle = 5000", "macs_per_kcycle = 10")
        slow = slow.replace("macs_per_kcycle = 1500", "macs_per_kcycle = 3")
        played = ("--board", "sim:" + self.path("slow.board",
                                                slow.replace("99999", "2000").encode()))
        words = ("generate", "-m", DEMO, "-p", "Once", "-n", "100", "--temp", "0", *played)
        out = self.json(*words)
        truth = self.json("what-if", "-m", DEMO, *played, "--ctx", "50", "--batch", "1",
                          "--all-points")["points"][0]
        self.assertEqual((truth["knobs"]["cores"], truth["knobs"]["memory"]), ("all", 2000000))
        decode, energy = out["decode"], out["energy"]["decode"]
        self.assertGreater(decode["tokens"], 50)
        each = decode["seconds"] / decode["tokens"] * 1e9
        self.assertLess(abs(each / truth["ns_per_token"] - 1), 0.05)
        self.assertLess(abs(energy["joules"] - decode["tokens"] * truth["uj_per_token"] * 1e-6),
                        energy["error_joules"] + 0.05 * energy["joules"])
        self.assertEqual(out["energy"]["scope"], "odd")
        self.assertEqual(self.json(*words)["energy"], out["energy"])

    def test_a_missing_board_ends_with_3_and_is_named(self):
        self.bad(3, "-m", DEMO, "-p", "x", "--board", "sim:" + self.path("none.board"),
                 says="none.board")


if __name__ == "__main__":
    unittest.main()
