/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/meter.h"

#include <math.h>

#include "power/lock.h"
#include "power/track.h"
#include "runtime/base/log.h"

#define HISTORY 4096u
/* At open, a reading that fails is tried again: buses have bad moments. */
#define FIRST_TRIES 3
#define LEAST_SAMPLE_US 5000u
#define MOST_SAMPLE_US 1000000u
/* Until this many changes were seen, or the time is over, a sensor is sampled as fast as allowed.
 */
#define LEARNING_STEPS 16u
#define LEARNING_NS UINT64_C(2000000000)
/* Of one core, that the meter's thread may take: 0.4 %. */
#define CPU_SHARE 250u
/* How much more rarely than the total all else is sampled, before the total is. */
#define SHOWN_FIRST 8u

/* One sensor of a meter. */
typedef struct channel {
    ergo_sensor sensor;
    ergo__track track; /* of power and energy */
    uint64_t next_ns;  /* when it is to be read */
    ergo_status status;
    int64_t value; /* last reading; temperatures have nothing else */
    uint64_t value_ns;
    bool out; /* could not be read at open */
} channel;

struct ergo_meter {
    ergo_meter_config config;
    uint64_t opened_ns;
    channel *channels;
    ergo__lock reading; /* held while sensors are read: one reader at a time */
    ergo__lock lock;    /* held while tracks are looked at or written */
    uint64_t latest_ns; /* the time, as far as readings have come; belongs to who holds `reading` */
    _Atomic uint64_t shift_ns; /* that is added to a clock which ran backwards */
    uint32_t slower; /* samples are taken this many times more rarely, to keep the CPU share */
    _Atomic uint64_t cpu_ns;
    _Atomic uint32_t quit;
    bool started;
    ergo__os_thread thread;
};

/* ---- Open and close ------------------------------------------------------------------------ */

static ergo_status check(const ergo_meter_config *config)
{
    const ergo_log *log = &config->log;
    if (config->sensor_count == 0 || config->sensor_count > ERGO_SENSORS_MAX || !config->sensors)
        return ergo__fail(log, ERGO_E_ARGUMENT, "meter: sensor_count is %u, must be 1 to %u",
                          config->sensor_count, ERGO_SENSORS_MAX);
    if (config->sensor_count < 64 && config->total >> config->sensor_count != 0)
        return ergo__fail(log, ERGO_E_ARGUMENT, "meter: total names sensors beyond the last of %u",
                          config->sensor_count);
    for (uint32_t i = 0; i < config->sensor_count; i++)
        if ((config->total >> i & 1) != 0 &&
            ergo__quantity_is_shown_only(config->sensors[i].info.quantity))
            return ergo__fail(log, ERGO_E_ARGUMENT, "meter: total names %s, which has no energy",
                              config->sensors[i].info.name);
    if (config->clock.now_ns && !config->poll)
        return ergo__fail(log, ERGO_E_ARGUMENT, "meter: a clock of the caller's needs poll");
    return ERGO_OK;
}

static ergo_meter *lay_meter(const ergo_meter_config *config, ergo__arena *arena)
{
    const uint32_t history = config->history > 0 ? config->history : HISTORY;
    ergo_meter *meter = ERGO__TAKE_LINE(arena, ergo_meter, 1);
    channel *channels = ERGO__TAKE(arena, channel, config->sensor_count);
    for (uint32_t i = 0; i < config->sensor_count; i++) {
        const bool integrates = !ergo__quantity_is_shown_only(config->sensors[i].info.quantity);
        ergo__track_layout(channels ? &channels[i].track : NULL, arena, integrates ? history : 0);
    }
    if (meter)
        meter->channels = channels;
    return meter;
}

ergo_status ergo_meter_size(const ergo_meter_config *config, size_t *size)
{
    const ergo_status status = check(config);
    if (status != ERGO_OK)
        return status;
    ergo__arena arena = ergo__arena_counting();
    lay_meter(config, &arena);
    *size = arena.used;
    return arena.full ? ERGO_E_LIMIT : ERGO_OK;
}

uint64_t ergo_meter_now(const ergo_meter *meter)
{
    const ergo_clock *clock = &meter->config.clock;
    const uint64_t now = clock->now_ns ? clock->now_ns(clock->user) : ergo__os_now_ns();
    return now + atomic_load(&meter->shift_ns);
}

static uint64_t suspended_ns(const ergo_meter *meter)
{
    const ergo_clock *clock = &meter->config.clock;
    if (!clock->now_ns)
        return ergo__os_suspended_ns();
    return clock->suspended_ns ? clock->suspended_ns(clock->user) : 0;
}

/* ---- Sampling ------------------------------------------------------------------------------ */

/* Temperatures and clocks have no energy. */
static bool is_shown_only(const channel *c)
{
    return ergo__quantity_is_shown_only(c->sensor.info.quantity);
}

/* Half the update period; while that is being found out, as fast as allowed. */
static uint32_t sample_us(const ergo_meter *meter, const channel *c, uint64_t now_ns)
{
    if (meter->config.period_us > 0)
        return meter->config.period_us;
    const bool learning = !is_shown_only(c) && c->track.changes < LEARNING_STEPS &&
                          now_ns - meter->opened_ns < LEARNING_NS;
    uint64_t us = is_shown_only(c) ? MOST_SAMPLE_US : c->track.period_us / 2;
    if (learning || us < LEAST_SAMPLE_US)
        us = LEAST_SAMPLE_US;
    /* Rails that are only shown give way before those of the total. */
    const uint64_t i = (uint64_t)(c - meter->channels);
    const bool shown = meter->config.total != 0 && (meter->config.total >> i & 1) == 0;
    if (shown)
        us *= meter->slower;
    else if (meter->slower > SHOWN_FIRST)
        us *= meter->slower / SHOWN_FIRST;
    return us < MOST_SAMPLE_US ? (uint32_t)us : MOST_SAMPLE_US;
}

/* On a grid of absolute times, so that delays do not add up. */
static void plan_next(const ergo_meter *meter, channel *c, uint64_t now_ns)
{
    const uint64_t ns = (uint64_t)sample_us(meter, c, now_ns) * 1000;
    c->track.sample_us = (uint32_t)(ns / 1000);
    c->next_ns += ns;
    if (c->next_ns <= now_ns)
        c->next_ns = now_ns - (now_ns - c->next_ns) % ns + ns;
}

/* The time, which only grows: a clock that ran backwards goes on from where it was. */
static uint64_t forward_now(ergo_meter *meter)
{
    const uint64_t now = ergo_meter_now(meter);
    if (now >= meter->latest_ns) {
        meter->latest_ns = now;
        return now;
    }
    const uint64_t back = meter->latest_ns - now;
    ergo__log(&meter->config.log, ERGO_LOG_WARNING, "meter: the clock ran %llu us backwards",
              (unsigned long long)(back / 1000));
    ergo__lock_take(&meter->lock);
    atomic_fetch_add(&meter->shift_ns, back);
    for (uint32_t i = 0; i < meter->config.sensor_count; i++)
        if (!is_shown_only(&meter->channels[i]))
            ergo__track_jump(&meter->channels[i].track);
    ergo__lock_release(&meter->lock);
    return meter->latest_ns;
}

static void take_reading(ergo_meter *meter, channel *c)
{
    ergo_reading reading = {0, 0};
    const uint64_t asked = forward_now(meter);
    const ergo_status status = c->sensor.read(c->sensor.self, &reading);
    const uint64_t answered = forward_now(meter);
    const uint64_t now = asked + (answered - asked) / 2;
    if (reading.time_ns > 0)
        reading.time_ns += atomic_load(&meter->shift_ns);
    ergo__lock_take(&meter->lock);
    if (status != ERGO_OK && status != c->status)
        ergo__log(&meter->config.log, ERGO_LOG_WARNING, "meter: %s cannot be read: %s",
                  c->sensor.info.name, ergo_status_text(status));
    c->status = status;
    if (status == ERGO_OK) {
        c->value = reading.value;
        c->value_ns = now;
        if (!is_shown_only(c))
            (void)ergo__track_add(&c->track, &reading, now, suspended_ns(meter));
    } else {
        ergo__track_fail(&c->track);
    }
    plan_next(meter, c, answered);
    ergo__lock_release(&meter->lock);
}

/* Reads what is due; returns when the next is. */
static uint64_t read_due(ergo_meter *meter)
{
    uint64_t next = UINT64_MAX;
    ergo__lock_take(&meter->reading);
    for (uint32_t i = 0; i < meter->config.sensor_count; i++) {
        channel *c = &meter->channels[i];
        if (c->out)
            continue;
        if (c->next_ns <= forward_now(meter))
            take_reading(meter, c);
        next = c->next_ns < next ? c->next_ns : next;
    }
    ergo__lock_release(&meter->reading);
    return next;
}

ergo_status ergo_meter_poll(ergo_meter *meter, uint64_t *next_ns)
{
    const uint64_t before = ergo__os_thread_cpu_ns();
    const uint64_t next = read_due(meter);
    if (next_ns)
        *next_ns = next;
    atomic_fetch_add(&meter->cpu_ns, ergo__os_thread_cpu_ns() - before);
    return ERGO_OK;
}

ergo_status ergo_meter_read(ergo_meter *meter, uint32_t sensor)
{
    if (sensor >= meter->config.sensor_count)
        return ERGO_E_ARGUMENT;
    channel *c = &meter->channels[sensor];
    if (c->out)
        return ERGO_E_NOT_FOUND;
    const uint64_t before = ergo__os_thread_cpu_ns();
    ergo__lock_take(&meter->reading);
    take_reading(meter, c);
    const ergo_status status = c->status;
    ergo__lock_release(&meter->reading);
    atomic_fetch_add(&meter->cpu_ns, ergo__os_thread_cpu_ns() - before);
    return status;
}

/* Rarer samples when they cost more CPU time than they may. */
static void keep_cpu_share(ergo_meter *meter)
{
    const uint64_t elapsed = ergo_meter_now(meter) - meter->opened_ns;
    if (elapsed < LEARNING_NS || meter->slower >= 64)
        return;
    if (atomic_load(&meter->cpu_ns) > elapsed / CPU_SHARE * meter->slower)
        meter->slower *= 2;
}

static void sampler_main(void *user)
{
    ergo_meter *meter = user;
    while (atomic_load(&meter->quit) == 0) {
        uint64_t next;
        (void)ergo_meter_poll(meter, &next);
        keep_cpu_share(meter);
        ergo__os_wait_until(&meter->quit, 0, next);
    }
}

static ergo_status first_readings(ergo_meter *meter)
{
    const ergo_meter_config *config = &meter->config;
    for (uint32_t i = 0; i < config->sensor_count; i++) {
        channel *c = &meter->channels[i];
        for (int try = 0; try < FIRST_TRIES && (try == 0 || c->status == ERGO_E_IO); try++)
            take_reading(meter, c);
        c->out = c->status != ERGO_OK;
        if (c->out && (config->total >> i & 1) != 0)
            return ergo__fail(&config->log, c->status, "meter: %s, part of the total, is missing",
                              c->sensor.info.name);
    }
    return ERGO_OK;
}

ergo_status ergo_meter_open(const ergo_meter_config *config, ergo_block memory, ergo_meter **out)
{
    ergo_status status = check(config);
    if (status != ERGO_OK)
        return status;
    ergo__arena arena = ergo__arena_over(memory);
    ergo_meter *meter = lay_meter(config, &arena);
    if (arena.full)
        return ergo__fail(&config->log, ERGO_E_MEMORY, "meter: needs more than %zu bytes",
                          memory.size);
    channel *channels = meter->channels;
    *meter = (ergo_meter){.config = *config, .channels = channels, .slower = 1};
    meter->config.sensors = NULL; /* copied below */
    meter->opened_ns = ergo_meter_now(meter);
    for (uint32_t i = 0; i < config->sensor_count; i++) {
        channel *c = &channels[i];
        const ergo__track laid = {
            .runs = c->track.runs, .marks = c->track.marks, .capacity = c->track.capacity};
        *c = (channel){.sensor = config->sensors[i], .track = laid, .next_ns = meter->opened_ns};
        if (!is_shown_only(c))
            ergo__track_begin(&c->track, &c->sensor);
    }
    status = first_readings(meter);
    if (status == ERGO_OK && !config->poll) {
        status = ergo__os_thread_start(&meter->thread, sampler_main, meter);
        meter->started = status == ERGO_OK;
        if (status != ERGO_OK)
            return ergo__fail(&config->log, status, "meter: cannot start its thread");
    }
    if (status == ERGO_OK)
        *out = meter;
    return status;
}

void ergo_meter_close(ergo_meter *meter)
{
    if (!meter || !meter->started)
        return;
    atomic_store(&meter->quit, 1);
    ergo__os_wake_all(&meter->quit);
    ergo__os_thread_join(&meter->thread);
    meter->started = false;
}

uint64_t ergo_meter_cpu_ns(const ergo_meter *meter)
{
    return atomic_load(&meter->cpu_ns);
}

/* ---- Asking -------------------------------------------------------------------------------- */

static bool counts(const ergo_meter *meter, uint32_t sensor, uint32_t i)
{
    return sensor == ERGO_METER_TOTAL ? (meter->config.total >> i & 1) != 0 : sensor == i;
}

static ergo_status check_sensor(const ergo_meter *meter, uint32_t sensor, bool energy)
{
    if (sensor == ERGO_METER_TOTAL)
        return meter->config.total != 0 ? ERGO_OK : ERGO_E_NOT_FOUND;
    if (sensor >= meter->config.sensor_count)
        return ERGO_E_ARGUMENT;
    const channel *c = &meter->channels[sensor];
    return energy && (is_shown_only(c) || c->out) ? ERGO_E_NOT_FOUND : ERGO_OK;
}

/* Adds what one sensor says about a window to what others have said. */
static void add_window(const ergo__window *w, ergo_energy *sum, double *random2, double *gain)
{
    const bool first = sum->ns == 0;
    sum->ns = w->energy.ns;
    sum->uj += w->energy.uj;
    if (first || w->energy.covered_ns < sum->covered_ns)
        sum->covered_ns = w->energy.covered_ns;
    if (first || w->energy.readings < sum->readings)
        sum->readings = w->energy.readings;
    sum->flags |= w->energy.flags;
    *random2 += w->random_uj * w->random_uj;
    *gain += w->gain_uj;
}

/* With the lock held. */
static void between(const ergo_meter *meter, uint32_t sensor, uint64_t begin_ns, uint64_t end_ns,
                    ergo_energy *out)
{
    double random2 = 0;
    double gain = 0;
    ergo_energy sum = {0};
    for (uint32_t i = 0; i < meter->config.sensor_count; i++) {
        if (!counts(meter, sensor, i))
            continue;
        ergo__window w;
        ergo__track_between(&meter->channels[i].track, begin_ns, end_ns, &w);
        add_window(&w, &sum, &random2, &gain);
    }
    sum.gain_uj = (uint64_t)ceil(gain);
    sum.error_uj = (uint64_t)ceil(sqrt(random2)) + sum.gain_uj;
    *out = sum;
}

ergo_status ergo_meter_between(ergo_meter *meter, uint32_t sensor, uint64_t begin_ns,
                               uint64_t end_ns, ergo_energy *out)
{
    const ergo_status status = check_sensor(meter, sensor, true);
    if (status != ERGO_OK)
        return status;
    if (end_ns < begin_ns)
        return ergo__fail(&meter->config.log, ERGO_E_ARGUMENT,
                          "meter: a window ends before it begins");
    ergo__lock_take(&meter->lock);
    between(meter, sensor, begin_ns, end_ns, out);
    ergo__lock_release(&meter->lock);
    return ERGO_OK;
}

uint64_t ergo_meter_known_ns(ergo_meter *meter, uint32_t sensor)
{
    if (check_sensor(meter, sensor, true) != ERGO_OK)
        return 0;
    uint64_t known = UINT64_MAX;
    ergo__lock_take(&meter->lock);
    for (uint32_t i = 0; i < meter->config.sensor_count; i++) {
        if (!counts(meter, sensor, i))
            continue;
        const uint64_t of_this = ergo__track_known_ns(&meter->channels[i].track);
        known = of_this < known ? of_this : known;
    }
    ergo__lock_release(&meter->lock);
    return known;
}

static void add_state(const channel *c, uint64_t now_ns, ergo_meter_state *sum)
{
    const uint64_t age = now_ns > c->value_ns ? now_ns - c->value_ns : 0;
    sum->value += is_shown_only(c) ? c->value : ergo__track_power_uw(&c->track);
    sum->age_ns = age > sum->age_ns ? age : sum->age_ns;
    sum->period_us = c->track.period_us > sum->period_us ? c->track.period_us : sum->period_us;
    sum->noise = (uint32_t)lround(hypot(sum->noise, c->track.noise));
    if (sum->status == ERGO_OK)
        sum->status = c->status;
}

ergo_status ergo_meter_get(ergo_meter *meter, uint32_t sensor, ergo_meter_state *out)
{
    const ergo_status status = check_sensor(meter, sensor, false);
    if (status != ERGO_OK)
        return status;
    ergo_meter_state state = {0};
    ergo__lock_take(&meter->lock);
    const uint64_t now = ergo_meter_now(meter);
    for (uint32_t i = 0; i < meter->config.sensor_count; i++)
        if (counts(meter, sensor, i))
            add_state(&meter->channels[i], now, &state);
    if (check_sensor(meter, sensor, true) == ERGO_OK)
        between(meter, sensor, meter->opened_ns, now, &state.since_open);
    ergo__lock_release(&meter->lock);
    *out = state;
    return ERGO_OK;
}
