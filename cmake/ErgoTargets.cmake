# SPDX-License-Identifier: Apache-2.0
# How every target here is compiled.

# Plain C11 with every warning. -ffp-contract=off because results are equal to the bit on every CPU:
# only an fma that is written is an fma.
function(ergo_compile target)
    set_target_properties(${target} PROPERTIES
        C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF
        C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
    target_compile_options(${target} PRIVATE
        -Wall -Wextra -Wconversion -Wshadow -Wpedantic -ffp-contract=off
        $<$<BOOL:${ERGO_WERROR}>:-Werror>)
    if(CMAKE_SIZEOF_VOID_P EQUAL 4)
        target_compile_definitions(${target} PRIVATE _FILE_OFFSET_BITS=64) # files beyond 2 GiB
    endif()
    # For ARM without NEON gcc 12 packs bytes into general registers and gets their borrows wrong:
    # q[i] = (b[i] * 3 >> 8) - 1 over four bytes, for one.
    if(CMAKE_SIZEOF_VOID_P EQUAL 4 AND CMAKE_SYSTEM_PROCESSOR MATCHES "^arm")
        target_compile_options(${target} PRIVATE -fno-tree-vectorize)
    endif()
    if(ERGO_SANITIZE)
        target_compile_options(${target} PRIVATE
            -fsanitize=${ERGO_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
        target_link_options(${target} PUBLIC -fsanitize=${ERGO_SANITIZE})
    endif()
    if(ERGO_BUILD_FUZZERS)
        target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
endfunction()

# A library of the project: sees the whole tree, shows its users include/ only.
function(ergo_library target export_name)
    ergo_compile(${target})
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${export_name})
    target_compile_options(${target} PRIVATE -ffunction-sections -fdata-sections)
    target_include_directories(${target}
        PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
               $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
        PRIVATE ${PROJECT_SOURCE_DIR})
endfunction()

# Files that are not kernels: at -O3 they are half as long again and no faster. Only a Release build is
# told so; any other says itself what it wants.
function(ergo_optimize target level)
    set_property(SOURCE ${ARGN} TARGET_DIRECTORY ${target}
        APPEND PROPERTY COMPILE_OPTIONS $<$<CONFIG:Release>:${level}>)
endfunction()
