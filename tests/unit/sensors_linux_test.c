/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ergo/linux.h"
#include "tests/fakes/file_tree.h"

/* Trees as the drivers make them; tests read them through the same code as /sys itself. */

static const char orin_nano[] =
    "[proc/device-tree]\n"
    "model = NVIDIA Jetson Orin Nano Developer Kit\n"
    "[sys/class/hwmon/hwmon0]\n"
    "name = tmp102\n"
    "temp1_input = 41000\n"
    "[sys/class/hwmon/hwmon3]\n"
    "device -> ../../../1-0040\n"
    "name = ina3221\n"
    "update_interval = 7\n"
    "samples = 1\n"
    "in1_label = VDD_IN\nin1_enable = 1\nin1_input = 5040\ncurr1_input = 1208\n"
    "shunt1_resistor = 5000\n"
    "in2_label = VDD_CPU_GPU_CV\nin2_enable = 1\nin2_input = 5032\ncurr2_input = 328\n"
    "shunt2_resistor = 5000\n"
    "in3_label = NC\nin3_enable = 1\nin3_input = 0\ncurr3_input = 0\n"
    "in7_label = sum of shunt voltages\nin7_input = 40\ncurr4_input = 1536\n"
    "[sys/class/thermal/thermal_zone0]\n"
    "type = cpu-thermal\n"
    "temp = 47250\n";

/* As Linux 6.1 shows an INA226 whose device tree node has a label. */
static const char labelled[] = "[sys/class/hwmon/hwmon1]\n"
                               "name = ina226\n"
                               "device -> ../../../0-0040\n"
                               "label = VDD_IN\n"
                               "power1_input = 4181250\n"
                               "shunt_resistor = 10000\n"
                               "update_interval = 35\n";

static const char pc[] = "[sys/class/hwmon/hwmon10]\n"
                         "name = ina226\n"
                         "device -> ../../../7-0041\n"
                         "power1_input = 1250000\n"
                         "curr1_input = 250\n"
                         "shunt_resistor = 10000\n"
                         "update_interval = 35\n"
                         "[sys/class/hwmon/hwmon2]\n"
                         "name = ina228\n"
                         "device -> ../../../7-0045\n"
                         "energy1_input = 123456789\n"
                         "power1_input = 2000000\n"
                         "shunt_resistor = 10000\n"
                         "[sys/class/powercap/intel-rapl:0]\n"
                         "name = package-0\n"
                         "energy_uj = 262143328849\n"
                         "max_energy_range_uj = 262143328850\n"
                         "[sys/class/powercap/intel-rapl:0:0]\n"
                         "name = core\n"
                         "energy_uj = 5\n"
                         "max_energy_range_uj = 262143328850\n"
                         "[sys/class/powercap/intel-rapl-mmio:0]\n"
                         "name = package-0\n"
                         "energy_uj = 7\n"
                         "[sys/class/power_supply/BAT0]\n"
                         "type = Battery\n"
                         "status = Charging\n"
                         "voltage_now = 12000000\n"
                         "current_now = 1500000\n"
                         "[sys/class/power_supply/BAT1]\n"
                         "type = Battery\n"
                         "status = Discharging\n"
                         "power_now = -3500000\n"
                         "[sys/class/power_supply/tcpm]\n"
                         "type = USB\n"
                         "voltage_now = 9000000\n"
                         "current_now = 2000000\n"
                         "[sys/class/power_supply/AC]\n"
                         "type = Mains\n"
                         "online = 1\n";

static const char debian_iio[] = "[sys/bus/iio/devices/iio:device0]\n"
                                 "name = ina226\n"
                                 "in_power2_raw = 200\n"
                                 "in_power2_scale = 6.250000000\n"
                                 "in_shunt_resistor = 0.010000000\n"
                                 "in_oversampling_ratio = 16\n"
                                 "in_voltage0_integration_time = 0.001100\n"
                                 "in_voltage1_integration_time = 0.001100\n"
                                 "[sys/bus/i2c/drivers/ina3221x/1-0040/iio:device1]\n"
                                 "rail_name_0 = POM_5V_IN\n"
                                 "in_power0_input = 3416\n"
                                 "rail_name_1 = NC\n"
                                 "in_power1_input = 0\n";

static file_tree tree;
static ergo_linux_sensors *sensors;
static _Alignas(ERGO_BLOCK_ALIGN) unsigned char memory[1 << 18];

static void open_tree(const char *lines)
{
    file_tree_begin(&tree);
    file_tree_put_all(&tree, lines);
    const ergo_linux_config config = {.root = tree.root};
    size_t size = 0;
    assert_int_equal(ergo_linux_sensors_size(&config, &size), ERGO_OK);
    assert_true(size <= sizeof memory);
    assert_int_equal(ergo_linux_sensors_open(&config, (ergo_block){memory, size}, &sensors),
                     ERGO_OK);
}

static void close_tree(void)
{
    ergo_linux_sensors_close(sensors);
    file_tree_end(&tree);
}

static ergo_sensor *named(const char *name)
{
    size_t count;
    ergo_sensor *list = ergo_linux_sensors_list(sensors, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].info.name, name) == 0)
            return &list[i];
    return NULL;
}

static int64_t value_of(const char *name)
{
    const ergo_sensor *sensor = named(name);
    assert_non_null(sensor);
    ergo_reading reading;
    assert_int_equal(sensor->read(sensor->self, &reading), ERGO_OK);
    return reading.value;
}

static void an_ina3221_has_volts_times_amperes_of_each_labelled_channel(void **state)
{
    (void)state;
    open_tree(orin_nano);
    assert_true(value_of("VDD_IN") == INT64_C(5040) * 1208);
    assert_true(value_of("VDD_CPU_GPU_CV") == INT64_C(5032) * 328);
    assert_null(named("NC"));
    assert_null(named("sum of shunt voltages"));
    const ergo_sensor_info *info = &named("VDD_IN")->info;
    assert_string_equal(info->chip, "ina3221");
    assert_string_equal(info->device, "1-0040");
    assert_int_equal(info->channel, 1);
    assert_int_equal(info->shunt_uohm, 5000);
    assert_int_equal(info->lsb, 8 * 5040); /* 40 uV over 5 mOhm are 8 mA */
    assert_int_equal(info->period_us, 7000);
    assert_false(info->averages);
    assert_true(value_of("cpu-thermal") == 47250);
    file_tree_put(&tree, "sys/class/hwmon/hwmon3/curr1_input", "2000");
    assert_true(value_of("VDD_IN") == INT64_C(5040) * 2000); /* files stay open and are read anew */
    close_tree();
}

static void the_board_tells_the_total(void **state)
{
    (void)state;
    open_tree(orin_nano);
    size_t count;
    ergo_sensor *list = ergo_linux_sensors_list(sensors, &count);
    static const char compatible[] =
        "nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234";
    const ergo_board *board = ergo_board_matching((ergo_bytes){compatible, sizeof compatible});
    assert_string_equal(board->name, "jetson-orin-nano");
    const uint64_t total = ergo_board_apply(board, NULL, list, count);
    assert_true(total == UINT64_C(1) << (named("VDD_IN") - list));
    assert_true(ergo_board_apply(ergo_board_named("kv260"), NULL, list, count) == 0);
    close_tree();
}

static void counters_are_preferred_to_power_and_keep_their_range(void **state)
{
    (void)state;
    open_tree(pc);
    assert_int_equal(named("ina228 7-0045")->info.quantity, ERGO_QUANTITY_ENERGY);
    assert_true(value_of("ina228 7-0045") == 123456789);
    assert_true(value_of("ina226 7-0041") == 1250000);
    assert_int_equal(named("ina226 7-0041")->info.lsb, 6250);
    assert_true(named("ina226 7-0041")->info.averages);
    assert_true(value_of("package-0") == INT64_C(262143328849));
    assert_true(named("package-0")->info.range == UINT64_C(262143328851));
    assert_true(value_of("package-0/core") == 5);
    assert_null(named("package-0#2")); /* the same counter once more */
    close_tree();
}

static void a_chip_is_called_as_its_device_tree_says(void **state)
{
    (void)state;
    open_tree(labelled);
    assert_true(value_of("VDD_IN") == 4181250);
    assert_int_equal(named("VDD_IN")->info.period_us, 35000);
    close_tree();
}

static void batteries_give_what_they_are_drained_of(void **state)
{
    (void)state;
    open_tree(pc);
    assert_true(value_of("BAT0") == -18000000); /* charging */
    assert_true(value_of("BAT1") == 3500000);   /* this driver shows discharging as negative */
    assert_true(value_of("tcpm") == 18000000);
    assert_null(named("AC"));
    file_tree_put(&tree, "sys/class/power_supply/BAT0/status", "Discharging");
    assert_true(value_of("BAT0") == 18000000);
    close_tree();
}

static void iio_gives_its_power_in_milliwatts(void **state)
{
    (void)state;
    open_tree(debian_iio);
    assert_true(value_of("ina226 iio:device0") == 1250000);
    const ergo_sensor_info *info = &named("ina226 iio:device0")->info;
    assert_int_equal(info->lsb, 6250);
    assert_int_equal(info->period_us, 35200);
    assert_int_equal(info->shunt_uohm, 10000);
    assert_true(value_of("POM_5V_IN") == 3416000);
    assert_null(named("NC"));
    close_tree();
}

static void what_cannot_be_read_is_found_with_advice(void **state)
{
    (void)state;
    file_tree_begin(&tree);
    file_tree_put_all(&tree, pc);
    char path[256];
    (void)snprintf(path, sizeof path, "%s/sys/class/powercap/intel-rapl:0/energy_uj", tree.root);
    assert_int_equal(unlink(path), 0);
    const ergo_linux_config config = {.root = tree.root};
    assert_int_equal(
        ergo_linux_sensors_open(&config, (ergo_block){memory, sizeof memory}, &sensors), ERGO_OK);
    assert_null(named("ina228"));
    size_t count;
    const ergo_linux_finding *found = ergo_linux_sensors_findings(sensors, &count);
    bool said = false;
    for (size_t i = 0; i < count; i++)
        said = said || (strcmp(found[i].what, "rapl package-0") == 0 &&
                        found[i].status == ERGO_E_NOT_FOUND && found[i].advice[0] != '\0');
    assert_true(said);
    close_tree();
}

static void an_empty_system_has_no_sensors_and_says_so(void **state)
{
    (void)state;
    open_tree("");
    size_t count;
    (void)ergo_linux_sensors_list(sensors, &count);
    assert_int_equal(count, 0);
    (void)ergo_linux_sensors_findings(sensors, &count);
    assert_true(count > 0);
    close_tree();
}

static void clocks_are_shown_and_what_could_be_attached_is_found(void **state)
{
    (void)state;
    open_tree("[sys/devices/system/cpu/cpufreq/policy4]\n"
              "scaling_cur_freq = 2208000\nscaling_max_freq = 2400000\n"
              "[sys/class/devfreq/fb000000.gpu]\n"
              "cur_freq = 850000000\nmax_freq = 1000000000\n"
              "[dev]\ni2c-7 = x\ngpiochip0 = x\n");
    assert_true(value_of("policy4") == 2208000);
    assert_true(value_of("fb000000.gpu") == 850000);
    assert_int_equal(named("policy4")->info.quantity, ERGO_QUANTITY_CLOCK);
    size_t count;
    const ergo_linux_finding *found = ergo_linux_sensors_findings(sensors, &count);
    static const char *const expected[] = {"set cpufreq policy4", "set devfreq fb000000.gpu",
                                           "bus i2c-7", "lines gpiochip0"};
    for (size_t k = 0; k < 4; k++) {
        bool seen = false;
        for (size_t i = 0; i < count; i++)
            seen = seen || (strcmp(found[i].what, expected[k]) == 0 && found[i].status == ERGO_OK);
        assert_true(seen);
    }
    close_tree();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ina3221_has_volts_times_amperes_of_each_labelled_channel),
        cmocka_unit_test(the_board_tells_the_total),
        cmocka_unit_test(counters_are_preferred_to_power_and_keep_their_range),
        cmocka_unit_test(a_chip_is_called_as_its_device_tree_says),
        cmocka_unit_test(batteries_give_what_they_are_drained_of),
        cmocka_unit_test(iio_gives_its_power_in_milliwatts),
        cmocka_unit_test(what_cannot_be_read_is_found_with_advice),
        cmocka_unit_test(clocks_are_shown_and_what_could_be_attached_is_found),
        cmocka_unit_test(an_empty_system_has_no_sensors_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
