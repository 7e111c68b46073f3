/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_STATUS_H
#define ERGO_STATUS_H

/*
 * Every call that can fail returns an ergo_status: 0 is success, a negative value an error, a
 * positive value a normal ending that the caller may want to tell apart. After an error the output
 * parameters are untouched and the object is as it was before the call. The values are frozen once
 * released: they may be stored and sent between machines.
 */

#ifdef __cplusplus
extern "C" {
#endif

#define ERGO_STATUS_MAP(X)                                                                         \
    X(ERGO_OK, 0, "success")                                                                       \
    X(ERGO_END_OF_TEXT, 1, "the model ended its text")                                             \
    X(ERGO_STOPPED, 2, "a stop string was found or the callback asked to stop")                    \
    X(ERGO_LENGTH, 3, "the asked number of tokens was generated")                                  \
    X(ERGO_CONTEXT_FULL, 4, "the context holds no more positions")                                 \
    X(ERGO_CANCELLED, 5, "cancelled by the caller")                                                \
    X(ERGO_IDLE, 6, "no session has work to do")                                                   \
    X(ERGO_E_ARGUMENT, -1, "invalid argument")                                                     \
    X(ERGO_E_MEMORY, -2, "the block of memory is too small")                                       \
    X(ERGO_E_FORMAT, -3, "malformed data")                                                         \
    X(ERGO_E_UNSUPPORTED, -4, "valid, but not supported by this build")                            \
    X(ERGO_E_LIMIT, -5, "a configured or built-in limit was exceeded")                             \
    X(ERGO_E_STATE, -6, "not possible in the present state")                                       \
    X(ERGO_E_NOT_FOUND, -7, "not found")                                                           \
    X(ERGO_E_IO, -8, "input or output failed")                                                     \
    X(ERGO_E_PERMISSION, -9, "permission denied")                                                  \
    X(ERGO_E_DEVICE, -10, "the device failed")                                                     \
    X(ERGO_E_SYSTEM, -11, "the operating system refused a resource")

typedef enum ergo_status {
#define ERGO_STATUS_ENUM(name, value, text) name = (value),
    ERGO_STATUS_MAP(ERGO_STATUS_ENUM)
#undef ERGO_STATUS_ENUM
} ergo_status;

/** The enumerator's name, such as "ERGO_E_FORMAT"; "ERGO_UNKNOWN" for other values. Static. */
const char *ergo_status_name(ergo_status status);

/** What the status means, one lower-case phrase in English. Static. */
const char *ergo_status_text(ergo_status status);

#ifdef __cplusplus
}
#endif
#endif
