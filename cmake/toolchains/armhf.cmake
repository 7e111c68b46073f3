# SPDX-License-Identifier: Apache-2.0
set(CMAKE_SYSTEM_PROCESSOR arm)
set(ergo_triplet arm-linux-gnueabihf)
set(ergo_emulator qemu-arm)
set(ergo_emulated_cpus cortex-a8 cortex-a7) # without and with an fma
include(${CMAKE_CURRENT_LIST_DIR}/debian_cross.cmake)
