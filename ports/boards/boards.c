/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/board.h"

/*
 * Boards that are known by their device tree. Shunts are only given where a driver is known to have
 * them wrong; clocks are those worth setting for a language model.
 */

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ---- Raspberry Pi -------------------------------------------------------------------------- */

static const ergo_board_clock pi_clocks[] = {{"cpu", "policy0"}};

static const ergo_board raspberry_pi_4 = {
    .name = "raspberry-pi-4",
    .title = "Raspberry Pi 4 Model B",
    .compatible = "raspberrypi,4-model-b raspberrypi,4-compute-module brcm,bcm2711",
    .clocks = pi_clocks,
    .clock_count = COUNT(pi_clocks),
    .note = "it has no power sensor: put an INA219, INA226 or INA228 into its 5 V supply",
};

static const ergo_board raspberry_pi_5 = {
    .name = "raspberry-pi-5",
    .title = "Raspberry Pi 5 Model B",
    .compatible = "raspberrypi,5-model-b raspberrypi,5-compute-module brcm,bcm2712",
    .clocks = pi_clocks,
    .clock_count = COUNT(pi_clocks),
    .note =
        "its PMIC answers vcgencmd only, too slowly to sample, and leaves out what hangs on 5 V: "
        "put an INA219, INA226 or INA228 into its 5 V supply",
};

/* ---- Jetson -------------------------------------------------------------------------------- */

static const ergo_board_rail orin_nano_rails[] = {
    {"VDD_IN", "", "1-0040", 1, 0, "", true, false},
    {"VDD_CPU_GPU_CV", "", "1-0040", 2, 0, "VDD_IN", false, false},
    {"VDD_SOC", "", "1-0040", 3, 0, "VDD_IN", false, false},
};
static const ergo_board_clock orin_nano_clocks[] = {
    {"cpu0", "policy0"}, {"cpu4", "policy4"}, {"gpu", "17000000.gpu"}};

static const ergo_board jetson_orin_nano = {
    .name = "jetson-orin-nano",
    .title = "NVIDIA Jetson Orin Nano or NX",
    .compatible =
        "nvidia,p3767-0000 nvidia,p3767-0001 nvidia,p3767-0003 nvidia,p3767-0004 nvidia,p3767-0005",
    .rails = orin_nano_rails,
    .rail_count = COUNT(orin_nano_rails),
    .clocks = orin_nano_clocks,
    .clock_count = COUNT(orin_nano_clocks),
    .note = "VDD_IN is the module: what the carrier board draws itself is not in it",
};

/* No rail is the whole here; these three add up to it, as they do not overlap. */
static const ergo_board_rail agx_orin_rails[] = {
    {"VDD_GPU_SOC", "", "1-0040", 1, 0, "", true, false},
    {"VDD_CPU_CV", "", "1-0040", 2, 0, "", true, false},
    {"VIN_SYS_5V0", "", "1-0040", 3, 0, "", true, false},
    {"VDDQ_VDD2_1V8AO", "", "1-0041", 2, 0, "VIN_SYS_5V0", false, false},
};
static const ergo_board_clock agx_orin_clocks[] = {
    {"cpu0", "policy0"}, {"cpu4", "policy4"}, {"cpu8", "policy8"}, {"gpu", "17000000.gpu"}};

static const ergo_board jetson_agx_orin = {
    .name = "jetson-agx-orin",
    .title = "NVIDIA Jetson AGX Orin",
    .compatible = "nvidia,p3701-0000 nvidia,p3701-0004 nvidia,p3701-0005 nvidia,p3701-0008",
    .rails = agx_orin_rails,
    .rail_count = COUNT(agx_orin_rails),
    .clocks = agx_orin_clocks,
    .clock_count = COUNT(agx_orin_clocks),
    .note = "the module has no sensor of its input: the total is the sum of three rails",
};

/* ---- RK3588 -------------------------------------------------------------------------------- */

static const ergo_board_clock rk3588_clocks[] = {{"a55", "policy0"},
                                                 {"a76-a", "policy4"},
                                                 {"a76-b", "policy6"},
                                                 {"gpu", "fb000000.gpu"},
                                                 {"memory", "dmc"}};

static const ergo_board rock_5b = {
    .name = "rock-5b",
    .title = "Radxa ROCK 5B",
    .compatible = "radxa,rock-5b radxa,rock-5b-plus",
    .clocks = rk3588_clocks,
    .clock_count = COUNT(rk3588_clocks),
    .note = "it has no power sensor: put an INA226 or INA228 into its supply",
};

static const ergo_board orange_pi_5 = {
    .name = "orange-pi-5",
    .title = "Orange Pi 5",
    .compatible = "xunlong,orangepi-5 xunlong,orangepi-5-plus xunlong,orangepi-5b",
    .clocks = rk3588_clocks,
    .clock_count = COUNT(rk3588_clocks),
    .note = "it has no power sensor: put an INA226 or INA228 into its supply",
};

/* ---- Others -------------------------------------------------------------------------------- */

static const ergo_board_rail beaglebone_rails[] = {{"5V", "ina226", "", 0, 0, "", true, false}};

static const ergo_board beaglebone = {
    .name = "beaglebone",
    .title = "BeagleBone with an INA226 cape",
    .compatible = "ti,am335x-bone ti,am335x-bone-black ti,am335x-bone-green",
    .rails = beaglebone_rails,
    .rail_count = COUNT(beaglebone_rails),
    .clocks = pi_clocks,
    .clock_count = COUNT(pi_clocks),
    .note = "it has no power sensor of its own: this counts on a cape with an INA226 in its 5 V",
};

static const ergo_board_rail kv260_rails[] = {{"ina260_u14", "", "", 0, 0, "", true, false}};

static const ergo_board kv260 = {
    .name = "kv260",
    .title = "AMD Kria KV260",
    .compatible = "xlnx,zynqmp-sk-kv260-revB xlnx,zynqmp-sk-kv260-rev2 xlnx,zynqmp-sk-kv260-rev1",
    .rails = kv260_rails,
    .rail_count = COUNT(kv260_rails),
    .clocks = pi_clocks,
    .clock_count = COUNT(pi_clocks),
    .note = "",
};

/* Without rails: power/board.c looks for a sensor that can only be the whole. */
static const ergo_board generic = {
    .name = "generic",
    .title = "a board that is not known",
    .compatible = "",
    .note = "which sensor is the whole board is a guess: say so in a board file",
};

const ergo_board *const *ergo_boards(size_t *count)
{
    static const ergo_board *const boards[] = {
        &raspberry_pi_4,  &raspberry_pi_5, &jetson_orin_nano,
        &jetson_agx_orin, &rock_5b,        &orange_pi_5,
        &beaglebone,      &kv260,          &generic,
    };
    *count = COUNT(boards);
    return boards;
}
