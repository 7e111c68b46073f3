/* SPDX-License-Identifier: Apache-2.0 */
#include "power/ledger.h"

#include <math.h>

#define SPAN_BREAK_NS UINT64_C(5000000)    /* a longer pause ends a span */
#define SPAN_MOST_NS UINT64_C(10000000000) /* of older ones the meter knows less */
#define IDLE_LEAST_NS UINT64_C(500000000)
#define IDLE_MARGIN_PERIODS 2u

/* Adds what a span is worth to the sums of those that are over. */
static void close_span(ergo__ledger *ledger, ergo_meter *meter, uint32_t sensor)
{
    const ergo__span *s = &ledger->span;
    ergo_energy e;
    if (s->begin_ns == s->end_ns ||
        ergo_meter_between(meter, sensor, s->begin_ns, s->end_ns, &e) != ERGO_OK)
        return;
    /* Of a window that others shared, the part of the error that goes with the part of the time. */
    const double part = e.ns > 0 ? fmin((double)s->ns / (double)e.ns, 1.0) : 1.0;
    const double random = (double)(e.error_uj - e.gain_uj) * part;
    ledger->random2 += random * random;
    ledger->gain_uj += (double)e.gain_uj * part;
    ledger->covered_ns += (double)e.covered_ns * part;
    ledger->readings += e.readings;
    ledger->flags |= e.flags;
    ledger->span = (ergo__span){0};
}

void ergo__ledger_add(ergo__ledger *ledger, ergo_meter *meter, uint32_t sensor, uint64_t begin_ns,
                      uint64_t end_ns, int64_t uj, uint64_t ns)
{
    ergo__span *s = &ledger->span;
    const bool goes_on = s->begin_ns != s->end_ns && begin_ns >= s->begin_ns &&
                         begin_ns <= s->end_ns + SPAN_BREAK_NS &&
                         end_ns - s->begin_ns <= SPAN_MOST_NS;
    if (!goes_on) {
        close_span(ledger, meter, sensor);
        *s = (ergo__span){.begin_ns = begin_ns};
    }
    s->end_ns = end_ns;
    s->uj += uj;
    s->ns += ns;
    ledger->uj += uj;
    ledger->ns += ns;
}

void ergo__ledger_join(ergo__ledger *ledger, const ergo__ledger *other, ergo_meter *meter,
                       uint32_t sensor)
{
    ergo__ledger o = *other;
    close_span(&o, meter, sensor);
    ledger->uj += o.uj;
    ledger->ns += o.ns;
    ledger->prefill_tokens += o.prefill_tokens;
    ledger->decode_tokens += o.decode_tokens;
    ledger->random2 += o.random2;
    ledger->gain_uj += o.gain_uj;
    ledger->covered_ns += o.covered_ns;
    ledger->readings += o.readings;
    ledger->flags |= o.flags;
}

/* FEW and GAPS are judged of the sum: a short span among long ones harms nothing. */
void ergo__ledger_get(const ergo__ledger *ledger, ergo_meter *meter, uint32_t sensor,
                      ergo_energy *out)
{
    ergo__ledger l = *ledger;
    close_span(&l, meter, sensor);
    *out = (ergo_energy){
        .uj = l.uj,
        .gain_uj = (uint64_t)ceil(l.gain_uj),
        .error_uj = (uint64_t)(ceil(sqrt(l.random2)) + ceil(l.gain_uj)),
        .ns = l.ns,
        .covered_ns = (uint64_t)fmin(l.covered_ns, (double)l.ns),
        .readings = l.readings < UINT32_MAX ? (uint32_t)l.readings : UINT32_MAX,
        .flags = l.flags & ~(ERGO_ENERGY_FEW | ERGO_ENERGY_GAPS),
    };
    if (out->readings < 20)
        out->flags |= ERGO_ENERGY_FEW;
    if ((double)out->covered_ns < 0.95 * (double)l.ns)
        out->flags |= ERGO_ENERGY_GAPS;
}

void ergo__idle_learn(ergo__idle *idle, ergo_meter *meter, uint32_t sensor, uint64_t begin_ns,
                      uint64_t end_ns)
{
    ergo_meter_state state;
    ergo_energy e;
    if (ergo_meter_get(meter, sensor, &state) != ERGO_OK)
        return;
    const uint64_t margin = IDLE_MARGIN_PERIODS * (uint64_t)state.period_us * 1000;
    if (end_ns - begin_ns < IDLE_LEAST_NS + 2 * margin ||
        ergo_meter_between(meter, sensor, begin_ns + margin, end_ns - margin, &e) != ERGO_OK ||
        e.uj < 0 || (e.flags & ~ERGO_ENERGY_FEW) != 0)
        return;
    const uint64_t uw = (uint64_t)((double)e.uj * 1e9 / (double)e.ns);
    if (!idle->measured || uw < idle->measured_uw)
        idle->measured_uw = uw;
    idle->measured = true;
}

bool ergo__idle_get(const ergo__idle *idle, uint64_t *idle_uw)
{
    *idle_uw = idle->given_uw > 0 ? idle->given_uw : idle->measured_uw;
    return idle->given_uw > 0 || idle->measured;
}
