/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_BASE_HASH_H
#define ERGO_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/** What an FNV-1a hash of 64 bits starts from. */
#define ERGO__HASH_START 0xcbf29ce484222325u

/** Goes on with an FNV-1a hash over more bytes. Finds damage and tells things apart; no secrets. */
static inline uint64_t ergo__hash_bytes(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

#endif
