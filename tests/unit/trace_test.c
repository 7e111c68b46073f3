/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ergo/trace.h"
#include "tests/fakes/log_keeper.h"

#define MS UINT64_C(1000000)
#define HEAD "[trace]\nversion = 1\n"
#define RAIL HEAD "[sensor VDD]\nquantity = power\n"

static _Alignas(ERGO_BLOCK_ALIGN) unsigned char trace_memory[1 << 17];
static _Alignas(ERGO_BLOCK_ALIGN) unsigned char meter_memory[1 << 20];

static ergo_trace *open_trace(const char *text)
{
    ergo_trace *trace = NULL;
    size_t size = 0;
    assert_int_equal(ergo_trace_size(&size), ERGO_OK);
    assert_true(size <= sizeof trace_memory);
    assert_int_equal(ergo_trace_open((ergo_str){text, strlen(text)}, NULL, "test",
                                     (ergo_block){trace_memory, size}, &trace),
                     ERGO_OK);
    return trace;
}

static ergo_meter *open_meter(const ergo_sensor *sensors, size_t count, uint64_t total,
                              ergo_clock clock)
{
    const ergo_meter_config config = {.clock = clock,
                                      .sensors = sensors,
                                      .sensor_count = (uint32_t)count,
                                      .total = total,
                                      .poll = true};
    ergo_meter *meter = NULL;
    size_t size = 0;
    assert_int_equal(ergo_meter_size(&config, &size), ERGO_OK);
    assert_true(size <= sizeof meter_memory);
    assert_int_equal(ergo_meter_open(&config, (ergo_block){meter_memory, size}, &meter), ERGO_OK);
    return meter;
}

/* Plays a text to its end; the energy of sensor 0 in its window. */
static ergo_energy play(const char *text)
{
    ergo_trace *trace = open_trace(text);
    size_t count;
    uint64_t total, begin, end;
    const ergo_sensor *sensors = ergo_trace_sensors(trace, &count, &total);
    ergo_meter *meter = open_meter(sensors, count, total, ergo_trace_clock(trace));
    while (ergo_trace_step(trace, meter) == ERGO_OK) {
    }
    ergo_trace_window(trace, &begin, &end);
    ergo_energy energy;
    assert_int_equal(ergo_meter_between(meter, 0, begin, end, &energy), ERGO_OK);
    ergo_meter_close(meter);
    return energy;
}

static void what_is_said_of_a_sensor_is_kept(void **state)
{
    (void)state;
    ergo_trace *trace =
        open_trace(HEAD "# a comment\n[sensor VDD_IN]\nquantity = energy\nchip = rapl\n"
                        "device = 1-0040\nchannel = 2\nrange = 4294967296\nlsb = 61\n"
                        "gain_ppm = 12500\nperiod_us = 1000\nshunt_uohm = 5000\n"
                        "true_shunt_uohm = 2500\naverages = yes\ntotal = yes\n"
                        "[sensor hot place]\nquantity = temperature\n"
                        "[readings]\n5 1 0 = 7\n6 0 1 = -40000\n");
    size_t count;
    uint64_t total;
    const ergo_sensor *s = ergo_trace_sensors(trace, &count, &total);
    assert_int_equal(count, 2);
    assert_true(total == 1);
    assert_string_equal(s[0].info.name, "VDD_IN");
    assert_string_equal(s[0].info.chip, "rapl");
    assert_string_equal(s[0].info.device, "1-0040");
    assert_int_equal(s[0].info.channel, 2);
    assert_int_equal(s[0].info.quantity, ERGO_QUANTITY_ENERGY);
    assert_true(s[0].info.range == UINT64_C(4294967296));
    assert_int_equal(s[0].info.lsb, 61);
    assert_int_equal(s[0].info.gain_ppm, 12500);
    assert_int_equal(s[0].info.period_us, 1000);
    assert_int_equal(s[0].info.shunt_uohm, 5000);
    assert_int_equal(s[0].true_shunt_uohm, 2500);
    assert_true(s[0].info.averages);
    assert_string_equal(s[1].info.name, "hot place");
    ergo_reading reading;
    assert_int_equal(s[1].read(s[1].self, &reading), ERGO_OK); /* before its turn */
    assert_true(reading.value == -40000);
    uint64_t begin, end;
    ergo_trace_window(trace, &begin, &end);
    assert_true(begin == 5 && end == 6);
}

static void a_constant_power_is_watts_times_seconds(void **state)
{
    (void)state;
    char text[16384];
    int used = snprintf(text, sizeof text, RAIL "period_us = 10000\n[readings]\n");
    for (int i = 0; i < 200; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%d 2000 0 = 5000000\n%s",
                         i * 10000000, i == 50 ? "502002000 = begin\n" : "");
    (void)snprintf(text + used, sizeof text - (size_t)used,
                   "1991000000 = end\n"
                   "2000000000 0 0 = 5000000\n");
    const ergo_energy e = play(text);
    assert_true(e.ns == UINT64_C(1488998000));
    assert_in_range((uintmax_t)e.uj, 7444980, 7445000); /* 5 W for 1.488998 s */
    assert_int_equal(e.flags, 0);
    assert_true(e.covered_ns == e.ns);
}

/* ---- Live and again ------------------------------------------------------------------------ */

/* A virtual clock, and a sensor that writes down what it answers. */
typedef struct bench {
    uint64_t now_ns;
    uint64_t seed;
    char text[1 << 19];
    size_t used;
} bench;

static bench live;

static uint64_t live_now(void *user)
{
    return ((const bench *)user)->now_ns;
}

static uint64_t live_random(uint64_t most)
{
    live.seed = live.seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (live.seed >> 33) % most;
}

static void write_down(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(live.text + live.used, sizeof live.text - live.used, format, args);
    va_end(args);
    assert_true(n > 0 && (size_t)n < sizeof live.text - live.used);
    live.used += (size_t)n;
}

static ergo_status read_live(void *self, ergo_reading *out)
{
    const unsigned sensor = *(const unsigned *)self;
    const uint64_t asked = live.now_ns;
    live.now_ns += 100000 + live_random(900000); /* a slow bus */
    const uint64_t step = live.now_ns / (20 * MS);
    const int64_t value = (int64_t)((step * 7919 + sensor) % 3000000) + 1000000;
    const bool fails = live_random(50) == 0 && asked > 0;
    write_down("%" PRIu64 " %" PRIu64 " %u = ", asked, live.now_ns - asked, sensor);
    if (fails)
        write_down("error io\n");
    else
        write_down("%" PRId64 "\n", value);
    *out = (ergo_reading){.value = value};
    return fails ? ERGO_E_IO : ERGO_OK;
}

static void a_trace_gives_the_figures_of_the_live_meter_to_the_bit(void **state)
{
    (void)state;
    static unsigned numbers[2] = {0, 1};
    live = (bench){.seed = 3};
    ergo_sensor sensors[2] = {
        {.info = {.name = "A", .lsb = 1000, .gain_ppm = 5000, .averages = true}, .read = read_live},
        {.info = {.name = "B", .quantity = ERGO_QUANTITY_POWER, .period_us = 20000},
         .read = read_live}};
    sensors[0].self = &numbers[0];
    sensors[1].self = &numbers[1];
    write_down(HEAD "[sensor A]\nquantity = power\nlsb = 1000\ngain_ppm = 5000\naverages = yes\n"
                    "total = yes\n[sensor B]\nquantity = power\nperiod_us = 20000\ntotal = yes\n"
                    "[readings]\n");
    const ergo_clock clock = {.now_ns = live_now, .user = &live};
    ergo_meter *meter = open_meter(sensors, 2, 3, clock);
    const uint64_t begin = live.now_ns;
    write_down("%" PRIu64 " = begin\n", begin);
    while (live.now_ns < 5000 * MS) {
        uint64_t next;
        assert_int_equal(ergo_meter_poll(meter, &next), ERGO_OK);
        live.now_ns = (next > live.now_ns ? next : live.now_ns) + live_random(3 * MS);
    }
    const uint64_t end = live.now_ns;
    write_down("%" PRIu64 " = end\n", end);
    ergo_energy first[3], again[3];
    static const uint32_t which[3] = {0, 1, ERGO_METER_TOTAL};
    for (int i = 0; i < 3; i++)
        assert_int_equal(ergo_meter_between(meter, which[i], begin, end, &first[i]), ERGO_OK);
    ergo_meter_close(meter);
    assert_true((first[0].flags & ERGO_ENERGY_FAILED) != 0); /* so that errors are played, too */

    ergo_trace *trace = open_trace(live.text);
    size_t count;
    uint64_t total, from, to;
    const ergo_sensor *played = ergo_trace_sensors(trace, &count, &total);
    meter = open_meter(played, count, total, ergo_trace_clock(trace));
    while (ergo_trace_step(trace, meter) == ERGO_OK) {
    }
    ergo_trace_window(trace, &from, &to);
    assert_true(from == begin && to == end);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ergo_meter_between(meter, which[i], from, to, &again[i]), ERGO_OK);
        assert_true(again[i].uj == first[i].uj && again[i].error_uj == first[i].error_uj);
        assert_true(again[i].covered_ns == first[i].covered_ns);
        assert_int_equal(again[i].flags, first[i].flags);
        assert_int_equal(again[i].readings, first[i].readings);
    }
    ergo_meter_close(meter);
}

static void sleep_between_readings_is_played(void **state)
{
    (void)state;
    static const char *const marks[] = {"", "300000001 = suspended 60000000000\n"};
    for (int slept = 0; slept < 2; slept++) {
        char text[4096];
        int used = snprintf(text, sizeof text, RAIL "period_us = 100000\n[readings]\n");
        for (int i = 0; i < 8; i++)
            used += snprintf(text + used, sizeof text - (size_t)used, "%d 0 0 = 5000000\n%s",
                             i * 100000000, i == 3 ? marks[slept] : "");
        assert_int_equal((play(text).flags & ERGO_ENERGY_CLOCK) != 0, slept);
    }
}

/* ---- Errors -------------------------------------------------------------------------------- */

static void what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"", "no version"},
        {"hello\n", "test:1: neither"},
        {"[sensor A]\n", "test:1: a trace begins with [trace], not 'sensor'"},
        {"[trace]\nversion = 2\n", "test:2: version = 2"},
        {"[trace]\nfoo = 2\n", "test:2: unknown key 'foo'"},
        {HEAD, "no readings"},
        {HEAD "[readings]\n", "test:3: no sensor before"},
        {HEAD "[sensor]\n", "test:3: a sensor's name"},
        {HEAD "[sensor 123456789012345678901234567890123456789012345678]\n", "test:3: a sensor's"},
        {HEAD "[frobs]\n", "test:3: unknown section 'frobs'"},
        {HEAD "[sensor A]\nquantity = mass\n", "test:4: unknown quantity 'mass'"},
        {HEAD "[sensor A]\naverages = maybe\n", "test:4: must be yes or no, not 'maybe'"},
        {HEAD "[sensor A]\nlsb = -1\n", "test:4: lsb = -1"},
        {HEAD "[sensor A]\nchip = 1234567890123456789012345\n", "test:4: too long"},
        {RAIL "[readings]\n", "no readings"},
        {RAIL "[readings]\n[sensor B]\n", "test:6: nothing may follow"},
        {RAIL "[readings]\n1 = 5\n", "test:6: unknown mark '5'"},
        {RAIL "[readings]\n1 2 = 5\n", "test:6: a number is missing"},
        {RAIL "[readings]\n1 2 1 = 5\n", "test:6: 1 2 1 = 1: allowed is 0 to 0"},
        {RAIL "[readings]\n1 2 0 9 = 5\n", "test:6: unexpected '9'"},
        {RAIL "[readings]\n1 2 0 = x\n", "test:6: not a number 'x'"},
        {RAIL "[readings]\n1 2 0 = 5 x\n", "test:6: not a number 'x'"},
        {RAIL "[readings]\n1 2 0 = error fire\n", "test:6: unknown error 'fire'"},
        {RAIL "[readings]\n1 2 0 = 5\n2 0 0 = 5\n", "test:7: before the end of the line above"},
        {RAIL "[readings]\n1 = begin now\n", "test:6: unexpected 'now'"},
        {RAIL "[readings]\n1 = suspended 18446744073709551466\n", "test:6: 1 = 18446744073709"},
        {RAIL "[readings]\n1 = suspended\n", "test:6: a number is missing"},
        {RAIL "[readings]\n1 = end\n2 0 0 = 5\n3 = begin\n", "the window ends before it begins"},
        {RAIL "[readings]\n9223372036854775807 1 0 = 5\n", "test:6: "},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        log_keeper kept = {.lines = 0};
        const ergo_log log = log_keeper_log(&kept);
        ergo_trace *trace = NULL;
        assert_int_equal(ergo_trace_open((ergo_str){wrong[i].text, strlen(wrong[i].text)}, &log,
                                         "test", (ergo_block){trace_memory, sizeof trace_memory},
                                         &trace),
                         ERGO_E_FORMAT);
        assert_null(trace);
        if (!strstr(kept.text, wrong[i].says))
            fail_msg("%s: %s", wrong[i].says, kept.text);
    }
    ergo_trace *trace = NULL;
    assert_int_equal(ergo_trace_open((ergo_str){RAIL, sizeof RAIL - 1}, NULL, "test",
                                     (ergo_block){trace_memory, 100}, &trace),
                     ERGO_E_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_of_a_sensor_is_kept),
        cmocka_unit_test(a_constant_power_is_watts_times_seconds),
        cmocka_unit_test(a_trace_gives_the_figures_of_the_live_meter_to_the_bit),
        cmocka_unit_test(sleep_between_readings_is_played),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
