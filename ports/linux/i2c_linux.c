/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ergo/linux.h"
#include "ports/linux/sysfs.h"
#include "runtime/base/arena.h"
#include "runtime/base/log.h"

/*
 * SMBus transfers, which every adapter does, the simplest ones nothing else. A word there has its
 * least significant byte first, the chips of ina.h have it last.
 */

struct ergo_linux_i2c {
    int file;
};

static ergo_status transfer(const ergo_linux_i2c *i2c, uint8_t direction, uint8_t reg,
                            uint32_t size, union i2c_smbus_data *data)
{
    struct i2c_smbus_ioctl_data call = {
        .read_write = direction, .command = reg, .size = size, .data = data};
    return ioctl(i2c->file, I2C_SMBUS, &call) < 0 ? ergo__sysfs_status(errno) : ERGO_OK;
}

static ergo_status read_register(void *self, uint8_t reg, uint8_t *bytes, size_t size)
{
    union i2c_smbus_data data = {0};
    if (size == 2) {
        const ergo_status status = transfer(self, I2C_SMBUS_READ, reg, I2C_SMBUS_WORD_DATA, &data);
        bytes[0] = (uint8_t)data.word;
        bytes[1] = (uint8_t)(data.word >> 8);
        return status;
    }
    if (size > I2C_SMBUS_BLOCK_MAX)
        return ERGO_E_ARGUMENT;
    data.block[0] = (uint8_t)size;
    const ergo_status status = transfer(self, I2C_SMBUS_READ, reg, I2C_SMBUS_I2C_BLOCK_DATA, &data);
    if (status == ERGO_OK && data.block[0] != size)
        return ERGO_E_IO;
    memcpy(bytes, data.block + 1, size);
    return status;
}

static ergo_status write_register(void *self, uint8_t reg, uint16_t value)
{
    union i2c_smbus_data data = {.word = (uint16_t)(value >> 8 | value << 8)};
    return transfer(self, I2C_SMBUS_WRITE, reg, I2C_SMBUS_WORD_DATA, &data);
}

/* Says which file and why, and who has the chip where somebody has. */
static ergo_status refused(const ergo_linux_i2c_config *config, const char *path, int error)
{
    if (error == EACCES || error == EPERM)
        return ergo__fail(&config->log, ERGO_E_PERMISSION,
                          "%s: permission denied: join the group that owns it, mostly i2c", path);
    if (error != EBUSY)
        return ergo__fail(&config->log, ergo__sysfs_status(error), "%s, address 0x%02x: %s", path,
                          config->address, strerror(error));
    char link[ERGO__SYSFS_PATH];
    char driver[64] = "";
    if (ergo__sysfs_path(link, config->root ? config->root : "",
                         "sys/bus/i2c/devices/%u-%04x/driver", config->bus, config->address))
        ergo__sysfs_link(link, driver, sizeof driver);
    return ergo__fail(&config->log, ERGO_E_STATE,
                      "%s, address 0x%02x: belongs to the kernel's driver %s: read its sensors, "
                      "or unbind it",
                      path, config->address, driver[0] != '\0' ? driver : "(unknown)");
}

static ergo_linux_i2c *lay(ergo__arena *arena)
{
    return ERGO__TAKE(arena, ergo_linux_i2c, 1);
}

size_t ergo_linux_i2c_size(void)
{
    ergo__arena arena = ergo__arena_counting();
    lay(&arena);
    return arena.used;
}

ergo_status ergo_linux_i2c_open(const ergo_linux_i2c_config *config, ergo_block memory,
                                ergo_linux_i2c **out)
{
    char path[ERGO__SYSFS_PATH];
    ergo__arena arena = ergo__arena_over(memory);
    ergo_linux_i2c *i2c = lay(&arena);
    if (!i2c)
        return ergo__fail(&config->log, ERGO_E_MEMORY, "i2c: needs more than %zu bytes",
                          memory.size);
    if (config->address < 0x08 || config->address > 0x77)
        return ergo__fail(&config->log, ERGO_E_ARGUMENT, "i2c: 0x%02x is no address of a device",
                          config->address);
    if (!ergo__sysfs_path(path, config->root ? config->root : "", "dev/i2c-%u", config->bus))
        return ergo__fail(&config->log, ERGO_E_LIMIT, "i2c: the root '%s' is too long",
                          config->root);
    const int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return refused(config, path, errno);
    if (ioctl(file, I2C_SLAVE, (unsigned long)config->address) < 0) {
        const int error = errno;
        (void)close(file);
        return refused(config, path, error);
    }
    i2c->file = file;
    *out = i2c;
    return ERGO_OK;
}

ergo_i2c ergo_linux_i2c_device(ergo_linux_i2c *i2c)
{
    return (ergo_i2c){.read = read_register, .write = write_register, .self = i2c};
}

void ergo_linux_i2c_close(ergo_linux_i2c *i2c)
{
    if (i2c)
        (void)close(i2c->file);
}
