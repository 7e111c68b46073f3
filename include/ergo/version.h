/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_VERSION_H
#define ERGO_VERSION_H

#define ERGO_VERSION_MAJOR 0
#define ERGO_VERSION_MINOR 1
#define ERGO_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/** The version of the linked library, "major.minor.patch". Static. */
const char *ergo_version(void);

#ifdef __cplusplus
}
#endif
#endif
