# SPDX-License-Identifier: Apache-2.0
"""Lints that cannot fail are no lints: each is shown small trees that break its rule, and one that
does not. lints_test.py C_COMPILER AR NM"""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
CC, AR, NM = sys.argv[1:4]


def lint(name, tree, *arguments):
    """Exit status and output of a lint over a tree of {path: text}."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in tree.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        done = subprocess.run(
            [sys.executable, "-B", os.path.join(HERE, f"{name}_lint.py"), *arguments], text=True,
            cwd=root, env={**os.environ, "ERGO_LINT_ROOT": root}, capture_output=True)
        return done.returncode, done.stdout + done.stderr


class Lints(unittest.TestCase):
    def bad(self, name, tree, part, *arguments):
        status, out = lint(name, tree, *arguments)
        self.assertNotEqual(status, 0, out)
        self.assertIn(part, out)

    def good(self, name, tree, *arguments):
        status, out = lint(name, tree, *arguments)
        self.assertEqual(status, 0, out)

    def test_layers(self):
        tree = {"include/ergo/a.h": "#include <stdint.h>\n", "runtime/b.h": "", "models/c.h": "",
                "include/ergo/engine.h": "", "ports/engine/g.c": '#include "ergo/engine.h"\n',
                "runtime/base/d.h": '#include "ergo/a.h"\n', "tools/e.h": ""}
        self.good("layers", {**tree, "models/f.c": '#include "c.h"\n#include "runtime/b.h"\n'})
        for path, include in [("runtime/base/f.c", '"runtime/b.h"'), ("runtime/f.c", '"models/c.h"'),
                              ("models/f.c", '"tools/e.h"'), ("tools/f.c", '"runtime/b.h"'),
                              ("backends/cpu/f.c", '"models/c.h"'), ("power/f.c", '"runtime/b.h"'),
                              ("ports/linux/f.c", '"runtime/base/d.h"'), ("runtime/f.c", "<unistd.h>"),
                              ("include/ergo/f.h", '"runtime/b.h"'), ("runtime/f.c", "<utf8proc.h>"),
                              ("ports/linux/f.c", '"ergo/engine.h"'),
                              ("power/f.c", '"ergo/engine.h"'), ("models/f.c", '"../tools/e.h"')]:
            self.bad("layers", {**tree, path: f"# include {include}\n"}, "not open to this layer")
        self.bad("layers", {**tree, "models/f.c": '#include "gone.h"\n'}, "does not exist")
        self.bad("layers", {**tree, "models/e.h": ""}, "same name")
        self.good("layers", {**tree, "runtime/f.c": '/*\n#include "models/c.h"\n*/\n'})

    def test_rooms(self):
        def tree(lines, allowed=""):
            body = "    f();\n" * lines
            return {"tests/lint/rooms_allowed.txt": allowed,
                    "runtime/a.c": f'static const char *t[] = {{"{{"}};\nint long_one(int a)\n{{\n{body}}}\n'}
        self.good("rooms", tree(60))
        self.bad("rooms", tree(61), "runtime/a.c:3: long_one has 61 lines")
        self.good("rooms", tree(61, "runtime/a.c:long_one a reason\n"))
        self.bad("rooms", tree(60, "runtime/a.c:long_one a reason\n"), "no longer needs")
        self.bad("rooms", tree(61, "runtime/a.c:long_one\n"), "without a reason")
        self.bad("rooms", {**tree(1), "runtime/b.h": "\n" * 501}, "runtime/b.h: 501 lines")
        table = "static const int t[] = {\n" + "    1,\n" * 80 + "};\n"
        self.good("rooms", {**tree(1), "runtime/b.c": table})
        macro = "#define M(x) \\\n    do { \\\n    } while (0)\n"
        self.good("rooms", {**tree(1), "runtime/b.c": macro + table})

    def test_words(self):
        self.good("words", {"a.c": SPDX})
        self.bad("words", {"a.c": "int a;\n"}, "a.c:1: no SPDX")
        self.bad("words", {"a.py": "\n"}, "a.py:1: no SPDX")
        self.bad("words", {"a.c": SPDX + "/* TO" + "DO */\n"}, "a.c:2: left unfinished")
        self.bad("words", {"README.md": "see /ho" + "me/someone/x\n"}, "a machine's path")
        self.bad("words", {"a.c": SPDX + "int a; \n"}, "blanks")

    def test_format(self):
        style = {".clang-format": "BasedOnStyle: LLVM\n"}
        self.good("format", {**style, "a.c": "int a;\n"}, "clang-format")
        self.bad("format", {**style, "a.c": "int   a;\n"}, "a.c: not formatted", "clang-format")

    def test_headers(self):
        self.good("headers", {"include/ergo/a.h": "#include <stddef.h>\nsize_t f(void);\n"}, CC, CC)
        self.bad("headers", {"include/ergo/a.h": "size_t f(void);\n"}, "include/ergo/a.h", CC, CC)
        self.bad("headers", {"include/ergo/a.h": "int f(int class);\n"}, "c++17", CC, CC)

    def symbols(self, source):
        with tempfile.TemporaryDirectory() as root:
            archive = os.path.join(root, "a.a")
            with open(os.path.join(root, "a.c"), "w", encoding="utf-8") as file:
                file.write(source)
            subprocess.run([CC, "-fPIC", "-c", "a.c"], cwd=root, check=True)
            subprocess.run([AR, "rcs", archive, "a.o"], cwd=root, check=True)
            status, out = lint("symbols", {"include/ergo/a.h": "int ergo_f(void);\n"}, NM, archive)
            return out if status else ""

    def test_symbols(self):
        self.assertEqual(self.symbols("""
            static const char *const names[] = {"a"};
            const char *const *ergo__names(void) { return names; }
            static int g(void) { return 1; }
            int ergo_f(void) { return g(); }"""), "")
        for source, fault in [
                ("int f(void) { return 1; }", "does not start with ergo_"),
                ("int ergo_g(void) { return 1; }", "not declared in include/"),
                ("void *malloc(unsigned long); void *ergo__f(void) { return malloc(1); }",
                 "needs malloc"),
                ("int printf(const char *, ...); int ergo__f(int a) { return printf(\"%d\", a); }",
                 "needs printf"),
                ("int ergo__f(void) { static int n = 1; return n++; }", "is state"),
                ("static int n; int ergo__f(void) { return n++; }", "is state"),
                ("int ergo__n;", "is state"),
                ("_Thread_local int ergo__n;", "is state"),
                ("static const char *names[] = {\"a\"}; const char **ergo__f(void) { return names; }",
                 "is state")]:
            self.assertIn(fault, self.symbols(source), source)

    def test_size(self):
        size = NM[:-len("nm")] + "size"
        with tempfile.TemporaryDirectory() as root:
            with open(os.path.join(root, "a.c"), "w", encoding="utf-8") as file:
                file.write("const char ergo__table[1000] = {1};")
            subprocess.run([CC, "-c", "a.c"], cwd=root, check=True)
            archive = os.path.join(root, "a.a")
            subprocess.run([AR, "rcs", archive, "a.o"], cwd=root, check=True)
            self.good("size", {}, size, archive, "1500")
            self.bad("size", {}, "more than its limit of 900: a.o 1", size, archive, "900")

    def test_an_empty_tree_is_a_fault(self):
        for name in ("layers", "words", "format", "headers"):
            status, out = lint(name, {}, "clang-format" if name == "format" else CC, CC)
            self.assertNotEqual(status, 0, out)


unittest.main(argv=sys.argv[:1])
