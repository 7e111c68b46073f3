/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "ports/linux/sensors_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/arena.h"
#include "runtime/base/log.h"

static ergo_block take_block(ergo__arena *arena, size_t size)
{
    return (ergo_block){ergo__arena_take(arena, 1, size, ERGO_BLOCK_ALIGN), size};
}

static ergo_linux_sensors *lay(ergo__arena *arena, const ergo_board *board,
                               ergo__linux_chip chips[ERGO__LINUX_CHIPS])
{
    ergo_linux_sensors *sensors = ERGO__TAKE_LINE(arena, ergo_linux_sensors, 1);
    for (size_t i = 0; board && i < ERGO__LINUX_CHIPS; i++)
        chips[i] = (ergo__linux_chip){.i2c_memory = take_block(arena, ergo_linux_i2c_size()),
                                      .ina_memory = take_block(arena, ergo_ina_size())};
    return sensors;
}

ergo_status ergo_linux_sensors_size(const ergo_linux_config *config, size_t *size)
{
    ergo__linux_chip chips[ERGO__LINUX_CHIPS];
    ergo__arena arena = ergo__arena_counting();
    lay(&arena, config->board, chips);
    *size = arena.used;
    return ERGO_OK;
}

/* ---- Reading ------------------------------------------------------------------------------- */

/* Into the system from a battery is positive; while it is charged, negative. Drivers do not agree
 * on the sign of the current, so only its size and the status count. */
static ergo_status sign_battery(const ergo__linux_reader *reader, int64_t *value)
{
    char text[32] = "";
    const ssize_t got = pread(reader->status_fd, text, sizeof text - 1, 0);
    if (got < 0)
        return ergo__sysfs_status(errno);
    const int64_t size = *value < 0 ? -*value : *value;
    *value = strncmp(text, "Charging", 8) == 0 ? -size : size;
    return ERGO_OK;
}

static ergo_status read_files(void *self, ergo_reading *out)
{
    const ergo__linux_reader *reader = self;
    int64_t value = 0;
    int64_t second = 1;
    ergo_status status = ergo__sysfs_pread(reader->fd[0], &value);
    if (status == ERGO_OK && reader->fd[1] >= 0)
        status = ergo__sysfs_pread(reader->fd[1], &second);
    if (status == ERGO_OK && reader->status_fd >= 0)
        status = sign_battery(reader, &value);
    if (status != ERGO_OK)
        return status;
    int64_t product;
    if (__builtin_mul_overflow(value, second, &product))
        return ERGO_E_FORMAT;
    /* Counters may be large: scale what is above a million apart. */
    const int64_t whole = product / 1000000;
    const int64_t rest = product % 1000000;
    int64_t high;
    if (__builtin_mul_overflow(whole, reader->scale, &high))
        return ERGO_E_FORMAT;
    *out = (ergo_reading){.value = high + rest * reader->scale / 1000000};
    return ERGO_OK;
}

/* ---- Adding -------------------------------------------------------------------------------- */

void ergo__linux_found(ergo_linux_sensors *sensors, const char *path, ergo_status status,
                       const char *advice, const char *format, ...)
{
    if (sensors->finding_count == ERGO__LINUX_FINDINGS)
        return;
    ergo_linux_finding *f = &sensors->findings[sensors->finding_count++];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(f->what, sizeof f->what, format, arguments);
    va_end(arguments);
    (void)snprintf(f->path, sizeof f->path, "%.*s", (int)sizeof f->path - 1, path);
    (void)snprintf(f->advice, sizeof f->advice, "%s", advice);
    f->status = status;
}

static bool has_name(const ergo_linux_sensors *sensors, const char *name)
{
    for (uint32_t i = 0; i < sensors->count; i++)
        if (strcmp(sensors->list[i].info.name, name) == 0)
            return true;
    return false;
}

/* A second VDD is VDD#2. */
void ergo__linux_make_unique(const ergo_linux_sensors *sensors, char name[ERGO_SENSOR_NAME_MAX])
{
    char tried[ERGO_SENSOR_NAME_MAX];
    memcpy(tried, name, sizeof tried);
    for (uint32_t i = 2; has_name(sensors, tried); i++)
        (void)snprintf(tried, sizeof tried, "%.*s#%u", ERGO_SENSOR_NAME_MAX - 12, name, i);
    memcpy(name, tried, sizeof tried);
}

static const char *advice_for(ergo_status status, const char *chip)
{
    switch (status) {
    case ERGO_E_PERMISSION:
        if (strcmp(chip, "rapl") == 0)
            return "since Linux 5.10 root alone may read it: install 70-ergo.rules for udev "
                   "and join the group ergo, or run as root";
        return "let your user read this file: a udev rule or tmpfiles.d entry, or run as root";
    case ERGO_E_UNSUPPORTED:
        return "the channel is switched off: write 1 to its _enable file";
    case ERGO_OK:
        return "";
    default:
        return "the driver does not answer: look at the kernel log";
    }
}

static void close_reader(ergo__linux_reader *reader)
{
    const int fds[3] = {reader->fd[0], reader->fd[1], reader->status_fd};
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
}

static int open_file(const char *path)
{
    return path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

bool ergo__linux_add(ergo_linux_sensors *sensors, const ergo_sensor_info *info,
                     const ergo__linux_reader *like, const char *file, const char *second)
{
    if (sensors->count == ERGO_SENSORS_MAX) {
        ergo__linux_found(sensors, file, ERGO_E_LIMIT, "", "%s %s", info->chip, info->name);
        return false;
    }
    ergo__linux_reader *reader = &sensors->readers[sensors->count];
    *reader = *like;
    reader->fd[0] = open_file(file);
    const int error = errno;
    reader->fd[1] = open_file(second);
    ergo_sensor *sensor = &sensors->list[sensors->count];
    *sensor = (ergo_sensor){.info = *info, .read = read_files, .self = reader};
    ergo_reading reading;
    ergo_status status = ERGO_OK;
    if (reader->fd[0] < 0 || (second && reader->fd[1] < 0))
        status = ergo__sysfs_status(reader->fd[0] < 0 ? error : errno);
    else
        status = sensor->read(reader, &reading);
    ergo__linux_found(sensors, file, status, advice_for(status, info->chip), "%s %s", info->chip,
                      info->name);
    if (status != ERGO_OK && status != ERGO_E_IO) {
        close_reader(reader);
        return false;
    }
    ergo__linux_make_unique(sensors, sensor->info.name);
    sensors->count++;
    return true;
}

/* ---- Open and close ------------------------------------------------------------------------ */

ergo_status ergo_linux_sensors_open(const ergo_linux_config *config, ergo_block memory,
                                    ergo_linux_sensors **out)
{
    ergo__arena arena = ergo__arena_over(memory);
    ergo__linux_chip chips[ERGO__LINUX_CHIPS] = {{{NULL, 0}, {NULL, 0}, NULL, NULL}};
    ergo_linux_sensors *sensors = lay(&arena, config->board, chips);
    if (arena.full)
        return ergo__fail(&config->log, ERGO_E_MEMORY, "sensors: need more than %zu bytes",
                          memory.size);
    memset(sensors, 0, sizeof *sensors);
    memcpy(sensors->chips, chips, sizeof chips);
    sensors->log = config->log;
    sensors->root = config->root ? config->root : "";
    ergo__linux_find_hwmon(sensors);
    ergo__linux_find_jetson(sensors);
    ergo__linux_find_iio(sensors);
    ergo__linux_find_powercap(sensors);
    ergo__linux_find_batteries(sensors);
    ergo__linux_find_chips(sensors, config->board);
    ergo__linux_find_zones(sensors);
    ergo__linux_find_clocks(sensors);
    ergo__linux_find_buses(sensors);
    *out = sensors;
    return ERGO_OK;
}

void ergo_linux_sensors_close(ergo_linux_sensors *sensors)
{
    if (!sensors)
        return;
    for (uint32_t i = 0; i < sensors->count; i++)
        if (sensors->list[i].self == &sensors->readers[i])
            close_reader(&sensors->readers[i]);
    ergo__linux_close_chips(sensors);
    sensors->count = 0;
}

ergo_sensor *ergo_linux_sensors_list(ergo_linux_sensors *sensors, size_t *count)
{
    *count = sensors->count;
    return sensors->list;
}

const ergo_linux_finding *ergo_linux_sensors_findings(const ergo_linux_sensors *sensors,
                                                      size_t *count)
{
    *count = sensors->finding_count;
    return sensors->findings;
}
