/* SPDX-License-Identifier: Apache-2.0 */
/*
 * joules COMMAND [ARGUMENT...]: what a command costs. Meters somebody else's work with the power
 * half of ergo alone: libergo_power.a and libergo_base.a.
 */
#include <ergo/linux.h>
#include <ergo/power.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static ergo_block block(size_t size)
{
    const ergo_block b = {aligned_alloc(ERGO_BLOCK_ALIGN, (size + 63) / 64 * 64), size};
    if (!b.data)
        exit(EXIT_FAILURE);
    return b;
}

/* The meter of the whole board, or NULL. */
static ergo_meter *open_meter(void)
{
    const ergo_linux_config config = {.root = ""};
    ergo_linux_sensors *sensors = NULL;
    size_t size = 0, count = 0;
    if (ergo_linux_sensors_size(&config, &size) != ERGO_OK ||
        ergo_linux_sensors_open(&config, block(size), &sensors) != ERGO_OK)
        return NULL;
    ergo_sensor *list = ergo_linux_sensors_list(sensors, &count);
    const ergo_meter_config meter_config = {
        .sensors = list,
        .sensor_count = (uint32_t)count,
        .total = ergo_board_apply(ergo_linux_board(&config), NULL, list, count)};
    ergo_meter *meter = NULL;
    if (meter_config.total == 0 || ergo_meter_size(&meter_config, &size) != ERGO_OK ||
        ergo_meter_open(&meter_config, block(size), &meter) != ERGO_OK)
        return NULL;
    return meter;
}

int main(int argc, char **argv)
{
    ergo_meter *meter = argc > 1 ? open_meter() : NULL;
    if (!meter) {
        (void)fprintf(stderr, argc > 1 ? "no sensor measures the whole board\n"
                                       : "usage: joules COMMAND [ARGUMENT...]\n");
        return EXIT_FAILURE;
    }
    const uint64_t begin = ergo_meter_now(meter);
    const pid_t child = fork();
    if (child == 0) {
        (void)execvp(argv[1], argv + 1);
        _exit(127);
    }
    int status = 0;
    (void)waitpid(child, &status, 0);
    const uint64_t end = ergo_meter_now(meter);
    while (ergo_meter_known_ns(meter, ERGO_METER_TOTAL) < end &&
           ergo_meter_now(meter) < end + 1000000000)
        (void)usleep(5000); /* for the last reading */
    ergo_energy e;
    if (ergo_meter_between(meter, ERGO_METER_TOTAL, begin, end, &e) == ERGO_OK)
        (void)fprintf(stderr, "%.3f +- %.3f J in %.3f s, %.0f %% covered\n", (double)e.uj * 1e-6,
                      (double)e.error_uj * 1e-6, (double)e.ns * 1e-9,
                      e.ns > 0 ? 100.0 * (double)e.covered_ns / (double)e.ns : 0.0);
    ergo_meter_close(meter);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
