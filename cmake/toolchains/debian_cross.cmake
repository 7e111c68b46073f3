# SPDX-License-Identifier: Apache-2.0
# What Debian's cross compilers have in common. A program is linked statically: one file to copy to a
# board, and one that qemu-user runs here without a root of that architecture, so that ctest works as
# it does natively. QEMU_CPU=cortex-a53 in the environment chooses the CPU that it plays.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${ergo_triplet}-gcc)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(CMAKE_CROSSCOMPILING_EMULATOR ${ergo_emulator})

cmake_path(SET ergo_libraries NORMALIZE ${CMAKE_CURRENT_LIST_DIR}/../../build-cross/${ergo_triplet})
if(NOT EXISTS ${ergo_libraries}/complete)
    message(FATAL_ERROR "No libraries for ${ergo_triplet}: `make cross` or scripts/cross_libraries.sh"
        " builds them")
endif()
set(ENV{PKG_CONFIG_LIBDIR} ${ergo_libraries}/lib/pkgconfig)
set(CMAKE_FIND_ROOT_PATH ${ergo_libraries} /usr/${ergo_triplet})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
