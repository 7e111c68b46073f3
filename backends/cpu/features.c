/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "backends/cpu/features.h"
#include "runtime/base/log.h"

#if !defined(ERGO__CPU_X86) && !defined(ERGO__CPU_ARM)
uint32_t ergo__cpu_features_probe(void)
{
    return 0;
}
#endif

typedef struct feature {
    uint32_t bit;
    const char *name;
} feature;

static const feature features[] = {
#define FEATURE_ROW(NAME, bit, text) {bit, text},
    ERGO__CPU_FEATURES(FEATURE_ROW)
#undef FEATURE_ROW
};

#define FEATURE_COUNT (sizeof features / sizeof *features)

/* The bits of a name of `size` bytes, "none" and "all" too; false when there is no such name. */
static bool find_feature(const char *name, size_t size, uint32_t *bit)
{
    for (size_t i = 0; i < FEATURE_COUNT; i++) {
        if (strlen(features[i].name) == size && memcmp(features[i].name, name, size) == 0) {
            *bit = features[i].bit;
            return true;
        }
    }
    const bool all = size == 3 && memcmp(name, "all", 3) == 0;
    *bit = all ? UINT32_MAX : 0;
    return all || (size == 4 && memcmp(name, "none", 4) == 0);
}

ergo_status ergo__cpu_features_detect(const ergo_log *log, const char *allowed, uint32_t *out)
{
    const uint32_t found = ergo__cpu_features_probe();
    uint32_t kept = allowed == NULL || allowed[0] == '-' ? found : 0;
    for (const char *at = allowed; at != NULL;) {
        const bool take_away = *at == '-';
        const char *name = at + (take_away ? 1 : 0);
        const size_t size = strcspn(name, ",");
        uint32_t bit;
        if (!find_feature(name, size, &bit)) {
            char known[ERGO__CPU_FEATURES_TEXT];
            ergo__cpu_features_text(UINT32_MAX, known);
            return ergo__fail(log, ERGO_E_ARGUMENT,
                              "cpu feature '%.*s' is unknown; known: none all %s",
                              (int)(size < 40 ? size : 40), name, known);
        }
        kept = take_away ? kept & ~bit : kept | bit;
        at = name[size] == ',' ? name + size + 1 : NULL;
    }
    *out = kept & found;
    return ERGO_OK;
}

void ergo__cpu_features_text(uint32_t set, char text[ERGO__CPU_FEATURES_TEXT])
{
    size_t used = 0;
    for (size_t i = 0; i < FEATURE_COUNT; i++) {
        const size_t size = strlen(features[i].name);
        if ((set & features[i].bit) == 0 || used + size + 2 > ERGO__CPU_FEATURES_TEXT)
            continue;
        if (used > 0)
            text[used++] = ' ';
        memcpy(text + used, features[i].name, size);
        used += size;
    }
    if (used == 0) {
        memcpy(text, "none", 4);
        used = 4;
    }
    text[used] = '\0';
}
