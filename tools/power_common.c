/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/interrupt.h"
#include "tools/power_cmd.h"

bool power_measures(const energy *e, size_t i)
{
    const ergo_quantity quantity = e->list[i].info.quantity;
    return quantity == ERGO_QUANTITY_POWER || quantity == ERGO_QUANTITY_ENERGY;
}

size_t power_count(const energy *e)
{
    size_t count = 0;
    for (size_t i = 0; i < e->count; i++)
        count += power_measures(e, i);
    return count;
}

const char *power_part_of(const energy *e, size_t i)
{
    for (size_t k = 0; k < e->board->rail_count; k++) {
        const ergo_board_rail *rail = &e->board->rails[k];
        if (strcmp(rail->name, e->list[i].info.name) == 0)
            return rail->within[0] != '\0' ? rail->within : NULL;
    }
    return NULL;
}

tool_exit power_need_sensor(const energy *e)
{
    if (power_count(e) > 0)
        return TOOL_DONE;
    tool_error("no sensor measures power; run-model power list says what was looked for");
    return TOOL_DEVICE;
}

tool_exit power_need_real(const common_options *options)
{
    if (sim_file_path(options) == NULL)
        return TOOL_DONE;
    tool_error("--board %s: a COMMAND runs on this machine, not on a simulated board",
               options->board);
    return TOOL_USAGE;
}

const char *power_name(const energy *e, uint32_t sensor)
{
    return sensor == ERGO_METER_TOTAL ? "total" : e->list[sensor].info.name;
}

void power_await(energy *e, uint64_t end_ns)
{
    for (size_t i = 0; i < e->count; i++)
        while (power_measures(e, i) && ergo_meter_known_ns(e->meter, (uint32_t)i) != 0 &&
               ergo_meter_known_ns(e->meter, (uint32_t)i) < end_ns &&
               energy_now(e) < end_ns + UINT64_C(1000000000))
            energy_wait(e, energy_now(e) + UINT64_C(5000000));
}

/* ---- Sums ---------------------------------------------------------------------------------- */

void power_sums_begin(power_sums *sums, const energy *e, uint64_t begin_ns)
{
    for (uint32_t i = 0; i < e->count; i++)
        sums->rail[i] = energy_sum_begin(i, begin_ns);
    sums->total = energy_sum_begin(ERGO_METER_TOTAL, begin_ns);
}

void power_sums_keep(power_sums *sums, const energy *e)
{
    for (size_t i = 0; i < e->count; i++)
        if (power_measures(e, i))
            energy_sum_keep(&sums->rail[i], e->meter);
    if (e->total != 0)
        energy_sum_keep(&sums->total, e->meter);
}

bool power_sums_get(const power_sums *sums, const energy *e, uint32_t sensor, uint64_t end_ns,
                    ergo_energy *out)
{
    const energy_sum *sum = sensor == ERGO_METER_TOTAL ? &sums->total : &sums->rail[sensor];
    return energy_sum_get(sum, e->meter, end_ns, out) == ERGO_OK;
}

static double seconds_of(const ergo_energy *w)
{
    return (double)w->ns / 1e9;
}

static void print_one(const power_sums *sums, const energy *e, uint32_t sensor, uint64_t end_ns)
{
    ergo_energy w;
    if (!power_sums_get(sums, e, sensor, end_ns, &w))
        return;
    (void)fprintf(stderr, "run-model: %s %.3f +- %.3f J in %.3f s, %.3f W, %.0f %% covered",
                  power_name(e, sensor), (double)w.uj / 1e6, (double)w.error_uj / 1e6,
                  seconds_of(&w), w.ns > 0 ? (double)w.uj / 1e6 / seconds_of(&w) : 0.0,
                  w.ns > 0 ? 100.0 * (double)w.covered_ns / (double)w.ns : 0.0);
    energy_warnings_print(w.flags);
    (void)fputc('\n', stderr);
}

void power_sums_print(const power_sums *sums, const energy *e, uint64_t end_ns)
{
    (void)fflush(stdout);
    for (size_t i = 0; i < e->count; i++)
        if (power_measures(e, i))
            print_one(sums, e, (uint32_t)i, end_ns);
    if (e->total != 0 && (e->total & (e->total - 1)) != 0)
        print_one(sums, e, ERGO_METER_TOTAL, end_ns);
}

static void one_json(const power_sums *sums, const energy *e, uint32_t sensor, uint64_t end_ns,
                     json_writer *json)
{
    ergo_energy w;
    if (!power_sums_get(sums, e, sensor, end_ns, &w))
        return;
    json_object(json, sensor == ERGO_METER_TOTAL ? "total" : NULL);
    json_text(json, "name", power_name(e, sensor));
    json_double(json, "joules", (double)w.uj / 1e6);
    json_double(json, "error_joules", (double)w.error_uj / 1e6);
    json_double(json, "seconds", seconds_of(&w));
    json_double(json, "watts", (double)w.uj / 1e6 / seconds_of(&w));
    json_double(json, "coverage", (double)w.covered_ns / (double)w.ns);
    json_u64(json, "readings", w.readings);
    json_array(json, "warnings");
    energy_warnings_json(w.flags, json);
    json_array_end(json);
    json_object_end(json);
}

void power_sums_json(const power_sums *sums, const energy *e, uint64_t end_ns, json_writer *json)
{
    json_array(json, "rails");
    for (size_t i = 0; i < e->count; i++)
        if (power_measures(e, i))
            one_json(sums, e, (uint32_t)i, end_ns, json);
    json_array_end(json);
    if (e->total != 0)
        one_json(sums, e, ERGO_METER_TOTAL, end_ns, json);
    else
        json_null(json, "total");
}

/* ---- Commands ------------------------------------------------------------------------------ */

#define GRACE_SECONDS 2.0

static void become(char **command, bool quiet)
{
    (void)signal(SIGPIPE, SIG_DFL);
    if (quiet)
        (void)dup2(STDERR_FILENO, STDOUT_FILENO);
    (void)execvp(command[0], command);
    tool_error("cannot run %s: %s", command[0], strerror(errno));
    _exit(127);
}

int power_run(char **command, bool quiet, void (*wait)(void *user), void *user)
{
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child < 0) {
        tool_error("cannot start %s: %s", command[0], strerror(errno));
        return TOOL_FAILED;
    }
    if (child == 0)
        become(command, quiet);
    double asked = 0;
    int status = 0;
    pid_t ended;
    while ((ended = waitpid(child, &status, WNOHANG)) == 0) {
        wait(user);
        if (interrupt_requested() && asked == 0)
            asked = tool_seconds();
        if (asked > 0 && tool_seconds() - asked > GRACE_SECONDS) {
            (void)kill(child, SIGTERM);
            asked = tool_seconds();
        }
    }
    if (ended < 0)
        return TOOL_FAILED;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
