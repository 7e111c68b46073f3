#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds a program against an installed ergo and runs it:
# by_pkg_config.sh COMPILER PKG_CONFIG_FOLDER PACKAGE SOURCE PROGRAM
set -eu
flags=$(PKG_CONFIG_PATH=$2 pkg-config --cflags --libs "$3")
# shellcheck disable=SC2086 # a list of words
"$1" -std=c11 -Wall -Wextra -Werror "$4" $flags -o "$5"
exec "$5"
