# SPDX-License-Identifier: Apache-2.0
set(CMAKE_SYSTEM_PROCESSOR arm)
set(ergo_triplet arm-linux-gnueabihf)
set(ergo_emulator qemu-arm)
include(${CMAKE_CURRENT_LIST_DIR}/debian_cross.cmake)
