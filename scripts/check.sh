#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Everything that must hold before a change lands, on the compilers of packages.txt: gcc runs all
# tests, clang the quick ones, and the sanitizers those that touch bytes from outside or threads.
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
check gcc
check clang -L 'unit|lint'
check asan -L 'unit|fault|fuzz'
# The thread sanitizer wants the address space as it was before large randomisation.
if setarch -R true 2>/dev/null; then prefix="setarch -R"; fi
check tsan -L 'unit' -R 'os_linux|pool|device|engine|session'

echo "== summary$summary"
exit $failed
