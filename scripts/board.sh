#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Boots Debian's arm64 kernel on an emulated board whose clocks, GPIO lines and power sensors have
# the kernel's own drivers, and runs tests/board/guest_tests.sh with run-model there. Kernel, headers
# and the drivers that Debian leaves out come from Debian's archive into build-board/, once.
#     board.sh [all|prepare|boot]
set -eu
cd "$(dirname "$0")/.."
source=$PWD/tests/board
board=$PWD/build-board
model=models/demo/ergo-demo-Q8_0.gguf
drivers="drivers/hwmon/ina2xx.c drivers/hwmon/ina3221.c drivers/gpio/gpio-sim.c drivers/gpio/gpiolib.h
    kernel/irq/irq_sim.c"
stock="cpufreq/cpufreq_userspace cpufreq/cpufreq-dt devfreq/governor_userspace
    devfreq/governor_simpleondemand devfreq/imx-bus i2c/i2c-dev iio/industrialio
    iio/buffer/kfifo_buf iio/adc/ina2xx-adc"

# ---- Packages --------------------------------------------------------------------------------

# apt keeps lists of its own here: foreign architectures stay out of the system, and it needs no root.
write_lists() {
    mkdir -p "$board/lists/partial" "$board/cache/archives/partial" "$board/debs"
    : >"$board/status"
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    apt-get indextargets --format 'deb [signed-by='$keys'] $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Component: main' |
        grep '/debian\(-security\)\?/ ' | sort -u >"$board/sources.list"
    cat >"$board/apt.conf" <<CONF
Dir::Etc::SourceList "$board/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$board/lists";
Dir::State::Status "$board/status";
Dir::Cache "$board/cache";
APT::Architecture "amd64";
APT::Architectures { "amd64"; "arm64"; };
Acquire::Languages "none";
APT::Sandbox::User "";
CONF
}

download() {
    write_lists
    export APT_CONFIG="$board/apt.conf"
    echo "Downloading a kernel, its headers and its source (about 215 MB) with apt-get."
    apt-get -qq update
    image=$(apt-cache depends linux-image-arm64:arm64 | awk '/Depends:/ { print $2; exit }')
    version=${image#linux-image-}
    version=${version%:arm64}
    series=$(echo "$version" | cut -d. -f1-2)
    (cd "$board/debs" && apt-get -qq download "linux-image-$version:arm64" \
        "linux-headers-$version:arm64" "linux-headers-${version%-arm64}-common" \
        "linux-kbuild-$series:amd64" "linux-source-$series" busybox-static:arm64)
    unset APT_CONFIG
    echo "$version" >"$board/version"
}

unpack() {
    version=$(cat "$board/version")
    mkdir -p "$board/root" "$board/modules"
    for deb in "$board"/debs/*.deb; do
        case $deb in
        */linux-source*)
            name=$(basename "${deb%%_*}")
            files=
            for file in $drivers; do files="$files $name/$file"; done
            # shellcheck disable=SC2086 # a list of words
            dpkg-deb --fsys-tarfile "$deb" | tar -xO "./usr/src/$name.tar.xz" |
                tar -xJ -C "$board/modules" --transform 's,.*/,,' $files
            ;;
        *) dpkg -x "$deb" "$board/root" ;;
        esac
    done
}

# ---- Modules, device tree, initramfs -----------------------------------------------------------

# The simulator of interrupts is no module where it comes from, and uses what is not exported.
build_modules() {
    version=$(cat "$board/version")
    headers=$board/root/usr/src/linux-headers-$version
    cd "$board/modules"
    cp "$source/virtual_board.c" .
    if ! grep -q MODULE_LICENSE irq_sim.c; then
        sed -i 's/handle_simple_irq(irq_to_desc(irqnum))/generic_handle_irq(irqnum)/
            s/#include <linux\/slab.h>/&\n#include <linux\/module.h>/' irq_sim.c
        echo 'MODULE_LICENSE("GPL");' >>irq_sim.c
        sed -i "s# /usr/src/# $board/root/usr/src/#" "$headers/Makefile"
    fi
    echo 'obj-m := ina2xx.o ina3221.o irq_sim.o gpio-sim.o virtual_board.o' >Makefile
    make -s -C "$headers" M="$PWD" ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- \
        DEB_HOST_GNU_TYPE=aarch64-linux-gnu DEB_BUILD_ARCH=amd64 DEB_HOST_ARCH=arm64 \
        CONFIG_DEBUG_INFO_BTF_MODULES= modules
    aarch64-linux-gnu-strip -g ./*.ko
    cd - >/dev/null
}

build_tree() {
    qemu-system-aarch64 -M virt,dumpdtb="$board/virt.dtb" -cpu cortex-a72 -smp 2 -m 1G -nic none -display none
    gpio=$(fdtget -t x "$board/virt.dtb" /pl061@9030000 phandle)
    aarch64-linux-gnu-gcc -E -P -x assembler-with-cpp -nostdinc "-DPL061=0x$gpio" \
        "$source/virtual_board.dtso" | dtc -q -I dts -O dtb -o "$board/board.dtbo" -
    fdtoverlay -i "$board/virt.dtb" -o "$board/board.dtb" "$board/board.dtbo"
}

build_initramfs() {
    version=$(cat "$board/version")
    tree=$board/initramfs
    rm -rf "$tree"
    mkdir -p "$tree/bin" "$tree/modules" "$tree/proc" "$tree/sys" "$tree/dev"
    cp "$board/root/bin/busybox" build-aarch64/run-model "$tree/bin"
    for name in $stock; do
        cp "$board/root/lib/modules/$version/kernel/drivers/$name.ko" "$tree/modules"
    done
    cp "$board/root/lib/modules/$version/kernel/fs/configfs/configfs.ko" "$board"/modules/*.ko \
        "$tree/modules"
    cp "$source/guest_init.sh" "$tree/init"
    cp "$source/guest_tests.sh" "$source/virtual.board" $model "$tree"
    chmod +x "$tree/init"
    (cd "$tree" && find . | cpio -o -H newc --quiet | gzip -1) >"$board/initramfs.gz"
}

# ---- Boot --------------------------------------------------------------------------------------

boot() {
    build_tree
    build_initramfs
    timeout 420 qemu-system-aarch64 -M virt -cpu cortex-a72 -smp 2 -m 1G -nic none -display none -monitor none \
        -serial stdio -no-reboot -dtb "$board/board.dtb" -initrd "$board/initramfs.gz" \
        -kernel "$board/root/boot/vmlinuz-$(cat "$board/version")" \
        -append "console=ttyAMA0 quiet panic=-1" </dev/null | tr -d '\r' | tee "$board/boot.log"
    grep -q '^all passed$' "$board/boot.log"
}

prepare() {
    [ -e "$board/version" ] || download
    [ -d "$board/root/boot" ] || unpack
    build_modules
}

case ${1:-all} in
all) prepare && boot ;;
prepare) prepare ;;
boot) boot ;;
*) echo "usage: board.sh [all|prepare|boot]" >&2 && exit 2 ;;
esac
