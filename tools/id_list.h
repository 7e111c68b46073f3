/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_ID_LIST_H
#define ERGO_TOOLS_ID_LIST_H

#include "tools/load.h"

/**
 * Token ids written in `text`, separated by spaces, line breaks, commas or brackets. Each must be
 * below `limit`; `what` names the text in messages. TOOL_USAGE when they are not. Release out->ids.
 */
tool_exit id_list_parse(ergo_str text, uint64_t limit, const char *what, token_list *out);

#endif
