# SPDX-License-Identifier: Apache-2.0
"""What the archives define and need: symbols_lint.py NM ARCHIVE...

Every symbol that others can see starts with ergo_; what is public (ergo_ and a letter) is declared in
include/. Nothing that allocates, prints or ends the process is needed, and there is no state: nothing
lies in a section that can be written to once the program is loaded."""
import re
import subprocess
import sys

from source_tree import files, finish, read, without_literals

BANNED = set("""malloc calloc realloc reallocarray free aligned_alloc posix_memalign memalign valloc
    strdup strndup asprintf vasprintf alloca
    abort exit _exit _Exit quick_exit raise kill __assert_fail __assert longjmp _longjmp
    printf vprintf fprintf vfprintf dprintf vdprintf puts putchar putc fputs fputc fwrite perror
    __printf_chk __fprintf_chk __vprintf_chk __vfprintf_chk
    stdin stdout stderr fopen fopen64 freopen tmpfile popen system
    signal sigaction setlocale srand rand srandom random strtok getenv setenv""".split())
# .data.rel.ro holds constants with addresses in them: read-only once the loader has filled them in.
WRITABLE = re.compile(r"^(\.data(?!\.rel\.ro)|\.bss|\.tdata|\.tbss|\*COM\*|COMMON|\.init_array)")


def symbols(nm, archive):
    """(member, name, class, section) of every symbol."""
    out = subprocess.run([nm, "-f", "sysv", archive], capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(f"symbols: cannot read {archive}\n{out.stderr}")
    member = archive
    for line in out.stdout.splitlines():
        match = re.match(r"^(?:Symbols|Undefined symbols) from .*\[(.*)\]:", line)
        if match:
            member = match[1]
        fields = [field.strip() for field in line.split("|")]
        if len(fields) == 7 and fields[0] != "Name":
            yield member, fields[0].split("@")[0], fields[2], fields[6]


def main():
    nm, archives = sys.argv[1], sys.argv[2:]
    declared = set()
    for path in files(".h"):
        if path.startswith("include/"):
            declared |= set(re.findall(r"\bergo_\w+(?=\s*\()", without_literals(read(path))))
    faults, seen = [], 0
    for archive in archives:
        for member, name, kind, section in symbols(nm, archive):
            seen += 1
            where = f"{archive}({member})"
            if kind == "U":
                if name in BANNED:
                    faults.append(f"{where}: needs {name}")
                continue
            if WRITABLE.match(section):
                faults.append(f"{where}: {name} is state, in {section}")
            if kind not in "TDRBGSVWC":
                continue
            if not name.startswith("ergo_"):
                faults.append(f"{where}: {name} does not start with ergo_")
            elif not name.startswith("ergo__") and name not in declared:
                faults.append(f"{where}: {name} is public but not declared in include/")
    finish("symbols", faults, seen)


main()
