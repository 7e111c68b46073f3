# SPDX-License-Identifier: Apache-2.0
"""What a Release build weighs: size_lint.py SIZE FILE LIMIT...

The code and constants (what `size` calls text) of an archive or a program stay within LIMIT bytes.
For a fault the largest members are named."""
import os
import subprocess
import sys

from source_tree import finish


def text_sizes(tool, path):
    """{member: bytes of text}"""
    out = subprocess.run([tool, path], capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(f"size: cannot read {path}\n{out.stderr}")
    sizes = {}
    for line in out.stdout.splitlines()[1:]:
        text, _, _, _, _, name = line.split(None, 5)
        sizes[name.split(" (")[0]] = int(text) + sizes.get(name.split(" (")[0], 0)
    return sizes


def main():
    tool, rest = sys.argv[1], sys.argv[2:]
    faults = []
    for path, limit in zip(rest[::2], rest[1::2]):
        sizes = text_sizes(tool, path)
        total = sum(sizes.values())
        print(f"size: {os.path.basename(path)} holds {total} of {limit} bytes of text")
        if total > int(limit):
            largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
            named = ", ".join(f"{os.path.basename(name)} {size}" for name, size in largest)
            faults.append(f"{path} holds {total} bytes of text, {total - int(limit)} more than its "
                          f"limit of {limit}: {named}")
    finish("size", faults, len(rest) // 2)


main()
