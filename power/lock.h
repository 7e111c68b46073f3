/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_POWER_LOCK_H
#define ERGO_POWER_LOCK_H

#include "runtime/base/os.h"

/** A lock that is held for microseconds at most: 0 free, 1 taken, 2 taken and waited for. */
typedef struct ergo__lock {
    _Atomic uint32_t word;
} ergo__lock;

static inline void ergo__lock_take(ergo__lock *lock)
{
    uint32_t seen = 0;
    if (atomic_compare_exchange_strong(&lock->word, &seen, 1))
        return;
    while (atomic_exchange(&lock->word, 2) != 0)
        ergo__os_wait(&lock->word, 2);
}

static inline void ergo__lock_release(ergo__lock *lock)
{
    if (atomic_exchange(&lock->word, 0) == 2)
        ergo__os_wake_all(&lock->word);
}

#endif
