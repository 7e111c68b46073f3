#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Everything that must hold before a change lands, on the compilers of packages.txt: gcc runs all
# tests, clang the quick ones, the sanitizers those that touch bytes from outside or threads, and
# qemu-user those that could come out otherwise on other CPUs. "check.sh cross" runs the last alone.
set -eu
cd "$(dirname "$0")/.."

jobs=$(getconf _NPROCESSORS_ONLN)
summary=
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# check PRESET [CTEST ARGUMENT...]: build with warnings as errors, run, remember the closing lines.
check() {
    preset=$1
    shift
    started=$(date +%s)
    echo "== $preset"
    if cmake --preset "$preset" --log-level=WARNING >/dev/null && cmake --build --preset "$preset"; then
        $prefix ctest --preset "$preset" --no-tests=error -j "$jobs" "$@" >"$log" 2>&1 || failed=1
        cat "$log"
        closing=$(sed -n '/tests passed/p; /The following tests FAILED/,/^Errors/{/(/p}' "$log")
    else
        failed=1
        closing="the build failed"
    fi
    summary="$summary
$preset, $(($(date +%s) - started)) s: $closing"
}

prefix=
if [ "${1:-all}" != cross ]; then
    check gcc
    check clang -L 'unit|lint'
    check asan -L 'unit|fault|fuzz'
    # The thread sanitizer wants the address space as it was before large randomisation.
    if setarch -R true 2>/dev/null; then prefix="setarch -R"; fi
    check tsan -L 'unit' -R 'os_linux|pool|device|engine|session'
    prefix=
fi
# What is left out is slow there and the same on any CPU: long texts, or many of them.
long='tokenizer_long|perplexity|demo|unit.meter|sampler'
check aarch64 -L 'unit|kernels|golden|lint' -E "$long"
check armhf -L 'unit|kernels|golden' -E "$long"
check riscv64 -L 'kernels|golden' -E "$long|reference|stories|packed_file"

echo "== summary$summary"
exit $failed
