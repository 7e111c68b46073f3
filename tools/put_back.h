/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TOOLS_PUT_BACK_H
#define ERGO_TOOLS_PUT_BACK_H

#include "ergo/linux.h"

/*
 * Whatever ends the process, the clocks that it has turned are put back: by closing the knobs where
 * it ends as it should (Ctrl-C asks for that first, see interrupt.h), by a handler where a signal
 * ends it, by the next start after a kill.
 */

/**
 * From now on signals that end the process put these knobs back, then end it as they would have.
 * NULL, before the knobs are closed: nothing is to be put back.
 */
void put_back_on_signal(ergo_linux_knobs *knobs);

/** Puts them back now: for a handler of a signal that is about to end the process. */
void put_back_now(void);

#endif
