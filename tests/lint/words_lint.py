# SPDX-License-Identifier: Apache-2.0
"""Every source says its licence in its first lines; no file names a place on somebody's machine, is
left unfinished, or is too large to review."""
import os
import re

from source_tree import ROOT, files, finish, read

SOURCES = (".c", ".h", ".inc", ".cl", ".py", ".sh", ".cmake", "CMakeLists.txt", "Makefile", ".S")
LARGEST = 1 << 20
LARGE = re.compile(r"^models/demo/.*\.gguf$")
BINARY = re.compile(r"\.(gguf|bin|png|gz)$")
WORDS = [
    (re.compile(r"(?<![\w.$}])/(home|root|work|tmp|Users|mnt|scratch)/\w"), "a machine's path"),
    (re.compile(r"\b(TODO|FIXME|HACK|XXX)\b"), "left unfinished"),
    (re.compile(r"https?://(deb|registry|mirror|proxy|localhost)\b"), "a host of packages"),
    (re.compile(r"[ \t]+$", re.M), "blanks at the end of a line"),
    (re.compile(r"\r"), "a carriage return"),
]
HERE = "tests/lint/words_lint.py"


def main():
    faults, seen = [], 0
    for path in files():
        seen += 1
        size = os.path.getsize(os.path.join(ROOT, path))
        if size > LARGEST and not LARGE.match(path):
            faults.append(f"{path}: {size} bytes")
        if BINARY.search(path):
            continue
        text = read(path)
        head = "\n".join(text.splitlines()[:3])
        if path.endswith(SOURCES) and "SPDX-License-Identifier: Apache-2.0" not in head:
            faults.append(f"{path}:1: no SPDX-License-Identifier")
        if path in (HERE, "LICENSE"):
            continue
        for pattern, what in WORDS:
            for match in pattern.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                faults.append(f"{path}:{line}: {what}: {match[0].strip()!r}")
    finish("words", faults, seen)


main()
