/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/sim_fixture.h"

static const char *const lines[] = {
    "[board]",
    "name = round",
    "board_uw = 1000000",
    "launch_ns = 100000",
    "switch_us = 500",
    "seed = 7",
    "[cluster big]",
    "kind = cpu",
    "cores = 2",
    "opp_khz = 500000 1000000 2000000",
    "opp_uv = 800000 1000000 1200000",
    "macs_per_kcycle = 1000",
    "bytes_per_kcycle = 4000",
    "cap_pf = 500",
    "leak_uw_per_v2 = 100000",
    "stall_percent = 50",
    "[memory]",
    "level_khz = 800000 1600000",
    "bandwidth_mb_s = 1500 3000",
    "static_uw = 300000 500000",
    "fj_per_byte = 80000 100000",
    "[thermal]",
    "ambient_mc = 25000",
    "start_mc = 35000",
    "r_mc_per_w = 5000",
    "tau_ms = 20000",
    "trip_mc = 85000",
    "hysteresis_mc = 5000",
    "leak_ppm_per_mc = 10",
    "[sensor VIN]",
    "scope = total",
    "period_us = 10000",
    "lsb_uw = 1000",
    "noise_uw = 0",
    "[cores one]",
    "use = big:1",
    "[cores two]",
    "use = big:2",
    "[fault]",
    "at_ms = 900000000 ambient 25000",
};

static const char *change(const char *line, const char *const *changes, const char **value)
{
    for (; changes && *changes; changes += 2) {
        const size_t size = strlen(changes[0]);
        if (strncmp(line, changes[0], size) == 0 && (line[size] == ' ' || line[size] == '\0')) {
            *value = changes[1];
            return changes[0];
        }
    }
    return NULL;
}

const char *sim_fixture_text(const char *const *changes)
{
    static char text[8192];
    size_t used = 0;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const char *value = NULL;
        const char *key = change(lines[i], changes, &value);
        if (key && !value)
            continue;
        const int n = snprintf(text + used, sizeof text - used, "%s%s%s\n", key ? key : lines[i],
                               key ? " = " : "", key ? value : "");
        used += (size_t)n;
        assert_true(used < sizeof text);
    }
    return text;
}

static void print_line(void *user, ergo_log_level level, const char *message)
{
    (void)user;
    (void)level;
    print_error("%s\n", message);
}

void sim_fixture_open(sim_fixture *f, const char *text)
{
    const ergo_log log = {.write = print_line};
    const ergo_str string = {text, strlen(text)};
    size_t size = 0;
    f->meter = NULL;
    assert_int_equal(ergo_sim_size(string, &log, "fixture", &size), ERGO_OK);
    assert_true(size <= sizeof f->memory);
    assert_int_equal(ergo_sim_open(string, &log, "fixture", (ergo_block){f->memory, size}, &f->sim),
                     ERGO_OK);
    f->sensors = ergo_sim_sensors(f->sim, &f->sensor_count, &f->total);
    f->knobs = ergo_sim_knobs(f->sim, &f->knob_count);
}

void sim_fixture_meter(sim_fixture *f)
{
    const ergo_meter_config config = {.log = {.write = print_line},
                                      .clock = ergo_sim_clock(f->sim),
                                      .sensors = f->sensors,
                                      .sensor_count = (uint32_t)f->sensor_count,
                                      .total = f->total,
                                      .poll = true};
    size_t size = 0;
    assert_int_equal(ergo_meter_size(&config, &size), ERGO_OK);
    assert_true(size <= sizeof f->meter_memory);
    assert_int_equal(ergo_meter_open(&config, (ergo_block){f->meter_memory, size}, &f->meter),
                     ERGO_OK);
    ergo_sim_attach(f->sim, f->meter);
}

int64_t sim_fixture_read(const sim_fixture *f, const char *sensor)
{
    for (size_t i = 0; i < f->sensor_count; i++)
        if (strcmp(f->sensors[i].info.name, sensor) == 0) {
            ergo_reading reading = {0, 0};
            assert_int_equal(f->sensors[i].read(f->sensors[i].self, &reading), ERGO_OK);
            return reading.value;
        }
    fail_msg("no sensor %s", sensor);
    return 0;
}

const ergo_knob *sim_fixture_knob(const sim_fixture *f, const char *name)
{
    for (size_t i = 0; i < f->knob_count; i++)
        if (strcmp(f->knobs[i].info.name, name) == 0)
            return &f->knobs[i];
    fail_msg("no knob %s", name);
    return NULL;
}

ergo_sim_ledger sim_fixture_ledger(const sim_fixture *f)
{
    ergo_sim_ledger ledger;
    ergo_sim_get(f->sim, &ledger);
    return ledger;
}
