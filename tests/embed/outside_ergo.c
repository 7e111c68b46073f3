/* SPDX-License-Identifier: Apache-2.0 */
#include <ergo/ergo.h>
#include <stdio.h>
#include <stdlib.h>

static void print(void *user, ergo_log_level level, const char *message)
{
    (void)user;
    printf("level %d: %s\n", (int)level, message);
}

/* Opens the CPU, which links kernels and threads, and asks for the memory of a file that is none.
 */
int main(void)
{
    const ergo_log log = {.write = print};
    const ergo_device_config device_config = {.log = log};
    size_t size = 0;
    if (ergo_device_size(ergo_backend_cpu(), &device_config, &size))
        return 1;
    size = (size + ERGO_BLOCK_ALIGN - 1) / ERGO_BLOCK_ALIGN * ERGO_BLOCK_ALIGN;
    void *memory = aligned_alloc(ERGO_BLOCK_ALIGN, size);
    ergo_device *device = NULL;
    if (ergo_device_open(ergo_backend_cpu(), &device_config, (ergo_block){memory, size}, &device))
        return 2;
    printf("ergo %s on %s\n", ergo_version(), ergo_device_text(device));
    ergo_device_close(device);
    free(memory);

    const ergo_gguf_config gguf_config = {.log = log};
    const ergo_bytes junk = {"no model", 8};
    return ergo_gguf_size(junk, &gguf_config, &size) == ERGO_E_FORMAT ? 0 : 3;
}
