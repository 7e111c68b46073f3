#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds utf8proc, cJSON and cmocka as static libraries for other CPUs, into build-cross/:
#     cross_libraries.sh aarch64 armhf riscv64
# from the source packages of this Debian. The multi-arch packages would not do: libcjson-dev and
# libcmocka-dev hold no archives, Debian 12 has none of them for riscv64, and they would bring
# foreign architectures into the system. Here apt keeps lists of its own and needs no root.
set -eu
cd "$(dirname "$0")/.."
root=$PWD/build-cross
source=$root/source
packages="utf8proc cjson cmocka"

# What apt is told: the archives that this system uses, but their sources.
write_lists() {
    mkdir -p "$source/lists/partial" "$source/cache/archives/partial"
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    apt-get indextargets --format 'deb-src [signed-by='$keys'] $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Component: main' |
        grep '/debian\(-security\)\?/ ' | sort -u >"$source/sources.list"
    if ! [ -s "$source/sources.list" ]; then
        echo "apt knows no archive of Debian to take the sources of $packages from" >&2
        exit 1
    fi
    cat >"$source/apt.conf" <<CONF
Dir::Etc::SourceList "$source/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$source/lists";
Dir::Cache "$source/cache";
APT::Sandbox::User "";
CONF
}

download() {
    rm -rf "$source"
    write_lists
    export APT_CONFIG="$source/apt.conf"
    echo "Downloading the sources of $packages with apt-get."
    apt-get -qq update
    # shellcheck disable=SC2086 # a list of words
    (cd "$source" && apt-get -qq source $packages >/dev/null)
    touch "$source/complete"
}

# library TRIPLET PACKAGE PKG_CONFIG_NAME SOURCE HEADER FOLDER FLAG...: each is one source file.
library() {
    cc=$1-gcc ar=$1-ar prefix=$root/$1 name=$2 pc=$prefix/lib/pkgconfig/$3.pc file=$4 header=$5
    headers=$prefix/include/$6
    shift 6
    from=$(find "$source" -maxdepth 1 -type d -name "$name-*")
    mkdir -p "$headers" "$prefix/lib/pkgconfig"
    cp "$from/$header" "$headers"
    "$cc" -O2 -fPIC "$@" -I"$from/include" -c "$from/$file" -o "$prefix/lib/$name.o"
    "$ar" rcs "$prefix/lib/lib$name.a" "$prefix/lib/$name.o"
    cat >"$pc" <<PC
Name: $name
Description: $name for ${cc%-gcc}, static
Version: ${from##*-}
Libs: -L$prefix/lib -l$name
Cflags: -I$prefix/include
PC
}

for arch in "$@"; do
    triplet=$(sed -n 's/^set(ergo_triplet \(.*\))$/\1/p' "cmake/toolchains/$arch.cmake")
    [ ! -e "$root/$triplet/complete" ] || continue
    [ -e "$source/complete" ] || download
    echo "Building $packages for $arch."
    library "$triplet" utf8proc libutf8proc utf8proc.c utf8proc.h .
    library "$triplet" cjson libcjson cJSON.c cJSON.h cjson
    library "$triplet" cmocka cmocka src/cmocka.c include/cmocka.h . \
        -DHAVE_INTTYPES_H -DHAVE_STRINGS_H -DHAVE_SIGNAL_H -DHAVE_MALLOC_H -DHAVE_STRSIGNAL \
        -DHAVE_STRUCT_TIMESPEC -DHAVE_CLOCK_REALTIME -DHAVE_GCC_THREAD_LOCAL_STORAGE
    touch "$root/$triplet/complete"
done
