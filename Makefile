# SPDX-License-Identifier: Apache-2.0
# A thin front: CMake does the work (CMakePresets.json), scripts/ the rest.
.DEFAULT_GOAL := help
.PHONY: help demo check build cross check-cross board install format clean
PREFIX ?= /usr/local
CROSS ?= aarch64 armhf riscv64

help:
	@echo "make demo      build run-model and let the bundled model speak"
	@echo "make check     build with gcc and clang and for the CPUs $(CROSS), run all tests"
	@echo "make build     build the libraries and run-model into build/"
	@echo "make cross     build them and the tests for the CPUs $(CROSS) into build-CPU/"
	@echo "make check-cross  the part of make check that runs under qemu-user"
	@echo "make board     run it on an emulated board with the kernel's own drivers (docs/BOARDS.md)"
	@echo "make install   install them below PREFIX ($(PREFIX)); DESTDIR is honoured"
	@echo "make format    run clang-format over the source"
	@echo "make clean     remove what was built"
	@echo "Missing Debian packages (packages.txt) are installed first; NO_INSTALL=1 only lists them."

build:
	@scripts/packages.sh demo
	@cmake --preset release --log-level=WARNING >/dev/null
	@cmake --build --preset release

demo: build
	@scripts/demo.sh

check:
	@scripts/packages.sh check
	@scripts/packages.sh cross
	@scripts/cross_libraries.sh $(CROSS)
	@scripts/check.sh

cross:
	@scripts/packages.sh cross
	@scripts/cross_libraries.sh $(CROSS)
	@set -e; for cpu in $(CROSS); do \
	    cmake --preset $$cpu --log-level=WARNING >/dev/null; \
	    cmake --build --preset $$cpu; \
	done

check-cross:
	@scripts/packages.sh cross
	@scripts/cross_libraries.sh $(CROSS)
	@scripts/check.sh cross

board:
	@scripts/packages.sh cross
	@scripts/packages.sh board
	@scripts/cross_libraries.sh aarch64
	@cmake --preset aarch64 --log-level=WARNING >/dev/null
	@cmake --build --preset aarch64 --target run-model
	@scripts/board.sh

install: build
	cmake --install build --prefix "$(PREFIX)"

format:
	git ls-files -z --cached --others --exclude-standard '*.c' '*.h' | xargs -0 clang-format -i

clean:
	rm -rf build build-*
