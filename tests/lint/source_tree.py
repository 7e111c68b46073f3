# SPDX-License-Identifier: Apache-2.0
"""What the lints share: the files of the tree, and C without its comments and strings."""
import os
import re
import sys

# lints_test.py shows the lints trees that it made.
ROOT = os.environ.get("ERGO_LINT_ROOT") or os.path.realpath(
    os.path.join(os.path.dirname(__file__), "..", ".."))
SKIPPED = re.compile(r"^(\..*|build.*|out|__pycache__)$")
KEPT = {".ci", ".clang-format", ".gitignore"}


def files(*suffixes):
    """Paths below the root, with forward slashes, in order; all files when no suffix is given."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if f in KEPT or not SKIPPED.match(f)]
        for name in names:
            if name == ".git":  # a file, in a work tree of its own
                continue
            if (not suffixes or name.endswith(suffixes)) and not name.endswith(".pyc"):
                path = os.path.relpath(os.path.join(folder, name), ROOT)
                found.append(path.replace(os.sep, "/"))
    return sorted(found)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def without_comments(text):
    """The same lines, comments blanked."""
    return TOKENS.sub(lambda m: re.sub(r"[^\n]", " ", m[0]) if m[0][0] == "/" else m[0], text)


def without_literals(text):
    """The same lines, comments, strings and characters blanked."""
    return TOKENS.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def finish(lint, faults, seen):
    """Prints what was found and ends the program. Having looked at nothing is a fault too."""
    if not seen:
        faults = ["nothing to look at"]
    for fault in faults:
        print(fault)
    print(f"{lint}: {len(faults)} faults, {seen} looked at")
    sys.exit(1 if faults else 0)
