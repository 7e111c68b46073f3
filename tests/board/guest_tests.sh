# SPDX-License-Identifier: Apache-2.0
# What must hold on the emulated board, with the kernel's own drivers.
out=/results
mkdir -p $out
model=ergo-demo-Q8_0.gguf
truth=/sys/module/virtual_board/parameters
cpu=/sys/devices/system/cpu/cpufreq
failed=

check() { # TEXT CONDITION...
    text=$1
    shift
    if "$@"; then echo "passed: $text"; else
        echo "FAILED: $text"
        failed=yes
    fi
}

between() { awk -v x="$1" -v a="$2" -v b="$3" 'BEGIN { exit !(x >= a && x <= b) }'; }

generate() { run-model generate --json -m $model -p "Once upon a time" -n 100 --temp 0 --threads 2 "$@"; }

# metered NAME SAYS [OPTION...]: the joules of a run by its own figures and by the truth.
metered() {
    name=$1 says=$2
    shift 2
    before=$(cat $truth/energy_uj)
    generate "$@" >$out/out.json 2>$out/err.txt || cat $out/err.txt
    after=$(cat $truth/energy_uj)
    energy=$(sed 's/.*"energy"://' $out/out.json)
    echo "  $energy"
    echo "  truth of the whole run: $((after - before)) uJ"
    check "$name: the run says what it cost, by $says" grep -q "\"energy\":{\"meter\":\"[^\"]*$says" $out/out.json
    check "$name: it is covered, or said not to be" covered "$energy"
    check "$name: the figures add up to most of the truth " \
        adds_up "$energy" $((after - before))
}

# Reading a sensor costs an emulated CPU a hundred times what it costs a real one; the meter then reads
# more rarely than the sensor converts.
covered() {
    case $1 in *"readings are missing"*) return 0 ;; esac
    between "$(echo "$1" | sed 's/.*"coverage":\([0-9.]*\).*/\1/')" 0.95 1
}

# The truth has the start and the end of the program in it, the figures have not.
adds_up() {
    sum=$(echo "$1" | tr '{,' '\n\n' | sed -n 's/"joules":\([0-9.]*\).*/\1/p' | awk '{ s += $1 } END { print s }')
    between "$sum" "$(awk -v t="$2" 'BEGIN { print t * 0.5e-6 }')" "$(awk -v t="$2" 'BEGIN { print t * 1.02e-6 }')"
}

cd /modules
for module in configfs i2c-dev cpufreq_userspace cpufreq-dt governor_simpleondemand \
    governor_userspace imx-bus industrialio kfifo_buf ina2xx ina3221 virtual_board irq_sim gpio-sim; do
    insmod ./$module.ko || echo "FAILED: insmod $module"
done
cd /
sleep 1
echo "kernel $(uname -r), $(ls /sys/class/hwmon | tr '\n' ' ')"
grep . /sys/class/hwmon/*/name /sys/class/hwmon/*/*label /sys/class/hwmon/*/*interval \
    /sys/class/hwmon/*/power1_input 2>/dev/null

metered "hwmon INA226" "VDD_IN" --board virtual.board

# INA3221 alone: volts times amperes of its three channels.
sed 's/^total = yes//; s/^within = VDD_IN/total = yes/' virtual.board >$out/three.board
metered "hwmon INA3221" "VDD_CPU" --board $out/three.board

# Debian's own driver for the chip is one of IIO; both want the same device.
hwmon=$(basename "$(dirname "$(echo /sys/bus/i2c/devices/0-0040/hwmon/hwmon*/name)")")
echo "the INA226 is $hwmon"
rmmod ina2xx
insmod /modules/ina2xx-adc.ko
ls /sys/bus/iio/devices/ && grep . /sys/bus/iio/devices/iio:device0/*raw \
    /sys/bus/iio/devices/iio:device0/*scale /sys/bus/iio/devices/iio:device0/in_* 2>/dev/null
sed 's/^address = 0-0040//' virtual.board >$out/iio.board
metered "IIO ina2xx-adc" "ina226" --board $out/iio.board
rmmod ina2xx-adc
insmod /modules/ina2xx.ko
sleep 1

# A bad moment of the bus, and a sensor that goes away.
during() { # COMMAND: in the middle of a run
    (sleep 1 && eval "$1") &
    generate --board virtual.board -n 300 >$out/out.json 2>$out/err.txt
    cat $out/err.txt
    sed 's/.*"energy":/  /' $out/out.json
    wait
}
during 'echo 3 >$truth/fail'
check "three failed transfers are said" grep -q "cannot be read" $out/err.txt
check "and do not end a run" grep -q '"energy":{' $out/out.json
during 'echo 1 >$truth/hang; sleep 1; echo 0 >$truth/hang'
check "a sensor that hangs for a second does not end a run" grep -q '"energy":{' $out/out.json
during 'echo 0-0040 >/sys/bus/i2c/drivers/ina2xx/unbind'
check "a driver unbound during a run is said" grep -q "VDD_IN cannot be read" $out/err.txt
check "and does not end it" grep -q '"energy":{' $out/out.json
check "what is missing is said" grep -q "readings" $out/out.json
echo 0-0040 >/sys/bus/i2c/drivers/ina2xx/bind

# Clocks: what the kernel does with what it is asked for. Fakes must do the same.
set_clock() { echo "$2" >"$1"; }
echo userspace >$cpu/policy0/scaling_governor
set_clock $cpu/policy0/scaling_setspeed 1200000
check "cpufreq rounds up, and says nothing" [ "$(cat $cpu/policy0/cpuinfo_cur_freq)" = 1400000 ]
set_clock $cpu/policy0/scaling_max_freq 1000000
check "cpufreq clamps, and says nothing" [ "$(cat $cpu/policy0/cpuinfo_cur_freq)" = 1000000 ]
set_clock $cpu/policy0/scaling_max_freq 1800000
echo performance >$cpu/policy0/scaling_governor
(set_clock $cpu/policy0/scaling_setspeed 600000) 2>/dev/null
check "another governor refuses" [ "$(cat $cpu/policy0/cpuinfo_cur_freq)" = 1800000 ]
npu=/sys/class/devfreq/npu
echo userspace >$npu/governor
set_clock $npu/userspace/set_freq 123
check "devfreq rounds, and says nothing" [ "$(cat $npu/cur_freq)" = 300000000 ]

# Power follows the clock, and the meter sees it.
for mhz in 600 1800; do
    echo userspace >$cpu/policy0/scaling_governor
    set_clock $cpu/policy0/scaling_setspeed ${mhz}000
    metered "hwmon INA226, one CPU at $mhz MHz" "VDD_IN" --board virtual.board --threads 1
done

[ -n "$failed" ] || echo "all passed"
