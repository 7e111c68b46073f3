/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_MODELS_CHAT_FORMAT_H
#define ERGO_MODELS_CHAT_FORMAT_H

#include "ergo/chat.h"

enum {
    ERGO__CHAT_SYSTEM,
    ERGO__CHAT_USER,
    ERGO__CHAT_ASSISTANT,
    ERGO__CHAT_TOOL,
    ERGO__CHAT_ROLES,
};

/** What is written around one message; `before` is NULL where a format has no such turn. */
typedef struct ergo__chat_turn {
    const char *before;
    const char *after;
} ergo__chat_turn;

/**
 * A prompt is a sequence of rounds. A round is one message, or, in formats that only know pairs,
 * a user message with what stands before it and the answer to it. NULL strings write nothing.
 */
struct ergo_chat_format {
    const char *name;
    ergo__chat_turn turn[ERGO__CHAT_ROLES];
    const char *generate;        /* makes the assistant speak next */
    const char *first;           /* opens the first round */
    const char *next;            /* opens every other round, and the one to be generated */
    const char *default_system;  /* the system message of a conversation that brings none */
    const char *joins_system;    /* the format has no system turn: joins its text to the user's */
    bool pairs;                  /* a round is a pair */
    bool trim[ERGO__CHAT_ROLES]; /* whose text loses its outer white space */
};

/** The text without white space at its ends. */
ergo_str ergo__chat_trim(ergo_str text);

#endif
