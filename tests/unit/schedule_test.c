/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backends/cpu/program.h"
#include "runtime/model_state.h"
#include "tests/fakes/engine_fixture.h"

/* How the CPU cuts plans into phases. */

#define PHASES_MAX 256

static bool is_product(const ergo__step *step)
{
    return step->op == ERGO__OP_MATMUL;
}

static bool on_outputs(const ergo__plan *plan, const ergo__step *step)
{
    const ergo__value_id id = step->out[0] == ERGO__NO_VALUE ? step->in[0] : step->out[0];
    return plan->values[id].outputs;
}

/* Every step once and in order, and what is quantized is what the next product reads. */
static void check_phases(const ergo__plan *plan, const ergo__cpu_phase *phases, size_t count)
{
    const ergo__step *next = plan->steps;
    for (size_t i = 0; i < count; i++) {
        const ergo__cpu_phase *phase = &phases[i];
        assert_ptr_equal(phase->step, next);
        assert_true(phase->steps > 0 || phase->quantizes);
        for (size_t k = 0; k < phase->steps; k++) {
            const bool alone = is_product(&next[k]) || next[k].op == ERGO__OP_ATTEND;
            assert_true(!alone || phase->steps == 1);
            assert_int_equal(on_outputs(plan, &next[k]), on_outputs(plan, next));
        }
        if (phase->run == ergo__cpu_unit_rows && phase->chunks > 1)
            assert_true(phase->steps <= 1);
        next += phase->steps;
        if (is_product(phase->step) && phase->steps == 1)
            assert_int_equal(ergo__cpu_matmul_quantizes(phase->step),
                             i > 0 && phases[i - 1].quantizes);
        if (phase->quantizes) {
            assert_true(is_product(next) && i + 1 < count);
            assert_int_equal(on_outputs(plan, next), on_outputs(plan, phase->step));
            assert_ptr_equal(phases[i + 1].step, next);
            assert_int_equal(phases[i + 1].steps, 1);
        }
    }
    assert_ptr_equal(next, plan->steps + plan->step_count);
}

static size_t schedule(const tiny_spec *spec)
{
    ergo__cpu_phase phases[PHASES_MAX];
    test_model m;
    test_model_open(&m, spec);
    const size_t count = ergo__cpu_schedule(&m.model->plan, NULL);
    assert_true(count <= PHASES_MAX);
    assert_int_equal(ergo__cpu_schedule(&m.model->plan, phases), count);
    check_phases(&m.model->plan, phases, count);
    test_model_close(&m);
    return count;
}

static void phases_cover_the_steps_of_every_family_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; tiny_families[i]; i++)
        for (int q8 = 0; q8 < 2; q8++)
            (void)schedule(&(tiny_spec){.arch = tiny_families[i],
                                        .type = q8 ? ERGO_TYPE_Q8_0 : ERGO_TYPE_F32,
                                        .layers = 3,
                                        .feed_forward = 96,
                                        .heads = 3,
                                        .kv_heads = 1,
                                        .head_dim = q8 ? 32 : 10});
}

/* Norm, qkv, rope and store, attend, output, norm, gate and up, glu, down. */
static void a_layer_of_llama_is_nine_phases(void **state)
{
    (void)state;
    tiny_spec spec = {.type = ERGO_TYPE_Q8_0, .heads = 4, .kv_heads = 2, .head_dim = 32};
    spec.layers = 1;
    const size_t one = schedule(&spec);
    spec.layers = 5;
    assert_int_equal(schedule(&spec) - one, 4 * 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_cover_the_steps_of_every_family_in_order),
        cmocka_unit_test(a_layer_of_llama_is_nine_phases),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
