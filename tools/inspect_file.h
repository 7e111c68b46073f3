/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_INSPECT_FILE_H
#define ERGO_TOOLS_INSPECT_FILE_H

#include "ergo/gguf.h"
#include "tools/json_write.h"

/* Shows what a GGUF file says of itself, whatever model it holds. */

/** Text of a file for a terminal: on one line, cut when long, nothing in it moves the cursor. */
void inspect_text_print(ergo_str text, bool quoted);

/** Every entry as a line "key = value"; long arrays and texts are cut. */
void inspect_metadata_print(const ergo_gguf *gguf);

/** Member "metadata": scalars as they are, arrays as {"type", "count", "first": [...]}. */
void inspect_metadata_json(const ergo_gguf *gguf, json_writer *json);

void inspect_tensors_print(const ergo_gguf *gguf);

/** Member "tensors": [{"name", "type", "shape"}], fastest dimension first. */
void inspect_tensors_json(const ergo_gguf *gguf, json_writer *json);

/** Elements of all tensors. */
uint64_t inspect_parameters(const ergo_gguf *gguf);

/** The string entry `key`, or an empty one. */
ergo_str inspect_string(const ergo_gguf *gguf, const char *key);

#endif
