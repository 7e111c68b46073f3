/* SPDX-License-Identifier: Apache-2.0 */
#include <ergo/power.h>
#include <ergo/version.h>
#include <stdio.h>
#include <stdlib.h>

static ergo_status two_watts(void *self, ergo_reading *out)
{
    (void)self;
    out->value = 2000000;
    return ERGO_OK;
}

static uint64_t now_ns(void *user)
{
    return *(const uint64_t *)user;
}

/* Links libergo_power.a and libergo_base.a and nothing else of ergo. */
int main(void)
{
    uint64_t now = 1000000000;
    const ergo_sensor sensor = {.info = {.name = "bench"}, .read = two_watts};
    const ergo_meter_config config = {.clock = {.now_ns = now_ns, .user = &now},
                                      .sensors = &sensor,
                                      .sensor_count = 1,
                                      .total = 1,
                                      .poll = true};
    size_t size = 0;
    if (ergo_meter_size(&config, &size) != ERGO_OK)
        return 1;
    void *block = aligned_alloc(ERGO_BLOCK_ALIGN, (size + 63) / 64 * 64);
    ergo_meter *meter = NULL;
    if (!block || ergo_meter_open(&config, (ergo_block){block, size}, &meter) != ERGO_OK)
        return 2;
    const uint64_t begin = now;
    for (int i = 0; i < 200; i++, now += 5000000)
        if (ergo_meter_poll(meter, NULL) != ERGO_OK)
            return 3;
    ergo_energy e;
    if (ergo_meter_between(meter, ERGO_METER_TOTAL, begin, begin + 500000000, &e) != ERGO_OK ||
        e.uj != 1000000)
        return 4;
    printf("ergo_power %s: %lld uJ\n", ergo_version(), (long long)e.uj);
    ergo_meter_close(meter);
    free(block);
    return 0;
}
