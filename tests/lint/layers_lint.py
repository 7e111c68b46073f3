# SPDX-License-Identifier: Apache-2.0
"""Which way the doors open: every #include must stay within what its layer may see, and file names
are unique in the tree."""
import os
import re

from source_tree import ROOT, files, finish, read, without_comments

# Folder of the including file -> folders it may include. The first row that fits counts.
DOORS = [
    ("include/ergo/", ["include/ergo/"]),
    ("runtime/base/", ["include/", "runtime/base/"]),
    ("runtime/", ["include/", "runtime/"]),
    ("power/", ["include/", "runtime/base/", "power/"]),
    ("models/", ["include/", "runtime/", "models/"]),
    ("backends/", ["include/", "runtime/", "backends/"]),
    ("tools/", ["include/", "tools/"]),
    ("examples/", ["include/"]),
    ("tests/embed/", ["include/"]),
    ("tests/", [""]),
]
# A port sees the interfaces it implements, the cellar's way to lay out memory and to log, the reader
# of the power half's texts, and its own folder.
PORT_INTERFACES = {"runtime/base/os.h", "runtime/base/arena.h", "runtime/base/log.h",
                   "runtime/base/hash.h", "power/bus.h", "power/knob.h", "power/sections.h"}
# Never seen from the power half.
INFERENCE_HEADERS = {"include/ergo/ergo.h", "include/ergo/engine.h", "include/ergo/model.h",
                     "include/ergo/steer.h"}
# Where the halves meet: of the libraries, only this folder may see what belongs to both.
MEETING = "ports/engine/"

C_HEADERS = set("""assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp
    signal stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath
    time uchar wchar wctype""".split())
INTRINSICS = {"immintrin.h", "cpuid.h", "arm_neon.h", "arm_sve.h", "riscv_vector.h"}
MANY = {"CMakeLists.txt", "README.md", "LICENSE", ".gitignore"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.M)


def resolve(path, name):
    for base in (os.path.dirname(path), "", "include"):
        candidate = os.path.normpath(os.path.join(base, name)).replace(os.sep, "/")
        if os.path.isfile(os.path.join(ROOT, candidate)):
            return candidate
    return None


def port_may(path, target):
    if target in INFERENCE_HEADERS and not path.startswith(MEETING):
        return False
    own = "/".join(path.split("/")[:2]) + "/"
    return target.startswith(("include/", own)) or target in PORT_INTERFACES


def may(path, target):
    if path.startswith("ports/"):
        return port_may(path, target)
    if path.startswith("power/") and target in INFERENCE_HEADERS:
        return False
    for layer, seen in DOORS:
        if path.startswith(layer):
            return any(target.startswith(folder) for folder in seen)
    return False


def may_system(path, name):
    """The library needs the C library, utf8proc and intrinsics; ports and programs may use more."""
    if path.startswith(("ports/", "tools/", "examples/", "tests/")):
        return True
    if name[:-2] in C_HEADERS:
        return True
    if path.startswith("backends/"):
        return name in INTRINSICS
    return path.startswith("models/") and name == "utf8proc.h"


def main():
    faults, seen = [], 0
    for path in files(".c", ".h", ".inc"):
        text = without_comments(read(path))
        for match in INCLUDE.finditer(text):
            seen += 1
            where = f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
            if match[2]:
                if not may_system(path, match[2]):
                    faults.append(f"{where}: <{match[2]}> is not open to this layer")
                continue
            target = resolve(path, match[1])
            if not target:
                faults.append(f'{where}: "{match[1]}" does not exist')
            elif not may(path, target):
                faults.append(f"{where}: {target} is not open to this layer")
    names = {}
    for path in files():
        name = os.path.basename(path)
        if name not in MANY and names.setdefault(name, path) != path:
            faults.append(f"{path}: {names[name]} has the same name")
    finish("layers", faults, seen)


main()
