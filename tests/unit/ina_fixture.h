/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERGO_TEST_INA_FIXTURE_H
#define ERGO_TEST_INA_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ergo/ina.h"
#include "tests/fakes/fake_ina.h"
#include "tests/fakes/log_keeper.h"

/* One open chip on a bus that is a fake: what each test of a file begins with. */

static _Alignas(ERGO_BLOCK_ALIGN) unsigned char memory[8192];
static fake_ina fake;
static log_keeper keeper;
static ergo_ina *ina;

/* What every test starts from: the fake `kind` at 1-0040 over 10 mOhm on every channel. */
static inline ergo_ina_config config_of(const char *kind)
{
    ina = NULL;
    keeper = (log_keeper){0};
    fake_ina_begin(&fake, kind);
    return (ergo_ina_config){.log = log_keeper_log(&keeper),
                             .clock = fake_ina_clock(&fake),
                             .i2c = fake_ina_bus(&fake),
                             .chip = kind,
                             .device = "1-0040",
                             .shunt_uohm = {10000, 10000, 10000}};
}

static inline ergo_status open_as(const ergo_ina_config *config)
{
    assert_true(ergo_ina_size() <= sizeof memory);
    return ergo_ina_open(config, (ergo_block){memory, ergo_ina_size()}, &ina);
}

static inline const ergo_sensor *sensor(size_t index)
{
    size_t count;
    const ergo_sensor *list = ergo_ina_sensors(ina, &count);
    assert_true(index < count);
    return &list[index];
}

static inline ergo_status read_now(size_t index, int64_t *value)
{
    ergo_reading reading = {0, 0};
    const ergo_status status = sensor(index)->read(sensor(index)->self, &reading);
    *value = reading.value;
    return status;
}

static inline int64_t value_of(size_t index)
{
    int64_t value;
    assert_int_equal(read_now(index, &value), ERGO_OK);
    return value;
}

static inline void pass_us(uint64_t us)
{
    fake.now_ns += us * 1000;
}

#endif
