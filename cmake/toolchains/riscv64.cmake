# SPDX-License-Identifier: Apache-2.0
set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(ergo_triplet riscv64-linux-gnu)
set(ergo_emulator qemu-riscv64)
include(${CMAKE_CURRENT_LIST_DIR}/debian_cross.cmake)
