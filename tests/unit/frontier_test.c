/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ergo/frontier.h"

static uint64_t state;

static uint64_t draw(uint64_t most)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % most + 1;
}

static void what_is_beaten_goes_behind_and_the_hull_is_marked(void **unused)
{
    (void)unused;
    ergo_point p[] = {{.ns = 40, .nj = 50}, {.ns = 10, .nj = 100}, {.ns = 20, .nj = 60},
                      {.ns = 30, .nj = 59}, {.ns = 50, .nj = 70},  {.ns = 0, .nj = 1},
                      {.ns = 60, .nj = 55}, {.ns = 20, .nj = 61}};
    uint32_t cooler = 0;
    assert_int_equal(ergo_frontier_sort(p, 8, &cooler), 4);
    const uint64_t ns[] = {10, 20, 30, 40};
    for (int i = 0; i < 4; i++)
        assert_int_equal(p[i].ns, ns[i]);
    assert_int_equal(p[0].place, ERGO_PLACE_HULL);
    assert_int_equal(p[1].place, ERGO_PLACE_HULL);
    assert_int_equal(p[2].place, ERGO_PLACE_FRONTIER); /* a mix of its neighbours costs 55 */
    assert_int_equal(p[3].place, ERGO_PLACE_HULL);
    assert_int_equal(cooler, 1); /* 60 ns for 55: slower and dearer than 40 for 50, but cooler */
    assert_int_equal(p[4].ns, 60);
    assert_int_equal(p[4].place, ERGO_PLACE_COOLER);
}

/* The definition, point by point. */
static void random_clouds_give_what_the_definition_says(void **unused)
{
    (void)unused;
    state = 1;
    for (int round = 0; round < 300; round++) {
        ergo_point p[64];
        const uint32_t count = (uint32_t)draw(64);
        for (uint32_t i = 0; i < count; i++)
            p[i] = (ergo_point){.ns = draw(60), .nj = draw(60)};
        const uint32_t kept = ergo_frontier_sort(p, count, NULL);
        assert_true(kept > 0);
        for (uint32_t i = 0; i < count; i++) {
            bool beaten = false;
            for (uint32_t k = 0; k < count; k++)
                beaten = beaten || (p[k].ns <= p[i].ns && p[k].nj <= p[i].nj &&
                                    (p[k].ns < p[i].ns || p[k].nj < p[i].nj));
            if (i < kept)
                assert_false(beaten);
            else if (!beaten) /* equal to one that was kept */
                assert_true(p[i].place <= ERGO_PLACE_COOLER);
        }
        for (uint32_t i = 1; i + 1 < kept; i++) {
            bool below = true; /* strictly below every chord around it */
            for (uint32_t a = 0; a < i; a++)
                for (uint32_t b = i + 1; b < kept; b++)
                    below = below && (p[i].nj - p[b].nj) * (p[b].ns - p[a].ns) <
                                         (p[a].nj - p[b].nj) * (p[b].ns - p[i].ns);
            assert_int_equal(p[i].place == ERGO_PLACE_HULL, below);
        }
    }
}

static void a_mix_reaches_what_lies_between(void **unused)
{
    (void)unused;
    ergo_point p[] = {{.ns = 100, .nj = 1000}, {.ns = 200, .nj = 600}, {.ns = 400, .nj = 500}};
    assert_int_equal(ergo_frontier_sort(p, 3, NULL), 3);
    ergo_mix mix;
    assert_true(ergo_frontier_at_ns(p, 3, 150, &mix));
    assert_int_equal(mix.a, 0);
    assert_int_equal(mix.b, 1);
    assert_int_equal(mix.b_ppm, 500000);
    assert_int_equal(mix.nj, 800);
    assert_true(ergo_frontier_at_ns(p, 3, 1000, &mix));
    assert_int_equal(mix.a, 2);
    assert_int_equal(mix.b_ppm, 0);
    assert_false(ergo_frontier_at_ns(p, 3, 99, &mix));
    assert_int_equal(mix.a, 0);
    assert_true(ergo_frontier_at_nj(p, 3, 550, &mix));
    assert_int_equal(mix.a, 1);
    assert_int_equal(mix.ns, 300);
    assert_true(ergo_frontier_at_nj(p, 3, 2000, &mix));
    assert_int_equal(mix.ns, 100);
    assert_false(ergo_frontier_at_nj(p, 3, 499, &mix));
    assert_int_equal(mix.a, 2);
}

static void slack_goes_where_a_second_saves_most(void **unused)
{
    (void)unused;
    ergo_point prefill[] = {{.ns = 10, .nj = 100}, {.ns = 20, .nj = 90}};
    ergo_point decode[] = {{.ns = 100, .nj = 1000}, {.ns = 150, .nj = 500}, {.ns = 300, .nj = 400}};
    ergo_frontier_sort(prefill, 2, NULL);
    ergo_frontier_sort(decode, 3, NULL);
    ergo_part parts[] = {{.frontier = prefill, .count = 2, .tokens = 100},
                         {.frontier = decode, .count = 3, .tokens = 10}};
    uint64_t ns, nj;
    /* Fastest: 1000 + 1000 ns. 50 a nanosecond is saved by decode first, then 1, then 2/3. */
    assert_true(ergo_parts_split(parts, 2, 2500, &ns, &nj));
    assert_int_equal(ns, 2500);
    assert_int_equal(nj, 10000 + 5000);
    assert_true(ergo_parts_split(parts, 2, 3000, &ns, &nj));
    assert_int_equal(parts[0].mix.b_ppm, 500000);
    assert_int_equal(nj, 9500 + 5000);
    assert_true(ergo_parts_split(parts, 2, UINT64_MAX, &ns, &nj));
    assert_int_equal(nj, 9000 + 4000);
    assert_false(ergo_parts_split(parts, 2, 1999, &ns, &nj));
    assert_int_equal(ns, 2000);
    ergo_whole hull[8];
    assert_int_equal(ergo_parts_hull(parts, 2, hull, 8), 4);
    const uint64_t times[] = {2000, 2500, 3500, 5000}, joules[] = {20000, 15000, 14000, 13000};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(hull[i].ns, times[i]);
        assert_int_equal(hull[i].nj, joules[i]);
    }
}

/* No other way to spend the slack, in steps of a hundredth, is better. */
static void the_split_is_the_best_there_is(void **unused)
{
    (void)unused;
    state = 7;
    for (int round = 0; round < 50; round++) {
        ergo_point p[2][12];
        ergo_part parts[2];
        for (int k = 0; k < 2; k++) {
            for (int i = 0; i < 12; i++)
                p[k][i] = (ergo_point){.ns = 1000 * draw(100), .nj = 1000 * draw(100)};
            parts[k] = (ergo_part){
                .frontier = p[k], .count = ergo_frontier_sort(p[k], 12, NULL), .tokens = draw(20)};
        }
        const uint64_t least = parts[0].tokens * p[0][0].ns + parts[1].tokens * p[1][0].ns;
        const uint64_t limit = least + 1000 * draw(1000);
        uint64_t ns, nj;
        assert_true(ergo_parts_split(parts, 2, limit, &ns, &nj));
        assert_true(ns <= limit);
        for (uint64_t step = 0; step <= 100; step++) {
            const uint64_t first = parts[0].tokens * p[0][0].ns + (limit - least) * step / 100;
            ergo_mix a, b;
            ergo_frontier_at_ns(p[0], parts[0].count, first / parts[0].tokens, &a);
            ergo_frontier_at_ns(p[1], parts[1].count, (limit - first) / parts[1].tokens, &b);
            assert_true((double)nj * 0.9999 <=
                        (double)(a.nj * parts[0].tokens + b.nj * parts[1].tokens));
        }
    }
}

static void reasons_say_what_neighbours_cost(void **unused)
{
    (void)unused;
    const ergo_knob_level levels[] = {{.value = 1000}, {.value = 2000}};
    const ergo_knob knob = {
        .info = {.name = "cpu", .kind = ERGO_KNOB_CLOCK, .levels = levels, .level_count = 2}};
    ergo_point p[] = {{.level = {1}, .ns = 100, .nj = 111}, {.level = {0}, .ns = 102, .nj = 100}};
    assert_int_equal(ergo_frontier_sort(p, 2, NULL), 2);
    char text[128];
    ergo_frontier_reason(p, 2, 0, &knob, 1, text, sizeof text);
    assert_string_equal(text, "fastest; the next slower point saves 9.9 % energy");
    ergo_frontier_reason(p, 2, 1, &knob, 1, text, sizeof text);
    assert_string_equal(
        text, "least energy: memory-bound: a higher clock gains 2.0 % speed for 11.0 % energy");
    assert_int_equal(ergo_frontier_reason(p, 2, 1, NULL, 0, text, 8), 7);
    assert_string_equal(text, "least e");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_beaten_goes_behind_and_the_hull_is_marked),
        cmocka_unit_test(random_clouds_give_what_the_definition_says),
        cmocka_unit_test(a_mix_reaches_what_lies_between),
        cmocka_unit_test(slack_goes_where_a_second_saves_most),
        cmocka_unit_test(the_split_is_the_best_there_is),
        cmocka_unit_test(reasons_say_what_neighbours_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
