# SPDX-License-Identifier: Apache-2.0
"""Makes Markdown tables of what scripts/compare.py measured, and puts them into a file."""
import re
import statistics

MIB = 1 << 20


def median(values):
    return statistics.median(list(values))


def spread(ratios):
    """The median, and the least and largest where there are several."""
    ratios = list(ratios)
    if len(ratios) == 1:
        return f"{ratios[0]:.2f}"
    return f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def brief(figures):
    """One line for the one who waits."""
    parts = []
    for name, row in figures.items():
        if name == "limits":
            continue
        if isinstance(row, dict):
            row = ", ".join(f"{key} {value:.4g}" for key, value in row.items()
                            if key in ("ergo", "peer", "quiet", "busy"))
        parts.append(f"{name} {row:.4g}" if isinstance(row, float) else f"{name} {row}")
    return "; ".join(parts)


def limits(results):
    """Best figures of the machine, for each count of threads."""
    best = {}
    for runs in results["figures"].values():
        for found in (figures["limits"] for figures in runs if "limits" in figures):
            entry = best.setdefault(found["threads"], {"read": 0.0, "int8": 0.0, "with": "C"})
            entry["read"] = max(entry["read"], found["read_gb_per_s"] or 0.0)
            entry["int8"] = max(entry["int8"], found["int8_gops"])
            entry["with"] = found["int8_with"]
    return dict(sorted(best.items()))


def share(test, rows, limit):
    """What part of the limit was reached, in percent: of arithmetic or of memory reads."""
    if test == "prefill":
        return 100 * median(row["gops"] for row in rows) / limit["int8"]
    return 100 * median(row["gb_per_s"] for row in rows) / limit["read"]


def rate_row(results, key, test, runs):
    _, shape, quant, threads = key.split("/")
    rows = [figures[test] for figures in runs if test in figures]
    waited = 100 * median(row["waited"] / row["cpu"] for row in rows)
    return (f"| {shape} | {quant} | {threads} | {number(median(row['ergo'] for row in rows))} "
            f"| {number(median(row['peer'] for row in rows))} "
            f"| {spread(row['ergo'] / row['peer'] for row in rows)} | {len(rows)} "
            f"| {share(test, rows, limits(results)[int(threads)]):.0f} % | {waited:.1f} % |")


def rate_table(results, part, test, of):
    lines = [f"| model | weights | threads | ergo tokens/s | llama.cpp tokens/s | ratio | rounds "
             f"| of {of} | CPU time waiting |", "|---|---|---|---|---|---|---|---|---|"]
    for key, runs in results["figures"].items():
        if key.startswith(part + "/") and test in runs[0]:
            lines.append(rate_row(results, key, test, runs))
    return "\n".join(lines) if len(lines) > 2 else None


def machine_table(results):
    machine = results["machine"]
    lines = [f"{machine['cpu']} ({machine['arch']}), {machine['cpus']} CPUs allowed, Linux "
             f"{machine['kernel']}.", "",
             "| threads | memory reads | int8 arithmetic | by |", "|---|---|---|---|"]
    for threads, best in limits(results).items():
        lines.append(f"| {threads} | {best['read']:.1f} GB/s | {best['int8']:.0f} Gop/s "
                     f"| {best['with']} |")
    return "\n".join(lines)


def against_peer(runs, name, unit, scale):
    ours, theirs = [f[name] * scale for f in runs], [f["peer"] * scale for f in runs]
    return (f"{number(median(ours)) if unit == 'MiB' else f'{median(ours):.2f}'} {unit} "
            f"| {spread(a / b for a, b in zip(ours, theirs))}")


def start_table(results):
    lines = ["| | llama.cpp | ergo, plain file | to llama.cpp | ergo, packed file | to llama.cpp "
             "| rounds |", "|---|---|---|---|---|---|---|"]
    rows = [("start to first word, file on disk", "start/cold", "s", 1),
            ("start to first word, file in memory", "start/warm", "s", 1),
            ("peak memory", "memory", "MiB", 1 / MIB)]
    for text, key, unit, scale in rows:
        runs = results["figures"].get(key)
        if runs:
            peer = median(f["peer"] * scale for f in runs)
            lines.append(f"| {text} | {number(peer) if unit == 'MiB' else f'{peer:.2f}'} {unit} "
                         f"| {against_peer(runs, 'plain', unit, scale)} "
                         f"| {against_peer(runs, 'packed', unit, scale)} | {len(runs)} |")
    return "\n".join(lines) if len(lines) > 2 else None


def neighbours_table(results):
    runs = results["figures"].get("neighbours")
    if not runs:
        return None
    lines = ["| | tokens/s alone | with a busy neighbour on every CPU | what is left | rounds |",
             "|---|---|---|---|---|"]
    for name, engine in (("ergo", "ergo"), ("llama.cpp", "peer")):
        rows = [figures[engine] for figures in runs]
        lines.append(f"| {name} | {number(median(row['quiet'] for row in rows))} "
                     f"| {number(median(row['busy'] for row in rows))} "
                     f"| {spread(row['busy'] / row['quiet'] for row in rows)} | {len(rows)} |")
    return "\n".join(lines)


def instructions_table(results):
    lines = ["| model | weights | test | ergo | llama.cpp | ratio |", "|---|---|---|---|---|---|"]
    for key, runs in results["figures"].items():
        if not key.startswith("instructions/"):
            continue
        _, shape, quant = key.split("/")
        for test in ("prefill", "decode"):
            row = runs[-1][test]
            lines.append(f"| {shape} | {quant} | {test} | {row['ergo'] / 1e6:.1f} M "
                         f"| {row['peer'] / 1e6:.1f} M | {row['ergo'] / row['peer']:.2f} |")
    return "\n".join(lines) if len(lines) > 2 else None


def tables(results):
    """Name of a table -> its Markdown; those without figures are not there."""
    found = {
        "machine": machine_table(results),
        "prefill": rate_table(results, "speed", "prefill", "int8 peak"),
        "decode": rate_table(results, "speed", "decode", "read bandwidth"),
        "batch": rate_table(results, "batch", "decode", "read bandwidth"),
        "start": start_table(results),
        "neighbours": neighbours_table(results),
        "instructions": instructions_table(results),
    }
    return {name: text for name, text in found.items() if text}


def update(path, found):
    """Renews what stands between <!-- compare: NAME --> and <!-- end --> in a file."""
    text = path.read_text()
    for name, table in found.items():
        text = re.sub(rf"(<!-- compare: {name} -->\n).*?(<!-- end -->)",
                      lambda match, table=table: f"{match[1]}{table}\n{match[2]}", text, flags=re.S)
    path.write_text(text)
