/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "ergo/sim.h"

/*
 * The input is the text of a simulated board. It is refused, or it is a board on which steps can be
 * predicted and run and sensors read, whatever its figures are.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(ergo_sim *sim)
{
    const ergo_work work = {.macs = 1000, .weight_bytes = 1000};
    size_t count;
    uint64_t total;
    uint32_t levels[ERGO_KNOBS_MAX];
    double seconds, joules;
    const uint64_t points = ergo_sim_point_count(sim);
    for (uint64_t i = 0; i < points && i < 8; i++) {
        ergo_sim_point(sim, points - 1 - i, levels);
        if (ergo_sim_predict(sim, &work, levels, &seconds, &joules) != ERGO_OK || !(seconds >= 0))
            abort();
    }
    const ergo_knob *knobs = ergo_sim_knobs(sim, &count);
    for (size_t i = 0; i < count; i++)
        (void)knobs[i].set(knobs[i].self, knobs[i].info.level_count / 2);
    for (int i = 0; i < 20; i++)
        ergo_sim_sleep(sim, 10000);
    const ergo_sensor *sensors = ergo_sim_sensors(sim, &count, &total);
    for (size_t i = 0; i < count; i++) {
        ergo_reading reading;
        (void)sensors[i].read(sensors[i].self, &reading);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ergo_str text = {(const char *)data, size};
    size_t bytes;
    if (ergo_sim_size(text, NULL, "fuzz", &bytes) != ERGO_OK)
        return 0;
    void *memory = aligned_alloc(ERGO_BLOCK_ALIGN, (bytes + ERGO_BLOCK_ALIGN - 1) /
                                                       ERGO_BLOCK_ALIGN * ERGO_BLOCK_ALIGN);
    ergo_sim *sim;
    if (memory && ergo_sim_open(text, NULL, "fuzz", (ergo_block){memory, bytes}, &sim) == ERGO_OK)
        use(sim);
    free(memory);
    return 0;
}
