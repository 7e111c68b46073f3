/* SPDX-License-Identifier: Apache-2.0 */
#include "ergo/account.h"

#include "power/ledger.h"
#include "runtime/base/log.h"

/*
 * Entries wait in a ring, in order of time, until the meter knows the energy up to their end. Their
 * shares wait in a second ring.
 */

#define PENDING 1024u
#define SHARES_PER_ENTRY 2u

typedef struct entry {
    uint64_t begin_ns;
    uint64_t end_ns;
    ergo_phase phase; /* when it has no shares */
    uint32_t shares;
} entry;

typedef struct request {
    ergo__ledger ledger;
    bool open;
} request;

struct ergo_account {
    ergo_account_config config;
    ergo__ledger phases[ERGO_PHASE_COUNT];
    request *requests;
    entry *entries; /* ring of max_pending */
    uint32_t first_entry;
    uint32_t entry_count;
    ergo_account_share *shares; /* ring of share_capacity */
    uint32_t share_capacity;
    uint32_t first_share;
    uint32_t share_count;
    uint64_t settled_ns; /* all time before has been given to a phase */
    uint64_t last_ns;    /* end of the last entry */
    ergo__idle idle;
};

static ergo_account_config with_defaults(const ergo_account_config *config)
{
    ergo_account_config c = *config;
    if (c.max_requests == 0)
        c.max_requests = 1;
    if (c.max_pending == 0)
        c.max_pending = PENDING;
    return c;
}

static ergo_account *lay_account(const ergo_account_config *c, ergo__arena *arena)
{
    const uint32_t shares = c->max_pending * SHARES_PER_ENTRY + c->max_requests;
    ergo_account *account = ERGO__TAKE_LINE(arena, ergo_account, 1);
    request *requests = ERGO__TAKE(arena, request, c->max_requests);
    entry *entries = ERGO__TAKE(arena, entry, c->max_pending);
    ergo_account_share *ring = ERGO__TAKE(arena, ergo_account_share, shares);
    if (account)
        *account = (ergo_account){.config = *c,
                                  .requests = requests,
                                  .entries = entries,
                                  .shares = ring,
                                  .share_capacity = shares};
    return account;
}

static ergo_status check(const ergo_account_config *config)
{
    if (!config->meter)
        return ergo__fail(&config->log, ERGO_E_ARGUMENT, "account: meter is NULL");
    if (config->max_pending > 1u << 24 || config->max_requests > 1u << 24)
        return ergo__fail(&config->log, ERGO_E_ARGUMENT,
                          "account: max_pending %u or max_requests %u is larger than %u",
                          config->max_pending, config->max_requests, 1u << 24);
    return ERGO_OK;
}

ergo_status ergo_account_size(const ergo_account_config *config, size_t *size)
{
    const ergo_status status = check(config);
    if (status != ERGO_OK)
        return status;
    const ergo_account_config c = with_defaults(config);
    ergo__arena arena = ergo__arena_counting();
    lay_account(&c, &arena);
    *size = arena.used;
    return arena.full ? ERGO_E_LIMIT : ERGO_OK;
}

ergo_status ergo_account_open(const ergo_account_config *config, ergo_block memory,
                              ergo_account **out)
{
    const ergo_status status = check(config);
    if (status != ERGO_OK)
        return status;
    const ergo_account_config c = with_defaults(config);
    ergo__arena arena = ergo__arena_over(memory);
    ergo_account *account = lay_account(&c, &arena);
    if (arena.full)
        return ergo__fail(&c.log, ERGO_E_MEMORY, "account: needs more than %zu bytes", memory.size);
    for (uint32_t i = 0; i < c.max_requests; i++)
        account->requests[i] = (request){.open = false};
    account->settled_ns = ergo_meter_now(c.meter);
    account->last_ns = account->settled_ns;
    account->idle.given_uw = c.idle_uw;
    *out = account;
    return ERGO_OK;
}

/* ---- Settling ------------------------------------------------------------------------------ */

static ergo_energy energy_of(const ergo_account *account, uint64_t begin_ns, uint64_t end_ns)
{
    ergo_energy energy = {0};
    /* Fails only for a sensor that does not exist, which gives no energy. */
    (void)ergo_meter_between(account->config.meter, account->config.sensor, begin_ns, end_ns,
                             &energy);
    return energy;
}

/* What nobody claimed. */
static void settle_idle(ergo_account *account, uint64_t until_ns)
{
    const uint64_t from = account->settled_ns;
    if (until_ns <= from)
        return;
    const ergo_energy energy = energy_of(account, from, until_ns);
    ergo__ledger_add(&account->phases[ERGO_PHASE_IDLE], account->config.meter,
                     account->config.sensor, from, until_ns, energy.uj, energy.ns);
    ergo__idle_learn(&account->idle, account->config.meter, account->config.sensor, from, until_ns);
    account->settled_ns = until_ns;
}

/* Part `done + part` of `all` less part `done`: parts add up to the whole. */
static int64_t part_of(int64_t whole, uint64_t done, uint64_t part, uint64_t all)
{
    const int64_t each = whole / (int64_t)all;
    const int64_t left = whole % (int64_t)all;
    const int64_t sign = left < 0 ? -1 : 1;
    const uint64_t extra = (uint64_t)(left * sign); /* the first `extra` tokens get one more */
    const uint64_t end = done + part < extra ? done + part : extra;
    const uint64_t begin = done < extra ? done : extra;
    return each * (int64_t)part + sign * (int64_t)(end - begin);
}

typedef struct split {
    const entry *of;
    ergo_energy energy;
    uint64_t tokens;
    uint64_t done;
} split;

static void give(ergo_account *account, ergo__ledger *ledger, const split *s, uint64_t tokens)
{
    ergo__ledger_add(ledger, account->config.meter, account->config.sensor, s->of->begin_ns,
                     s->of->end_ns, part_of(s->energy.uj, s->done, tokens, s->tokens),
                     (uint64_t)part_of((int64_t)s->energy.ns, s->done, tokens, s->tokens));
}

/* The parts of one share: prefill first, then decode, each to its phase and to the request. */
static void give_share(ergo_account *account, split *s, const ergo_account_share *share)
{
    ergo__ledger *own = &account->requests[share->request].ledger;
    const uint32_t tokens[2] = {share->prefill_tokens, share->decode_tokens};
    const ergo_phase phase[2] = {ERGO_PHASE_PREFILL, ERGO_PHASE_DECODE};
    for (int i = 0; i < 2; i++) {
        if (tokens[i] == 0)
            continue;
        give(account, &account->phases[phase[i]], s, tokens[i]);
        give(account, own, s, tokens[i]);
        s->done += tokens[i];
    }
    own->prefill_tokens += share->prefill_tokens;
    own->decode_tokens += share->decode_tokens;
    account->phases[ERGO_PHASE_PREFILL].prefill_tokens += share->prefill_tokens;
    account->phases[ERGO_PHASE_DECODE].decode_tokens += share->decode_tokens;
}

static const ergo_account_share *share_at(const ergo_account *account, uint32_t i)
{
    return &account->shares[(account->first_share + i) % account->share_capacity];
}

static void settle_first(ergo_account *account)
{
    const entry *e = &account->entries[account->first_entry];
    settle_idle(account, e->begin_ns);
    split s = {.of = e, .energy = energy_of(account, e->begin_ns, e->end_ns)};
    for (uint32_t i = 0; i < e->shares; i++)
        s.tokens +=
            (uint64_t)share_at(account, i)->prefill_tokens + share_at(account, i)->decode_tokens;
    if (e->shares == 0 && e->phase == ERGO_PHASE_IDLE) {
        settle_idle(account, e->end_ns); /* which learns from it, too */
    } else if (s.tokens == 0) {
        s.tokens = 1;
        give(account, &account->phases[e->phase], &s, 1);
    } else {
        for (uint32_t i = 0; i < e->shares; i++)
            give_share(account, &s, share_at(account, i));
    }
    account->settled_ns = e->end_ns;
    account->first_share = (account->first_share + e->shares) % account->share_capacity;
    account->share_count -= e->shares;
    account->first_entry = (account->first_entry + 1) % account->config.max_pending;
    account->entry_count--;
}

void ergo_account_settle(ergo_account *account, bool all)
{
    const uint64_t known = ergo_meter_known_ns(account->config.meter, account->config.sensor);
    while (account->entry_count > 0 &&
           (all || account->entries[account->first_entry].end_ns <= known))
        settle_first(account);
}

/* ---- Entries ------------------------------------------------------------------------------- */

static ergo_status add_entry(ergo_account *account, const entry *e,
                             const ergo_account_share *shares)
{
    if (e->end_ns < e->begin_ns || e->begin_ns < account->last_ns)
        return ergo__fail(
            &account->config.log, ERGO_E_ARGUMENT,
            "account: an entry must begin after the one before and end after it begins");
    if (e->shares > account->share_capacity)
        return ergo__fail(&account->config.log, ERGO_E_LIMIT, "account: a step of %u shares",
                          e->shares);
    while (account->entry_count == account->config.max_pending ||
           account->share_count + e->shares > account->share_capacity)
        settle_first(account);
    account->entries[(account->first_entry + account->entry_count) % account->config.max_pending] =
        *e;
    account->entry_count++;
    for (uint32_t i = 0; i < e->shares; i++)
        account
            ->shares[(account->first_share + account->share_count + i) % account->share_capacity] =
            shares[i];
    account->share_count += e->shares;
    account->last_ns = e->end_ns;
    return ERGO_OK;
}

ergo_status ergo_account_step(ergo_account *account, uint64_t begin_ns, uint64_t end_ns,
                              const ergo_account_share *shares, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (shares[i].request >= account->config.max_requests ||
            !account->requests[shares[i].request].open)
            return ergo__fail(&account->config.log, ERGO_E_ARGUMENT,
                              "account: no request %u is open", shares[i].request);
    if (count > UINT32_MAX)
        return ERGO_E_LIMIT;
    const entry e = {begin_ns, end_ns, ERGO_PHASE_DECODE, (uint32_t)count};
    return add_entry(account, &e, shares);
}

ergo_status ergo_account_phase(ergo_account *account, ergo_phase phase, uint64_t begin_ns,
                               uint64_t end_ns)
{
    if ((unsigned)phase >= ERGO_PHASE_COUNT)
        return ergo__fail(&account->config.log, ERGO_E_ARGUMENT, "account: no phase %u",
                          (unsigned)phase);
    const entry e = {begin_ns, end_ns, phase, 0};
    return add_entry(account, &e, NULL);
}

ergo_status ergo_account_request(ergo_account *account, uint32_t *out)
{
    for (uint32_t i = 0; i < account->config.max_requests; i++) {
        if (account->requests[i].open)
            continue;
        account->requests[i] = (request){.open = true};
        *out = i;
        return ERGO_OK;
    }
    return ergo__fail(&account->config.log, ERGO_E_LIMIT, "account: all %u requests are open",
                      account->config.max_requests);
}

/* Its entries are settled first: the number may have another owner soon. */
void ergo_account_release(ergo_account *account, uint32_t number)
{
    if (number >= account->config.max_requests || !account->requests[number].open)
        return;
    ergo_account_settle(account, true);
    account->requests[number].open = false;
}

/* ---- Asking -------------------------------------------------------------------------------- */

bool ergo_account_idle(const ergo_account *account, uint64_t *idle_uw)
{
    return ergo__idle_get(&account->idle, idle_uw);
}

static void entry_of(const ergo_account *account, const ergo__ledger *ledger,
                     ergo_account_entry *out)
{
    uint64_t idle_uw = 0;
    *out = (ergo_account_entry){.prefill_tokens = ledger->prefill_tokens,
                                .decode_tokens = ledger->decode_tokens,
                                .idle_known = ergo_account_idle(account, &idle_uw)};
    ergo__ledger_get(ledger, account->config.meter, account->config.sensor, &out->energy);
    const double idle_uj = (double)idle_uw * (double)out->energy.ns * 1e-9;
    out->above_idle_uj = out->idle_known ? out->energy.uj - (int64_t)(idle_uj + 0.5) : 0;
}

void ergo_account_get_phase(const ergo_account *account, ergo_phase phase, ergo_account_entry *out)
{
    entry_of(account, &account->phases[phase], out);
}

ergo_status ergo_account_get_request(const ergo_account *account, uint32_t number,
                                     ergo_account_entry *out)
{
    if (number >= account->config.max_requests || !account->requests[number].open)
        return ERGO_E_ARGUMENT;
    entry_of(account, &account->requests[number].ledger, out);
    return ERGO_OK;
}

void ergo_account_get_total(const ergo_account *account, ergo_account_entry *out)
{
    ergo__ledger sum = {0};
    for (int i = 0; i < ERGO_PHASE_COUNT; i++)
        ergo__ledger_join(&sum, &account->phases[i], account->config.meter, account->config.sensor);
    entry_of(account, &sum, out);
}
