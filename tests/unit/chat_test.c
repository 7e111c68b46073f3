/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "ergo/chat.h"

#define STR(text) ((ergo_str){(text), strlen(text)})
#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
#define MESSAGE(who, what)                                                                         \
    {                                                                                              \
        TEXT(who), TEXT(what)                                                                      \
    }
#define COUNT(array) (sizeof(array) / sizeof *(array))

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const size_t size = (size_t)ftell(file);
    char *text = calloc(1, size + 1);
    assert_non_null(text);
    rewind(file);
    assert_int_equal(fread(text, 1, size, file), size);
    fclose(file);
    return text;
}

/** The prompt as a string that the caller frees. */
static char *render(const ergo_chat_format *format, const ergo_chat_message *messages, size_t count,
                    bool generate)
{
    size_t size, again;
    const ergo_status status = ergo_chat_render(format, messages, count, generate, NULL, 0, &size);
    assert_int_equal(status, size ? ERGO_E_MEMORY : ERGO_OK);
    char *text = calloc(1, size + 1);
    assert_non_null(text);
    assert_int_equal(ergo_chat_render(format, messages, count, generate, text, size, &again),
                     ERGO_OK);
    assert_int_equal(again, size);
    return text;
}

static void expect(const char *name, const ergo_chat_message *messages, size_t count, bool generate,
                   const char *expected)
{
    const ergo_chat_format *format = ergo_chat_find(name);
    assert_non_null(format);
    char *text = render(format, messages, count, generate);
    assert_string_equal(text, expected);
    free(text);
}

static const char *field(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(object, name));
    assert_non_null(text);
    return text;
}

static void published_templates_give_their_published_prompts(void **state)
{
    (void)state;
    char path[1024];
    const char *folder = getenv("ERGO_ASSETS");
    snprintf(path, sizeof path, "%s/chat/cases.json",
             folder ? folder : ERGO_SOURCE_DIR "/../shared/assets");
    char *json = read_text(path);
    if (!json) {
        print_message("SKIPPED: no test assets: %s (set ERGO_ASSETS)\n", path);
        skip();
    }
    cJSON *root = cJSON_Parse(json), *item;
    ergo_chat_message messages[16];
    size_t count = 0;
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(root, "conversation"))
    {
        assert_true(count < COUNT(messages));
        messages[count++] =
            (ergo_chat_message){STR(field(item, "role")), STR(field(item, "content"))};
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(root, "cases"))
    {
        const ergo_chat_format *format = ergo_chat_detect(STR(field(item, "template")));
        if (!format)
            fail_msg("not recognised: %s", field(item, "name"));
        char *text = render(format, messages, count, true);
        const char *jinja = field(item, "expected_jinja");
        if (strcmp(text, field(item, "expected")) != 0 && (!*jinja || strcmp(text, jinja) != 0))
            fail_msg("%s: %s", field(item, "name"), text);
        free(text);
    }
    cJSON_Delete(root);
    free(json);
}

static void every_format_is_found_by_its_name_once(void **state)
{
    (void)state;
    size_t n = 0;
    for (const ergo_chat_format *f; (f = ergo_chat_at(n)); ++n) {
        assert_ptr_equal(ergo_chat_find(ergo_chat_name(f)), f);
        assert_ptr_equal(ergo_chat_detect(STR(ergo_chat_name(f))), f);
    }
    assert_true(n >= 40);
    assert_null(ergo_chat_at(SIZE_MAX));
    assert_null(ergo_chat_find("no such format"));
    assert_null(ergo_chat_find(NULL));
    assert_null(ergo_chat_name(NULL));
}

static void formats_named_in_the_manual_exist(void **state)
{
    (void)state;
    static const char *const names[] = {
        "chatml",     "llama2", "llama3",  "gemma",  "phi3", "mistral-v1", "mistral-v3",
        "mistral-v7", "zephyr", "granite", "smollm", "qwen", "deepseek3",  "command-r"};
    for (size_t i = 0; i < COUNT(names); ++i)
        assert_non_null(ergo_chat_find(names[i]));
}

/* Shortened templates: what gives each family away, as their publishers spell it. */
static void templates_are_recognised_by_their_markers(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"chatml", "{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' }}"},
        {"qwen", "{{ '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. "
                 "You are a helpful assistant.<|im_end|>\\n' }}"},
        {"smollm", "{{ '<|im_start|>system\\nYou are a helpful AI assistant named SmolLM, "
                   "trained by Hugging Face<|im_end|>\\n' }}"},
        {"phi4", "{{ '<|im_start|>user<|im_sep|>' + m.content }}"},
        {"smolvlm", "<|im_start|>{{ m.content }}<end_of_utterance>"},
        {"zephyr", "{{ '<|user|>\\n' + m.content + eos_token }}{{ '<|assistant|>' }}"},
        {"stablelm", "{{ '<|user|>\\n' + m.content + '<|endoftext|>' }}{{ '<|assistant|>' }}"},
        {"falcon3", "{{ '<|user|>\\n' + m.content }}{{ '<|assistant|>' + m.content + eos_token }}"},
        {"phi3", "{{ '<|user|>' + m.content + '<|end|>' }}{{ '<|assistant|>' }}"},
        {"llama2", "{{ '[INST] ' + m.content + ' [/INST]' }}"},
        {"llama2-sys", "{{ '[INST] <<SYS>>' + m.content + ' [/INST]' }}"},
        {"llama2-sys-bos", "{{ bos_token + '[INST] <<SYS>>' + m.content + ' [/INST]' }}"},
        {"llama2-sys-strip", "{{ '[INST] ' + content.strip() + ' [/INST]' }}"},
        {"mistral-v7", "{{ '[SYSTEM_PROMPT] ' + m.content }}{{ '[INST] ' + m.content }}"},
        {"mistral-v7-tekken", "{{ '[SYSTEM_PROMPT]' + m.content }}{{ '[INST]' + m.content }}"},
        {"llama3", "<|start_header_id|>user<|end_header_id|>"},
        {"llama4", "<|header_start|>user<|header_end|>"},
        {"gemma", "<start_of_turn>user"},
        {"granite", "<|start_of_role|>user<|end_of_role|>"},
        {"deepseek3", "{{ '<｜User｜>' + m.content + '<｜Assistant｜>' }}"},
        {"exaone4", "[|system|][|assistant|][|endofturn|][|tool|]"},
        {"exaone3", "[|system|][|assistant|][|endofturn|]"},
    };
    for (size_t i = 0; i < COUNT(cases); ++i) {
        const ergo_chat_format *format = ergo_chat_detect(STR(cases[i][1]));
        if (!format || strcmp(ergo_chat_name(format), cases[i][0]) != 0)
            fail_msg("%s taken for %s", cases[i][0], format ? ergo_chat_name(format) : "nothing");
    }
}

static void unknown_templates_are_refused(void **state)
{
    (void)state;
    assert_null(ergo_chat_detect(STR("")));
    assert_null(ergo_chat_detect((ergo_str){NULL, 0}));
    assert_null(ergo_chat_detect(STR("{{ messages }}")));
    assert_null(ergo_chat_detect(STR("[SYS] {{ m }} [INST] {{ m }} [RESP]")));
    assert_null(ergo_chat_detect(STR("<|user|>")));
}

static const ergo_chat_message short_talk[] = {MESSAGE("system", " S "), MESSAGE("user", " U "),
                                               MESSAGE("assistant", " A "), MESSAGE("user", " V ")};

static void prompts_are_what_the_families_document(void **state)
{
    (void)state;
    static const struct {
        const char *name, *prompt;
    } cases[] = {
        {"zephyr", "<|system|>\n S </s>\n<|user|>\n U </s>\n<|assistant|>\n A </s>\n"
                   "<|user|>\n V </s>\n<|assistant|>\n"},
        {"llama2-sys-bos",
         "[INST] <<SYS>>\n S \n<</SYS>>\n\n U  [/INST] A </s><s>[INST]  V  [/INST]"},
        {"mistral-v1", " [INST]  S \n\n U  [/INST]  A </s> [INST]  V  [/INST]"},
        {"mistral-v3", "[INST]  S \n\n U [/INST] A</s>[INST]  V [/INST]"},
        {"mistral-v7", "[SYSTEM_PROMPT]  S [/SYSTEM_PROMPT][INST]  U [/INST]  A </s>"
                       "[INST]  V [/INST]"},
        {"monarch", "system\n S </s>\n<s>user\n U </s>\n<s>assistant\n A </s>\n"
                    "<s>user\n V </s>\n<s>assistant\n"},
        {"gemma", "<start_of_turn>user\nS\n\nU<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n"
                  "<start_of_turn>user\nV<end_of_turn>\n<start_of_turn>model\n"},
        {"deepseek3", " S <｜User｜> U <｜Assistant｜> A <｜end▁of▁sentence｜><｜User｜> V "
                      "<｜Assistant｜>"},
        {"command-r", "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>S<|END_OF_TURN_TOKEN|>"
                      "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>U<|END_OF_TURN_TOKEN|>"
                      "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>A<|END_OF_TURN_TOKEN|>"
                      "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>V<|END_OF_TURN_TOKEN|>"
                      "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>"},
        {"chatglm4", "[gMASK]<sop><|system|>\n S <|user|>\n U <|assistant|>\n A <|user|>\n V "
                     "<|assistant|>\n"},
        {"yandex", "<s> Пользователь:  S \n U \n\n Ассистент:  A \n\n Пользователь:  V \n\n"
                   " Ассистент:[SEP]"},
        {"smolvlm", "<|im_start|> S \n\nUser:  U <end_of_utterance>\n"
                    "Assistant:  A <end_of_utterance>\nUser:  V <end_of_utterance>\nAssistant:"},
    };
    for (size_t i = 0; i < COUNT(cases); ++i)
        expect(cases[i].name, short_talk, COUNT(short_talk), true, cases[i].prompt);
}

static void generation_header_is_optional(void **state)
{
    (void)state;
    const ergo_chat_message m[] = {MESSAGE("user", "U"), MESSAGE("assistant", "A")};
    expect("llama3", m, 2, false,
           "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|>"
           "<|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>");
    expect("monarch", m, 1, true, "user\nU</s>\n<s>assistant\n");
    expect("gemma", NULL, 0, true, "<start_of_turn>model\n");
}

static void default_system_message_stands_in_for_a_missing_one(void **state)
{
    (void)state;
    const ergo_chat_message user[] = {MESSAGE("user", "U")};
    const ergo_chat_message both[] = {MESSAGE("system", "S"), MESSAGE("user", "U")};
    expect("qwen", user, 1, true,
           "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful "
           "assistant.<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n");
    expect("smollm", both, 2, true,
           "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n"
           "<|im_start|>assistant\n");
}

static void refuse(const char *name, const ergo_chat_message *messages, size_t count)
{
    char buffer[256];
    size_t size = 77;
    assert_int_equal(
        ergo_chat_render(ergo_chat_find(name), messages, count, true, buffer, sizeof buffer, &size),
        ERGO_E_ARGUMENT);
    assert_int_equal(size, 77);
}

static void what_a_format_cannot_express_is_refused(void **state)
{
    (void)state;
    const ergo_chat_message robot[] = {MESSAGE("robot", "x")};
    const ergo_chat_message tool[] = {MESSAGE("user", "x"), MESSAGE("tool", "y")};
    const ergo_chat_message late[] = {MESSAGE("user", "x"), MESSAGE("assistant", "y"),
                                      MESSAGE("system", "z"), MESSAGE("user", "v")};
    const ergo_chat_message alone[] = {MESSAGE("system", "x")};
    const ergo_chat_message twice[] = {MESSAGE("user", "x"), MESSAGE("user", "y")};
    const ergo_chat_message answer[] = {MESSAGE("assistant", "x")};
    const ergo_chat_message null[] = {{{"user", 4}, {NULL, 3}}};
    refuse("chatml", robot, 1);
    refuse("phi3", tool, 2);
    refuse("gemma", late, 4);
    refuse("gemma", alone, 1);
    refuse("llama2", late, 4);
    refuse("llama2", alone, 1);
    refuse("mistral-v3", twice, 2);
    refuse("mistral-v3", answer, 1);
    refuse("chatml", null, 1);
    refuse("no such format", alone, 1);
}

static void buffers_are_filled_to_their_capacity_and_no_further(void **state)
{
    (void)state;
    char whole[512], part[512];
    size_t size, needed;
    for (size_t i = 0; i < 4; ++i) {
        static const char *const names[] = {"qwen", "llama2-sys", "gemma", "command-r"};
        const ergo_chat_format *format = ergo_chat_find(names[i]);
        assert_int_equal(ergo_chat_render(format, short_talk, 4, true, whole, sizeof whole, &size),
                         ERGO_OK);
        for (size_t capacity = 0; capacity <= size; ++capacity) {
            memset(part, '#', sizeof part);
            assert_int_equal(ergo_chat_render(format, short_talk, 4, true, part, capacity, &needed),
                             capacity < size ? ERGO_E_MEMORY : ERGO_OK);
            assert_int_equal(needed, size);
            assert_memory_equal(part, whole, capacity);
            for (size_t k = capacity; k < sizeof part; ++k)
                assert_int_equal(part[k], '#');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_templates_give_their_published_prompts),
        cmocka_unit_test(every_format_is_found_by_its_name_once),
        cmocka_unit_test(formats_named_in_the_manual_exist),
        cmocka_unit_test(templates_are_recognised_by_their_markers),
        cmocka_unit_test(unknown_templates_are_refused),
        cmocka_unit_test(prompts_are_what_the_families_document),
        cmocka_unit_test(generation_header_is_optional),
        cmocka_unit_test(default_system_message_stands_in_for_a_missing_one),
        cmocka_unit_test(what_a_format_cannot_express_is_refused),
        cmocka_unit_test(buffers_are_filled_to_their_capacity_and_no_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
