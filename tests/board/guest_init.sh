#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# First process of the emulated board.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
cd /
sh /guest_tests.sh 2>&1
poweroff -f
