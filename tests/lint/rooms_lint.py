# SPDX-License-Identifier: Apache-2.0
"""Rooms are small: files of at most 500 lines, functions of at most 60. Kernels may be longer; so
may what rooms_allowed.txt names."""
import os
import re

from source_tree import ROOT, files, finish, read, without_literals

FILE_LINES, FUNCTION_LINES = 500, 60
KERNELS = re.compile(r"^backends/[^/]+/(c|x86|arm|riscv|cl)/")
ALLOWED = "tests/lint/rooms_allowed.txt"
CONTROL = {"if", "for", "while", "switch", "return", "sizeof", "else", "do"}


def allowed():
    """Lines "FILE REASON" or "FILE:FUNCTION REASON"."""
    names = {}
    for line in read(ALLOWED).splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, reason = line.partition(" ")
            names[name] = reason.strip()
    return names


def functions(text):
    """(name, first line, lines of the body) of every function definition."""
    text = re.sub(r"^[ \t]*#(?:\\\n|.)*", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.M)
    depth, head, start = 0, 0, None
    for at, char in enumerate(text):
        if char == "{":
            if depth == 0:
                before = text[head:at].rstrip()
                names = re.findall(r"(\w+)\s*\(", before)
                start = at if before.endswith(")") and names and "=" not in before else None
                name = next((n for n in names if not n.startswith("__")), "?") if names else "?"
                if re.search(r'\bextern\s*$', before):
                    head = at + 1
                    continue
            depth += 1
        elif char == "}" and depth:
            depth -= 1
            if depth == 0:
                if start is not None and name not in CONTROL:
                    lines = text.count("\n", start, at) - 1
                    yield name, text.count("\n", 0, start) + 1, lines
                head = at + 1
        elif char == ";" and depth == 0:
            head = at + 1


def main():
    faults, seen, exempt, used = [], 0, allowed(), set()
    for name, reason in exempt.items():
        if not reason:
            faults.append(f"{ALLOWED}: {name} is allowed without a reason")
    for path in files(".c", ".h", ".cl", ".inc"):
        text = read(path)
        seen += 1
        lines = text.count("\n")
        if lines > FILE_LINES:
            used.add(path)
            if path not in exempt:
                faults.append(f"{path}: {lines} lines, more than {FILE_LINES}")
        for name, line, length in functions(without_literals(text)):
            if length <= FUNCTION_LINES or KERNELS.match(path):
                continue
            used.add(f"{path}:{name}")
            if f"{path}:{name}" not in exempt:
                faults.append(f"{path}:{line}: {name} has {length} lines, more than {FUNCTION_LINES}")
    for name in sorted(set(exempt) - used):
        faults.append(f"{ALLOWED}: {name} no longer needs to be allowed")
    finish("rooms", faults, seen)


main()
