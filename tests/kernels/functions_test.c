/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "backends/cpu/features.h"
#include "tests/kernels/kernel_checks.h"

/*
 * Every kernel of the list that is no matmul, as the tables hand it out with and without the
 * features of this CPU, gives the bits of its definition. The tests are made from the list.
 */

static int start(void **state)
{
    (void)state;
    const char *given = getenv("ERGO_TEST_SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    print_message("ERGO_TEST_SEED=%llu\n", (unsigned long long)seed);
    check_seed(seed);
    return 0;
}

static void check_tables(void (*check)(const ergo__cpu_kernels *))
{
    static const char *const sets[] = {"none", "avx2,fma,f16c,vfpv4", "-avx512vnni,-i8mm,-dotprod",
                                       NULL};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        ergo__cpu_kernels table;
        uint32_t found = 0;
        assert_int_equal(ergo__cpu_features_detect(NULL, sets[i], &found), ERGO_OK);
        ergo__cpu_kernels_fill(found, &table);
        check(&table);
    }
}

#define ERGO__FUNCTION(result, name, parameters)                                                   \
    static void name##_gives_the_bits_of_its_definition(void **state)                              \
    {                                                                                              \
        (void)state;                                                                               \
        check_tables(check_##name);                                                                \
    }
#include "backends/cpu/kernels.inc"

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ERGO__FUNCTION(result, name, parameters)                                                   \
    cmocka_unit_test(name##_gives_the_bits_of_its_definition),
#include "backends/cpu/kernels.inc"
    };
    return cmocka_run_group_tests_name("kernel functions", tests, start, NULL);
}
