// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * A module of Linux that plays the power sensors of a board: an I2C bus with an INA226 at 0x40 for
 * the whole board, an INA3221 at 0x41 for the CPUs, the NPU and the rest, and an INA226 at 0x44 and
 * an INA219 at 0x45 in the same rail as the first. The power follows the clocks of cpufreq and
 * devfreq and how busy the CPUs are. Chips convert at the pace that their configuration asks for.
 * Parameters (below /sys/module/virtual_board/parameters) tell the truth and inject faults.
 */
#include <linux/cpufreq.h>
#include <linux/delay.h>
#include <linux/devfreq.h>
#include <linux/i2c.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/sched/cputime.h>

#define BUS_MV 5000
#define SHUNT_UOHM 10000
#define BOARD_UW 1200000
#define TICK_US 2000

static u64 energy_uj; /* the truth, of the whole board since the module was loaded */
module_param(energy_uj, ullong, 0444);
static uint power_uw; /* of the last tick */
module_param(power_uw, uint, 0444);
static uint extra_uw; /* a load that tests switch on and off */
module_param(extra_uw, uint, 0644);
static uint refuse; /* so many transfers end in ENXIO, as if the chip were not there */
module_param(refuse, uint, 0644);
static uint fail; /* so many transfers end in EREMOTEIO */
module_param(fail, uint, 0644);
static bool hang; /* conversions stop: the chips repeat themselves */
module_param(hang, bool, 0644);

/* ---- Power --------------------------------------------------------------------------------- */

enum { RAIL_CPU, RAIL_NPU, RAIL_REST, RAIL_ALL, RAILS };

static u64 idle_us[2], wall_us[2];

/* Leakage, and what switching costs: both grow with the clock. */
static u64 cpu_uw(int cpu)
{
    u64 wall, idle = get_cpu_idle_time(cpu, &wall, 0);
    u64 mhz = cpufreq_quick_get(cpu) / 1000;
    u64 whole = wall - wall_us[cpu], idled = idle - idle_us[cpu];
    u64 busy = whole ? 1000 - div64_u64(min(idled, whole) * 1000, whole) : 0;

    wall_us[cpu] = wall;
    idle_us[cpu] = idle;
    return mhz * mhz / 16 + mhz * mhz * busy / 2000;
}

static u64 npu_uw(void)
{
    struct device_node *node = of_find_node_by_path("/npu");
    struct devfreq *devfreq = node ? devfreq_get_devfreq_by_node(node) : NULL;

    of_node_put(node);
    return IS_ERR_OR_NULL(devfreq) ? 0 : devfreq->previous_freq / 1000;
}

static void power_now(u64 uw[RAILS])
{
    int cpu;

    uw[RAIL_CPU] = 0;
    for_each_online_cpu(cpu) if (cpu < 2) uw[RAIL_CPU] += cpu_uw(cpu);
    uw[RAIL_NPU] = npu_uw();
    uw[RAIL_REST] = BOARD_UW + extra_uw;
    uw[RAIL_ALL] = uw[RAIL_CPU] + uw[RAIL_NPU] + uw[RAIL_REST];
}

/* ---- Chips --------------------------------------------------------------------------------- */

struct chip {
    u16 address, kind; /* 226, 219, 3221 */
    u8 pointer;
    u16 reg[256];
    u64 sum_pj, sum_us; /* of the conversion that is going on */
};

static struct chip chips[] = {
    {.address = 0x40, .kind = 226},
    {.address = 0x41, .kind = 3221},
    {.address = 0x44, .kind = 226},
    {.address = 0x45, .kind = 219},
};
static DEFINE_MUTEX(lock);

static void reset(struct chip *c)
{
    memset(c->reg, 0, sizeof(c->reg));
    c->reg[0] = c->kind == 226 ? 0x4127 : c->kind == 219 ? 0x399f : 0x7127;
    if (c->kind != 219) {
        c->reg[0xfe] = 0x5449;
        c->reg[0xff] = c->kind == 226 ? 0x2260 : 0x3220;
    }
}

static u32 period_us(const struct chip *c)
{
    static const u32 averages[] = {1, 4, 16, 64, 128, 256, 512, 1024};
    static const u32 us[] = {140, 204, 332, 588, 1100, 2116, 4156, 8244};
    u16 set = c->reg[0];

    if (c->kind == 219)
        return 1064;
    return averages[set >> 9 & 7] * (us[set >> 6 & 7] + us[set >> 3 & 7]) *
           (c->kind == 3221 ? 3 : 1);
}

/* Shunt voltage in steps of `nv`; all shunts are the same. */
static u16 shunt_steps(u64 uw, u32 nv)
{
    u64 ua = div_u64(uw * 1000, BUS_MV);

    return (u16)div_u64(ua * SHUNT_UOHM / 1000 + nv / 2, nv);
}

static void show(struct chip *c, const u64 uw[RAILS])
{
    int i;

    if (c->kind == 3221) {
        for (i = 0; i < 3; i++) {
            c->reg[1 + 2 * i] = shunt_steps(uw[i], 40000) << 3;
            c->reg[2 + 2 * i] = BUS_MV / 8 << 3;
        }
        c->reg[15] |= 1;
        return;
    }
    if (c->kind == 226) {
        c->reg[1] = shunt_steps(uw[RAIL_ALL], 2500);
        c->reg[2] = BUS_MV * 100 / 125;
        c->reg[4] = c->reg[1] * c->reg[5] / 2048;
        c->reg[3] = c->reg[4] * c->reg[2] / 20000;
        c->reg[6] |= 8;
        return;
    }
    c->reg[1] = shunt_steps(uw[RAIL_ALL], 10000);
    c->reg[2] = (BUS_MV / 4) << 3 | 2;
    c->reg[4] = c->reg[1] * c->reg[5] / 4096;
    c->reg[3] = c->reg[4] * (BUS_MV / 4) / 5000;
}

/* An INA226 shows the mean of its conversion; the others the moment. */
static void convert(struct chip *c, const u64 uw[RAILS], u64 us)
{
    u64 mean[RAILS];

    c->sum_pj += uw[RAIL_ALL] * us;
    c->sum_us += us;
    if (c->sum_us < period_us(c))
        return;
    memcpy(mean, uw, sizeof(mean));
    if (c->kind == 226)
        mean[RAIL_ALL] = div64_u64(c->sum_pj, c->sum_us);
    if (!hang)
        show(c, mean);
    c->sum_pj = 0;
    c->sum_us = 0;
}

static int tick(void *unused)
{
    ktime_t last = ktime_get();
    u64 rest_pj = 0;

    while (!kthread_should_stop()) {
        u64 uw[RAILS];
        ktime_t now;
        u64 us;
        int i;

        usleep_range(TICK_US, TICK_US + 100);
        now = ktime_get();
        us = ktime_us_delta(now, last);
        last = ktime_add_us(last, us);
        mutex_lock(&lock);
        power_now(uw);
        power_uw = uw[RAIL_ALL];
        rest_pj += uw[RAIL_ALL] * us;
        energy_uj += div_u64(rest_pj, 1000000);
        rest_pj -= div_u64(rest_pj, 1000000) * 1000000;
        for (i = 0; i < ARRAY_SIZE(chips); i++)
            convert(&chips[i], uw, us);
        mutex_unlock(&lock);
    }
    return 0;
}

/* ---- Bus ----------------------------------------------------------------------------------- */

static struct chip *chip_at(u16 address)
{
    int i;

    for (i = 0; i < ARRAY_SIZE(chips); i++)
        if (chips[i].address == address)
            return &chips[i];
    return NULL;
}

static void write_chip(struct chip *c, const struct i2c_msg *m)
{
    u16 value;

    if (m->len > 0)
        c->pointer = m->buf[0];
    if (m->len < 3)
        return;
    value = m->buf[1] << 8 | m->buf[2];
    if (c->pointer == 0 && (value & 0x8000))
        reset(c);
    else if (c->pointer == 0 || c->pointer >= (c->kind == 3221 ? 7 : 5))
        c->reg[c->pointer] = value;
}

static void read_chip(struct chip *c, const struct i2c_msg *m)
{
    int i;

    for (i = 0; i < m->len; i++)
        m->buf[i] = c->reg[c->pointer] >> (i & 1 ? 0 : 8);
}

static int transfer(struct i2c_adapter *adapter, struct i2c_msg *m, int count)
{
    int i, result = count;

    mutex_lock(&lock);
    for (i = 0; i < count && result == count; i++) {
        struct chip *c = chip_at(m[i].addr);

        if (!c || refuse) {
            result = -ENXIO;
            refuse -= refuse > 0;
        } else if (fail) {
            result = -EREMOTEIO;
            fail--;
        } else if (m[i].flags & I2C_M_RD) {
            read_chip(c, &m[i]);
        } else {
            write_chip(c, &m[i]);
        }
    }
    mutex_unlock(&lock);
    return result;
}

static u32 functionality(struct i2c_adapter *adapter)
{
    return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}

static const struct i2c_algorithm algorithm = {
    .master_xfer = transfer,
    .functionality = functionality,
};
static struct i2c_adapter adapter = {
    .owner = THIS_MODULE,
    .name = "virtual board",
    .algo = &algorithm,
};
static struct task_struct *thread;

static int __init begin(void)
{
    int i, error;

    for (i = 0; i < ARRAY_SIZE(chips); i++)
        reset(&chips[i]);
    thread = kthread_run(tick, NULL, "virtual_board");
    if (IS_ERR(thread))
        return PTR_ERR(thread);
    msleep(50); /* the first conversions */
    adapter.dev.of_node = of_find_node_by_path("/power-sensors");
    error = i2c_add_adapter(&adapter);
    if (error)
        kthread_stop(thread);
    return error;
}

static void __exit end(void)
{
    i2c_del_adapter(&adapter);
    of_node_put(adapter.dev.of_node);
    kthread_stop(thread);
}

module_init(begin);
module_exit(end);
MODULE_DESCRIPTION("power sensors of an emulated board");
MODULE_LICENSE("GPL");
