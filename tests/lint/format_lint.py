# SPDX-License-Identifier: Apache-2.0
"""Every C file is as clang-format writes it: format_lint.py CLANG_FORMAT"""
import subprocess
import sys

from source_tree import ROOT, files, finish


def main():
    sources = files(".c", ".h")
    done = subprocess.run([sys.argv[1], "--dry-run", "--Werror", *sources], cwd=ROOT, text=True,
                          capture_output=True)
    # One message per file is enough: `make format` mends them all.
    bad = sorted({line.split(":")[0] for line in done.stderr.splitlines() if " error: " in line})
    faults = [f"{path}: not formatted; run `make format`" for path in bad]
    if done.returncode != 0 and not faults:
        faults = [done.stderr]
    finish("format", faults, len(sources))


main()
