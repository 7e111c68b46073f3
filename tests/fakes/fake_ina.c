/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fakes/fake_ina.h"

#include <math.h>
#include <string.h>

static bool is(const fake_ina *fake, const char *kind)
{
    return strcmp(fake->kind, kind) == 0;
}

static bool is_228_or_238(const fake_ina *fake)
{
    return is(fake, "ina228") || is(fake, "ina238");
}

void fake_ina_reset(fake_ina *fake)
{
    memset(fake->reg, 0, sizeof fake->reg);
    fake->energy_steps = 0;
    fake->alert = false;
    fake->converted_ns = fake->now_ns;
    if (is_228_or_238(fake)) {
        fake->reg[0x01] = 0xFB68;
        fake->reg[0x02] = 0x1000;
        fake->reg[0x0B] = 0x0001;
        fake->reg[0x11] = 0xFFFF;
        fake->reg[0x3E] = 0x5449;
        fake->reg[0x3F] = is(fake, "ina228") ? 0x2281 : 0x2381;
        return;
    }
    if (is(fake, "ina219")) {
        fake->reg[0x00] = 0x399F;
        return;
    }
    fake->reg[0xFE] = 0x5449;
    fake->reg[0x00] = is(fake, "ina3221") ? 0x7127 : is(fake, "ina260") ? 0x6127 : 0x4127;
    fake->reg[0xFF] = is(fake, "ina3221") ? 0x3220 : is(fake, "ina260") ? 0x2270 : 0x2260;
    if (is(fake, "ina3221"))
        fake->reg[0x0F] = 0x0002;
}

void fake_ina_begin(fake_ina *fake, const char *kind)
{
    *fake = (fake_ina){.kind = kind, .shunt_ohm = 0.01, .celsius = 25.0, .now_ns = 1000000000};
    fake_ina_reset(fake);
}

/* ---- Conversions --------------------------------------------------------------------------- */

static const uint32_t averages[] = {1, 4, 16, 64, 128, 256, 512, 1024};

static uint32_t channels_on(const fake_ina *fake)
{
    uint32_t on = 0;
    for (unsigned i = 0; i < 3; i++)
        on += (fake->reg[0] >> (14 - i) & 1) != 0;
    return on;
}

static uint32_t period_of_219(unsigned adc)
{
    static const uint32_t plain[] = {84, 148, 276, 532};
    static const uint32_t averaged[] = {532, 1060, 2130, 4260, 8510, 17020, 34050, 68100};
    return adc & 8 ? averaged[adc & 7] : plain[adc & 3];
}

uint32_t fake_ina_period_us(const fake_ina *fake)
{
    static const uint32_t us_226[] = {140, 204, 332, 588, 1100, 2116, 4156, 8244};
    static const uint32_t us_228[] = {50, 84, 150, 280, 540, 1052, 2074, 4120};
    const unsigned config = (unsigned)fake->reg[is_228_or_238(fake) ? 1 : 0];
    if (is(fake, "ina219"))
        return period_of_219(config >> 3 & 15) + period_of_219(config >> 7 & 15);
    if (is_228_or_238(fake))
        return averages[config & 7] *
               (us_228[config >> 9 & 7] + us_228[config >> 6 & 7] + us_228[config >> 3 & 7]);
    const uint32_t one =
        averages[config >> 9 & 7] * (us_226[config >> 6 & 7] + us_226[config >> 3 & 7]);
    return is(fake, "ina3221") ? channels_on(fake) * one : one;
}

/* In steps, clipped at the ends of the converter, as the low `bits` bits. */
static uint64_t converted(double value, double step, double end, unsigned bits)
{
    const double steps = fmin(fmax(floor(value / step + 0.5), -end), end);
    return (uint64_t)(int64_t)steps & ((UINT64_C(1) << bits) - 1);
}

static void convert_228(fake_ina *fake, double seconds)
{
    const bool fine = (fake->reg[0] & 0x10) != 0;
    if (is(fake, "ina238")) {
        fake->reg[0x04] = converted(fake->shunt_uv[0], fine ? 1.25 : 5, 32767, 16);
        fake->reg[0x05] = converted(fake->bus_mv[0], 3.125, 32767, 16);
        fake->reg[0x06] = converted(fake->celsius, 0.125, 2047, 12) << 4;
        return;
    }
    fake->reg[0x04] = converted(fake->shunt_uv[0], fine ? 0.078125 : 0.3125, 524287, 20) << 4;
    fake->reg[0x05] = converted(fake->bus_mv[0], 0.1953125, 524287, 20) << 4;
    fake->reg[0x06] = converted(fake->celsius, 0.0078125, 32767, 16);
    /* Equations 2 and 6 of SLYS021, section 8.1.2. */
    const double calibration = (double)fake->reg[0x02] / (fine ? 4 : 1);
    const double current_step = calibration / (13107.2e6 * fake->shunt_ohm);
    const double watts = fabs(fake->shunt_uv[0] * 1e-6 / fake->shunt_ohm * fake->bus_mv[0] * 1e-3);
    fake->energy_steps += watts * seconds / (16 * 3.2 * current_step);
    fake->reg[0x09] = (uint64_t)fmod(fake->energy_steps, 1099511627776.0);
}

static void convert_226(fake_ina *fake)
{
    fake->reg[1] = is(fake, "ina260") ? converted(fake->shunt_uv[0] / 2, 1.25, 32767, 16)
                                      : converted(fake->shunt_uv[0], 2.5, 32767, 16);
    fake->reg[2] = converted(fake->bus_mv[0], 1.25, 32767, 15);
    const double current = (double)(int16_t)fake->reg[1] * (double)fake->reg[5] / 2048;
    fake->reg[3] = (uint64_t)fabs(current * (double)fake->reg[2] / 20000);
    if (is(fake, "ina260")) /* 10 mW a step */
        fake->reg[3] = (uint64_t)fabs((double)(int16_t)fake->reg[1] * (double)fake->reg[2] / 6400);
    fake->reg[6] |= 8;
}

/* ALERT of an INA226 or 260; transparent, so that it follows the limit. */
static void watch(fake_ina *fake)
{
    const bool over = (fake->reg[6] & 0x0800) != 0 && fake->reg[3] > fake->reg[7];
    const bool ready = (fake->reg[6] & 0x0408) == 0x0408;
    const bool pulled = over || ready;
    fake->alerts += pulled && !fake->alert;
    fake->alert = pulled;
}

static void convert(fake_ina *fake)
{
    const uint64_t period = (uint64_t)fake_ina_period_us(fake) * 1000;
    const uint64_t ended = (fake->now_ns - fake->converted_ns) / period;
    if (ended == 0)
        return;
    fake->converted_ns += ended * period;
    if (is_228_or_238(fake)) {
        convert_228(fake, (double)(ended * period) * 1e-9);
    } else if (is(fake, "ina219")) {
        fake->reg[1] = converted(fake->shunt_uv[0], 10, 32000, 16);
        fake->reg[2] = converted(fake->bus_mv[0], 4, 8191, 13) << 3 | 2;
    } else if (is(fake, "ina3221")) {
        for (unsigned i = 0; i < 3; i++) {
            const bool on = (fake->reg[0] >> (14 - i) & 1) != 0;
            fake->reg[1 + 2 * i] = on ? converted(fake->shunt_uv[i], 40, 4095, 13) << 3 : 0;
            fake->reg[2 + 2 * i] = on ? converted(fake->bus_mv[i], 8, 4095, 13) << 3 : 0;
        }
        fake->reg[0x0F] |= 1;
    } else {
        convert_226(fake);
        watch(fake);
    }
}

/* ---- Bus ----------------------------------------------------------------------------------- */

static bool fails(fake_ina *fake)
{
    if (fake->fail_next == 0)
        return false;
    if (fake->fail_after > 0) {
        fake->fail_after--;
        return false;
    }
    fake->fail_next--;
    return true;
}

static ergo_status read_register(void *self, uint8_t reg, uint8_t *bytes, size_t size)
{
    fake_ina *fake = self;
    if (fails(fake))
        return fake->fail_with;
    convert(fake);
    fake->reads++;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(fake->reg[reg] >> 8 * (size - 1 - i));
    if (is(fake, "ina219") && reg == 3)
        fake->reg[2] &= ~UINT64_C(2);
    if (is(fake, "ina3221") && reg == 0x0F)
        fake->reg[0x0F] &= ~UINT64_C(1);
    if ((is(fake, "ina226") || is(fake, "ina260")) && reg == 6) {
        fake->reg[6] &= ~UINT64_C(8);
        watch(fake);
    }
    return ERGO_OK;
}

static ergo_status write_register(void *self, uint8_t reg, uint16_t value)
{
    fake_ina *fake = self;
    if (fails(fake))
        return fake->fail_with;
    convert(fake);
    fake->writes++;
    fake->reg[reg] = value;
    if (reg == (is_228_or_238(fake) ? 1 : 0)) /* what was being converted is dropped */
        fake->converted_ns = fake->now_ns;
    return ERGO_OK;
}

ergo_i2c fake_ina_bus(fake_ina *fake)
{
    return (ergo_i2c){.read = read_register, .write = write_register, .self = fake};
}

static uint64_t fake_now(void *user)
{
    return ((const fake_ina *)user)->now_ns;
}

ergo_clock fake_ina_clock(fake_ina *fake)
{
    return (ergo_clock){.now_ns = fake_now, .user = fake};
}
