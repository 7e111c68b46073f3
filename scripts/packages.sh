#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the packages of packages.txt that are missing: packages.sh demo|cross|check
# It lists them first. With NO_INSTALL=1 it only lists them, and fails when there are any.
set -eu
cd "$(dirname "$0")/.."

if ! command -v dpkg-query >/dev/null; then
    echo "This system has no dpkg: see packages.txt for what the build needs."
    exit 0
fi

wanted=${1:-check}
missing=
while read -r name use purpose; do
    case $name in '' | '#'*) continue ;; esac
    [ "$use" = demo ] || [ "$use" = "$wanted" ] || continue
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>&1)" != installed ]; then
        [ -n "$missing" ] || echo "Missing Debian packages:"
        printf '  %-23s %s\n' "$name" "$purpose"
        missing="$missing $name"
    fi
done <packages.txt
[ -n "$missing" ] || exit 0

if [ "${NO_INSTALL:-0}" = 1 ]; then
    echo "Not installed, because NO_INSTALL=1."
    exit 1
fi
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
install() {
    # shellcheck disable=SC2086 # a list of words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
        $missing </dev/null
}
echo "Installing them with ${as_root:+sudo }apt-get."
install || { $as_root apt-get -qq update </dev/null && install; }
