# SPDX-License-Identifier: Apache-2.0
"""Each public header compiles alone: headers_lint.py C_COMPILER C++_COMPILER"""
import os
import subprocess
import sys

from source_tree import ROOT, files, finish

WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wpedantic", "-Werror"]


def main():
    faults, seen = [], 0
    languages = [(sys.argv[1], ["-x", "c", "-std=c11", "-Wstrict-prototypes"]),
                 (sys.argv[2], ["-x", "c++", "-std=c++17"])]
    for path in files(".h"):
        if not path.startswith("include/"):
            continue
        # Included by a file that holds nothing else: a header is not itself the main file.
        source = f'#include "{os.path.relpath(path, "include")}"\n'
        for compiler, options in languages:
            seen += 1
            done = subprocess.run([compiler, *options, *WARNINGS, "-fsyntax-only", "-Iinclude", "-"],
                                  cwd=ROOT, input=source, text=True, capture_output=True)
            if done.returncode != 0:
                faults.append(f"{path}: {compiler} {options[2]}\n{done.stderr}")
    finish("headers", faults, seen)


main()
