/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_ERGO_H
#define ERGO_ERGO_H

/** The inference half of ergo: everything that an application needs to run a model. */

#include "base.h"
#include "chat.h"
#include "engine.h"
#include "gguf.h"
#include "grammar.h"
#include "model.h"
#include "pack.h"
#include "quant.h"
#include "sampler.h"
#include "status.h"
#include "tokenizer.h"
#include "version.h"
#include "work.h"

#endif
