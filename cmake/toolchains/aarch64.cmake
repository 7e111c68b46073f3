# SPDX-License-Identifier: Apache-2.0
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(ergo_triplet aarch64-linux-gnu)
set(ergo_emulator qemu-aarch64)
set(ergo_emulated_cpus cortex-a53 cortex-a72 cortex-a76 neoverse-n1)
include(${CMAKE_CURRENT_LIST_DIR}/debian_cross.cmake)
