/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_ARGS_H
#define ERGO_TOOLS_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Options by table: one row tells the parser where the value goes and what is allowed, and the
 * help what to say. A command fills its struct of values with the defaults, then parses over it.
 */

typedef enum args_kind {
    ARGS_FLAG,   /**< no value; sets a bool */
    ARGS_TEXT,   /**< const char * */
    ARGS_TEXTS,  /**< args_texts: may be given several times */
    ARGS_U32,    /**< uint32_t within least..most */
    ARGS_U64,    /**< uint64_t, any */
    ARGS_FLOAT,  /**< float within least..most */
    ARGS_CHOICE, /**< uint32_t: index into choices */
    ARGS_COUNTS, /**< args_counts: numbers within least..most, separated by commas */
} args_kind;

typedef struct args_option {
    const char *name; /**< without the dashes */
    char letter;      /**< short form, or 0 */
    args_kind kind;
    size_t offset;       /**< of the value in the group's struct */
    const char *metavar; /**< what the help calls the value */
    const char *help;
    double least, most;         /**< of numbers */
    const char *const *choices; /**< ended by NULL */
} args_option;

#define ARGS_TEXTS_MAX 8
typedef struct args_texts {
    const char *item[ARGS_TEXTS_MAX];
    uint32_t count;
} args_texts;

#define ARGS_COUNTS_MAX 16
typedef struct args_counts {
    uint32_t item[ARGS_COUNTS_MAX];
    uint32_t count;
} args_counts;

/** Options whose values lie together in a struct, itself at `offset` in the command's. */
typedef struct args_group {
    const char *title;
    const args_option *options;
    size_t count;
    size_t offset;
} args_group;

#define ARGS_GROUP_MAX 4
typedef struct args_spec {
    const char *command;
    const char *usage;    /**< what follows "run-model ", one line per form */
    const char *about;    /**< what it does: paragraphs for people */
    const char *examples; /**< lines */
    args_group groups[ARGS_GROUP_MAX];
    const char *rest; /**< what arguments without a dash are, or NULL where there are none */
} args_spec;

/** Arguments that are not options. */
typedef struct args_rest {
    char **item;
    size_t count;
} args_rest;

/** What args_parse returns when the command may go on. */
#define ARGS_GO_ON (-1)

/**
 * Parses argv[1..] into `values`. Arguments that are no options are gathered at the front of argv
 * (`rest`). Returns ARGS_GO_ON, or the exit code: 0 after --help, 2 after a message that names
 * option and value.
 */
int args_parse(const args_spec *spec, int argc, char **argv, void *values, args_rest *rest);

/** Prints the help of a command on stdout. */
void args_help(const args_spec *spec);

/** A wrong use of an option: prints the message, points to --help, returns the exit code 2. */
int args_wrong(const args_spec *spec, const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3)));

/** Decimal number within 0..most, all of `text`; false otherwise. */
bool args_number(const char *text, uint64_t most, uint64_t *out);

#endif
