/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "backends/cpu/features.h"
#include "backends/cpu/program.h"
#include "runtime/base/log.h"

/* Never more than the CPUs that the process is allowed. */
static uint32_t threads_of(const ergo_device_config *config)
{
    const uint32_t allowed = ergo__os_cpu_count();
    const uint32_t most = allowed < ERGO__POOL_MAX ? allowed : ERGO__POOL_MAX;
    return config->threads > 0 && config->threads < most ? config->threads : most;
}

static ergo__cpu_device *lay_device(const ergo_device_config *config, ergo__arena *arena)
{
    ergo__cpu_device *device = ERGO__TAKE_LINE(arena, ergo__cpu_device, 1);
    ergo__pool_layout(device ? &device->pool : NULL, arena, threads_of(config));
    return device;
}

static ergo_status cpu_size(const ergo_device_config *config, size_t *size)
{
    ergo__arena arena = ergo__arena_counting();
    lay_device(config, &arena);
    *size = arena.used;
    return ERGO_OK;
}

static void cpu_close(ergo_device *device)
{
    ergo__pool_stop(&((ergo__cpu_device *)device)->pool);
}

static ergo_status cpu_open(const ergo_device_config *config, ergo_block memory, ergo_device **out)
{
    uint32_t features;
    ergo_status status = ergo__cpu_features_detect(&config->log, config->cpu_features, &features);
    if (status != ERGO_OK)
        return status;
    ergo__arena arena = ergo__arena_over(memory);
    ergo__cpu_device *device = lay_device(config, &arena);
    if (!device || arena.full)
        return ergo__fail(&config->log, ERGO_E_MEMORY, "cpu: the device needs more than %zu bytes",
                          memory.size);
    const uint32_t threads = threads_of(config);
    if (config->threads > threads)
        ergo__log(&config->log, ERGO_LOG_WARNING, "cpu: %u threads asked, %u CPUs are allowed",
                  config->threads, threads);
    status = ergo__pool_start(&device->pool, threads);
    if (status != ERGO_OK)
        return ergo__fail(&config->log, status, "cpu: cannot start %u threads", threads);
    ergo__cpu_kernels_fill(features, &device->kernels);
    device->common =
        (ergo_device){.backend = ergo_backend_cpu(), .log = config->log, .threads = threads};
    char names[ERGO__CPU_FEATURES_TEXT];
    ergo__cpu_features_text(features, names);
    snprintf(device->common.text, sizeof device->common.text, "cpu, %u thread%s, %s", threads,
             threads == 1 ? "" : "s", names);
    *out = &device->common;
    return ERGO_OK;
}

static bool cpu_supports(const ergo_device *device, const ergo__step *step)
{
    const ergo__cpu_kernels *kernels = &((const ergo__cpu_device *)device)->kernels;
    for (int i = 0; i < 3 && step->op == ERGO__OP_MATMUL && step->weight[i].data; i++)
        if (!ergo__cpu_matmul(kernels, step->weight[i].type))
            return false;
    return true;
}

const ergo_backend *ergo_backend_cpu(void)
{
    static const ergo_backend backend = {
        .name = "cpu",
        .size = cpu_size,
        .open = cpu_open,
        .close = cpu_close,
        .supports = cpu_supports,
        .prepare = ergo__cpu_prepare,
        .run = ergo__cpu_run,
        .logits = ergo__cpu_logits,
        .page_bytes = ergo__cpu_page_bytes,
        .page_clear = ergo__cpu_page_clear,
        .page_read = ergo__cpu_page_read,
        .page_write = ergo__cpu_page_write,
    };
    return &backend;
}
