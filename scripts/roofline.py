# SPDX-License-Identifier: Apache-2.0
"""Draws what scripts/compare.py measured under the roof of what the machine can do, as SVG.

Operations per second over operations per byte, both logarithmic: memory holds back what lies under
the slope, arithmetic what lies under the flat part. An ergo and a llama.cpp that run the same file
do the same work, so both stand at the same place along the bottom, joined by a line.
"""
import math

import compare_tables

WIDTH, HEIGHT = 960, 600
LEFT, RIGHT, TOP, BOTTOM = 84, 32, 96, 84
X_RANGE, Y_RANGE = (1.0, 2048.0), (8.0, 2048.0)

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif'
LIGHT = {"paper": "#fcfcfb", "ink": "#1d2430", "soft": "#667085", "grid": "#e6e8ec",
         "roof": "#98a2b3", "fill": "#f1f4f8", "ergo": "#0b7a75", "peer": "#d9622b",
         "link": "#b9c0cc"}
DARK = {"paper": "#12161d", "ink": "#e9edf3", "soft": "#98a3b3", "grid": "#262d38",
        "roof": "#5d6878", "fill": "#1a212c", "ergo": "#3ccfc4", "peer": "#ff9a63",
        "link": "#465164"}
SHAPES = f"""text {{ font-family: {FONT}; }}
.grid {{ stroke-width:1; }} .roof {{ stroke-width:2.5; fill:none; stroke-linejoin:round; }}
.thin {{ stroke-width:1.5; stroke-dasharray:2 5; stroke-linecap:round; }}
.link {{ stroke-width:1.5; }} .ergo {{ stroke-width:1.5; }} .peer, .model {{ stroke-width:2; }}
.title {{ font-size:19px; font-weight:650; }} .label {{ font-size:12px; }}
.phase {{ font-size:13px; font-weight:650; }} .tick, .name {{ font-size:11px; }}
.name {{ stroke-width:4; stroke-linejoin:round; paint-order:stroke; }}"""


def colours(of):
    """Plain rules instead of variables, which not every viewer of SVG knows."""
    return (f"text {{ fill:{of['ink']}; }} .paper {{ fill:{of['paper']}; }} "
            f".under {{ fill:{of['fill']}; }} .soft, .tick, .name {{ fill:{of['soft']}; }} "
            f".name {{ stroke:{of['fill']}; }} .grid {{ stroke:{of['grid']}; }} .roof {{ stroke:{of['roof']}; }} "
            f".link {{ stroke:{of['link']}; }} "
            f".ergo {{ fill:{of['ergo']}; stroke:{of['paper']}; }} "
            f".peer {{ fill:{of['paper']}; stroke:{of['peer']}; }} "
            f".model {{ fill:none; stroke:{of['soft']}; }}")


STYLE = f"""{SHAPES}
{colours(LIGHT)}
@media (prefers-color-scheme: dark) {{ {colours(DARK)} }}"""


def across(value):
    low, high = (math.log(v) for v in X_RANGE)
    return LEFT + (math.log(value) - low) / (high - low) * (WIDTH - LEFT - RIGHT)


def up(value):
    low, high = (math.log(v) for v in Y_RANGE)
    return HEIGHT - BOTTOM - (math.log(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def text(x, y, words, style="label", anchor="start", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}"{more}>{words}</text>'


def line(x1, y1, x2, y2, style):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def axes():
    parts = []
    for power in range(12):
        x = across(2.0 ** power)
        parts.append(line(x, TOP, x, HEIGHT - BOTTOM, "grid"))
        parts.append(text(x, HEIGHT - BOTTOM + 20, 2 ** power, "tick", "middle"))
    for power in range(3, 12):
        y = up(2.0 ** power)
        parts.append(line(LEFT, y, WIDTH - RIGHT, y, "grid"))
        parts.append(text(LEFT - 10, y + 4, 2 ** power, "tick", "end"))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 44,
                      "operations per byte of weights, keys and values", "label soft", "middle"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(text(26, middle, "10⁹ operations per second", "label soft", "middle",
                      f' transform="rotate(-90 26 {middle:.1f})"'))
    return parts


def roof_points(limit):
    """Where the roof enters the picture, bends and leaves it."""
    bend = limit["int8"] / limit["read"]
    start = max(X_RANGE[0], Y_RANGE[0] / limit["read"])
    return [(start, limit["read"] * start), (bend, limit["int8"]), (X_RANGE[1], limit["int8"])]


def roof(limit, thin):
    points = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in roof_points(limit))
    return f'<polyline points="{points}" class="roof{" thin" if thin else ""}"/>'


def roof_words(limit, threads):
    plural = "s" if threads > 1 else ""
    slope = math.degrees(math.atan2(up(limit["read"]) - up(2 * limit["read"]),
                                    across(2) - across(1)))
    at = 3.0
    x, y = across(at), up(at * limit["read"]) - 10
    return [text(x, y, f"memory reads, {limit['read']:.0f} GB/s", "label soft", "middle",
                 f' transform="rotate({-slope:.1f} {x:.1f} {y:.1f})"'),
            text(WIDTH - RIGHT - 6, up(limit["int8"]) - 10,
                 f"int8 peak, {limit['int8']:.0f} Gop/s ({limit['with']}, {threads} thread{plural})",
                 "label soft", "end")]


def ground(limit):
    """The area under the roof."""
    points = [(X_RANGE[0], Y_RANGE[0])] + roof_points(limit) + [(X_RANGE[1], Y_RANGE[0])]
    return (f'<polygon class="under" points="'
            + " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points) + '"/>')


def marks(results, threads):
    """(shape, quant, phase, operations per byte, ergo's and llama.cpp's Gop/s)."""
    found = []
    for key, runs in results["figures"].items():
        part, *rest = key.split("/")
        if part not in ("speed", "batch") or int(rest[2]) != threads:
            continue
        for test in ("prefill", "decode"):
            rows = [figures[test] for figures in runs if test in figures]
            if not rows:
                continue
            gops = compare_tables.median(row["gops"] for row in rows)
            ratio = compare_tables.median(row["ergo"] / row["peer"] for row in rows)
            intensity = compare_tables.median(row["gops"] / row["gb_per_s"] for row in rows)
            found.append((rest[0], rest[1], "batch" if part == "batch" else test, intensity, gops,
                          gops / ratio))
    return found


def symbol(x, y, square, style, words):
    shape = (f'<rect x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10" rx="1.5"' if square
             else f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5"')
    return f'{shape} class="{style}"><title>{words}</title></{"rect" if square else "circle"}>'


def columns(spots):
    """Spots (phase, x, y, words) that stand side by side, and nothing of another phase."""
    found = []
    for spot in sorted(spots):
        if found and found[-1][-1][0] == spot[0] and spot[1] - found[-1][-1][1] < 20:
            found[-1].append(spot)
        else:
            found.append([spot])
    return found


def names(spots):
    """The weights of each column, one below the other under its lowest point."""
    parts = []
    for column in columns(spots):
        x = (column[0][1] + column[-1][1]) / 2
        y = max(spot[2] for spot in column) + 20
        for i, words in enumerate(dict.fromkeys(spot[3] for spot in column)):
            parts.append(text(x, y + 13 * i, words, "name", "middle"))
    return parts


def pairs(found, shapes):
    """The points, over lines that join those of the same work."""
    lines, symbols, spots = [], [], []
    for shape, quant, phase, x, ours, theirs in found:
        square = shapes.index(shape) % 2 == 1
        px = across(x) + (5 if square else -5)  # beside one another: they do the same work
        lines.append(line(px, up(ours), px, up(theirs), "link"))
        name = f"{shape} {quant}, {phase}"
        symbols.append(symbol(px, up(theirs), square, "peer", f"llama.cpp, {name}: {theirs:.0f}"))
        symbols.append(symbol(px, up(ours), square, "ergo", f"ergo, {name}: {ours:.0f} Gop/s"))
        spots.append((phase, px, max(up(ours), up(theirs)), quant))
    return lines + names(spots) + symbols


def phases(found):
    """What the groups of points are, written below them."""
    names = {"decode": "decode", "batch": "decode, 8 sequences", "prefill": "prefill"}
    parts = []
    for phase, words in names.items():
        group = [row for row in found if row[2] == phase]
        if group:
            x = math.exp(sum(math.log(row[3]) for row in group) / len(group))
            parts.append(text(across(x), HEIGHT - BOTTOM - 14, words, "phase", "middle"))
    return parts


def legend(shapes):
    x, parts = LEFT, []
    for style, words in (("ergo", "ergo"), ("peer", "llama.cpp")):
        parts += [symbol(x + 6, 66, False, style, words), text(x + 18, 70, words)]
        x += 40 + 7.5 * len(words)
    x += 16
    for i, shape in enumerate(shapes):
        parts += [symbol(x + 6, 66, i % 2 == 1, "model", shape), text(x + 18, 70, shape)]
        x += 40 + 7 * len(shape)
    return parts


def picture(results):
    """The SVG, or None where no speed was measured."""
    best = compare_tables.limits(results)
    if not best:
        return None
    threads = max(best)
    found, limit = marks(results, threads), best[threads]
    shapes = list(dict.fromkeys(row[0] for row in found))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
             f'aria-label="Roofline of ergo and llama.cpp">', f"<style>{STYLE}</style>",
             f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="10"/>',
             text(LEFT, 40, f"Under the roof: {results['machine']['cpu']}, {threads} threads",
                  "title"), ground(limit)]
    parts += legend(shapes) + axes()
    parts += [roof(entry, count != threads) for count, entry in best.items()]
    parts += roof_words(limit, threads) + phases(found) + pairs(found, shapes)
    return "\n".join(parts) + "\n</svg>\n"
