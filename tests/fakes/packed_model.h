/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TESTS_PACKED_MODEL_H
#define ERGO_TESTS_PACKED_MODEL_H

#include "tests/fakes/engine_fixture.h"

/**
 * Writes the file of an open model again, with every tensor packed that may be, as docs/FORMAT.md
 * says. Returns how many those are. The model need not stay open.
 */
size_t packed_model_write(const test_model *plain, gguf_builder *out);

#endif
