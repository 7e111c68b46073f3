/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ergo/policy.h"
#include "power/sections.h"
#include "runtime/base/log.h"

/* Policies as text. Numbers are whole nanojoules, nanoseconds and microwatts inside. */

typedef struct unit {
    const char *name;
    uint64_t factor;
} unit;

static const unit times[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};
static const unit energies[] = {
    {"uJ", 1000}, {"mJ", 1000000}, {"J", 1000000000}, {"kJ", 1000000000000}};
static const unit powers[] = {{"uW", 1}, {"mW", 1000}, {"W", 1000000}, {"kW", 1000000000}};

/* What a number may be followed by; `plain` is meant when nothing does (NULL: nothing may not). */
typedef struct measure {
    const unit *units;
    size_t count;
    const unit *plain;
    const char *example;
} measure;

static const measure time_scale = {times, 4, NULL, "50ms"};
static const measure energy_scale = {energies, 4, &energies[2], "0.30J"};
static const measure power_scale = {powers, 4, &powers[2], "6.5W"};

typedef struct reader {
    const ergo_log *log;
    ergo_str whole;
} reader;

static ergo_status bad(const reader *r, const char *what, ergo_str part, const char *right)
{
    return ergo__fail(r->log, ERGO_E_ARGUMENT, "policy '%.*s': %s '%.*s'; write %s",
                      (int)(r->whole.size < 60 ? r->whole.size : 60), r->whole.data, what,
                      (int)(part.size < 40 ? part.size : 40), part.data, right);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const unit *unit_of(const measure *scale, ergo_str text)
{
    if (text.size == 0)
        return scale->plain;
    for (size_t i = 0; i < scale->count; i++)
        if (ergo__str_is(text, scale->units[i].name))
            return &scale->units[i];
    return NULL;
}

/*
 * A decimal number with a unit, in the least unit: whole + fraction / 10^digits, times the factor.
 * At most 12 digits before the point and 9 behind it, so that nothing overflows unseen.
 */
static ergo_status quantity(const reader *r, ergo_str text, const measure *scale, uint64_t *out)
{
    uint64_t whole = 0, fraction = 0, divisor = 1;
    size_t i = 0, digits = 0;
    for (; i < text.size && is_digit(text.data[i]) && i < 12; i++, digits++)
        whole = whole * 10 + (uint64_t)(text.data[i] - '0');
    if (i < text.size && text.data[i] == '.')
        for (i++; i < text.size && is_digit(text.data[i]) && divisor < 1000000000; i++, digits++) {
            fraction = fraction * 10 + (uint64_t)(text.data[i] - '0');
            divisor *= 10;
        }
    const unit *u = unit_of(scale, (ergo_str){text.data + i, text.size - i});
    if (digits == 0 || !u)
        return bad(r, "not a quantity:", text, scale->example);
    if (whole > (UINT64_MAX >> 1) / u->factor)
        return bad(r, "too large:", text, scale->example);
    /* factor / divisor is not whole for small units: multiply first where that fits. */
    const uint64_t part =
        u->factor >= divisor ? fraction * (u->factor / divisor) : fraction * u->factor / divisor;
    *out = whole * u->factor + part;
    return *out > 0 ? ERGO_OK : bad(r, "not above zero:", text, scale->example);
}

/* Splits at the first `sign`; `rest` is empty when there is none, and false. */
static bool split(ergo_str text, char sign, ergo_str *first, ergo_str *rest)
{
    const char *at = text.size > 0 ? memchr(text.data, sign, text.size) : NULL;
    const size_t size = at ? (size_t)(at - text.data) : text.size;
    *first = (ergo_str){text.data, size};
    *rest = at ? (ergo_str){at + 1, text.size - size - 1} : (ergo_str){text.data + text.size, 0};
    return at != NULL;
}

static ergo_status min_energy(const reader *r, ergo_str text, ergo_policy *out)
{
    static const char right[] = "min-energy, or min-energy:tpot=50ms,ttft=2s";
    for (bool more = true; more;) {
        ergo_str setting, key, value;
        more = split(text, ',', &setting, &text);
        split(setting, '=', &key, &value);
        uint64_t *limit = ergo__str_is(key, "tpot")   ? &out->token_ns
                          : ergo__str_is(key, "ttft") ? &out->first_ns
                                                      : NULL;
        if (!limit)
            return bad(r, "unknown setting", setting, right);
        if (*limit != 0)
            return bad(r, "given twice:", key, right);
        const ergo_status status = quantity(r, value, &time_scale, limit);
        if (status != ERGO_OK)
            return status;
    }
    return ERGO_OK;
}

static ergo_status budget(const reader *r, ergo_str text, ergo_policy *out)
{
    static const char right[] = "budget:40J/256, joules for so many tokens";
    ergo_str energy, tokens;
    if (!split(text, '/', &energy, &tokens))
        return bad(r, "no number of tokens in", text, right);
    const ergo_status status = quantity(r, energy, &energy_scale, &out->budget_nj);
    if (status != ERGO_OK)
        return status;
    uint64_t n = 0;
    for (size_t i = 0; i < tokens.size; i++) {
        if (!is_digit(tokens.data[i]) || i >= 12)
            return bad(r, "not a number of tokens:", tokens, right);
        n = n * 10 + (uint64_t)(tokens.data[i] - '0');
    }
    if (n == 0)
        return bad(r, "not a number of tokens:", tokens, right);
    out->budget_tokens = n;
    return ERGO_OK;
}

static ergo_status parse(const reader *r, ergo_policy *out)
{
    ergo_str name, rest;
    const bool more = split(r->whole, ':', &name, &rest);
    if (ergo__str_is(name, "measure") || ergo__str_is(name, "race")) {
        out->kind = ergo__str_is(name, "race") ? ERGO_POLICY_RACE : ERGO_POLICY_MEASURE;
        return more ? bad(r, "has no settings, but", rest, "it alone") : ERGO_OK;
    }
    if (ergo__str_is(name, "min-energy")) {
        out->kind = ERGO_POLICY_MIN_ENERGY;
        return more ? min_energy(r, rest, out) : ERGO_OK;
    }
    if (ergo__str_is(name, "jpt")) {
        out->kind = ERGO_POLICY_JPT;
        return quantity(r, rest, &energy_scale, &out->token_nj);
    }
    if (ergo__str_is(name, "cap")) {
        out->kind = ERGO_POLICY_CAP;
        return quantity(r, rest, &power_scale, &out->cap_uw);
    }
    if (ergo__str_is(name, "budget")) {
        out->kind = ERGO_POLICY_BUDGET;
        return budget(r, rest, out);
    }
    return bad(r, "unknown policy", name,
               "measure, race, jpt:0.30, min-energy:tpot=50ms, cap:6.5W or budget:40J/256");
}

ergo_status ergo_policy_parse(ergo_str text, const ergo_log *log, ergo_policy *out)
{
    const reader r = {log, text};
    ergo_policy policy = {.kind = ERGO_POLICY_MEASURE};
    const ergo_status status = parse(&r, &policy);
    if (status == ERGO_OK)
        *out = policy;
    return status;
}

/* ---- And back ------------------------------------------------------------------------------ */

/* A number of least units as a decimal one of the largest unit, "0.300000000", without needless
 * zeros. */
static const char *decimal(uint64_t value, uint64_t factor, int digits, char text[40])
{
    int n = snprintf(text, 40, "%" PRIu64 ".%0*" PRIu64, value / factor, digits, value % factor);
    while (n > 0 && text[n - 1] == '0')
        n--;
    if (n > 0 && text[n - 1] == '.')
        n--;
    text[n > 0 ? n : 0] = '\0';
    return text;
}

size_t ergo_policy_text(const ergo_policy *policy, char *text, size_t size)
{
    char a[40], b[40];
    int n = 0;
    if (size == 0)
        return 0;
    switch (policy->kind) {
    case ERGO_POLICY_MEASURE:
        n = snprintf(text, size, "measure");
        break;
    case ERGO_POLICY_RACE:
        n = snprintf(text, size, "race");
        break;
    case ERGO_POLICY_MIN_ENERGY: {
        const bool each = policy->token_ns != 0, first = policy->first_ns != 0;
        n = snprintf(text, size, "min-energy%s%s%s%s%s%s", each || first ? ":" : "",
                     each ? "tpot=" : "", each ? decimal(policy->token_ns, 1000000, 6, a) : "",
                     each ? "ms" : "",
                     each && first ? ",ttft="
                     : first       ? "ttft="
                                   : "",
                     first ? decimal(policy->first_ns, 1000000, 6, b) : "");
        if (first && n > 0 && (size_t)n < size)
            n += snprintf(text + n, size - (size_t)n, "ms");
        break;
    }
    case ERGO_POLICY_JPT:
        n = snprintf(text, size, "jpt:%s", decimal(policy->token_nj, 1000000000, 9, a));
        break;
    case ERGO_POLICY_CAP:
        n = snprintf(text, size, "cap:%sW", decimal(policy->cap_uw, 1000000, 6, a));
        break;
    case ERGO_POLICY_BUDGET:
        n = snprintf(text, size, "budget:%sJ/%" PRIu64,
                     decimal(policy->budget_nj, 1000000000, 9, a), policy->budget_tokens);
        break;
    }
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}
