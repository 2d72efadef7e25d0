//! The rules of the script, each broken once.

use super::difference::{Difference, SEEDS};
use super::scenarios::SCENARIOS;
use super::*;

/// Changes of the script, each of which breaks a rule.
const MUTANTS: &[(&str, &str)] = &[
    // Rates.
    ("rate.key < NO_LIMIT or rate", "rate.key < NO_LIMIT and rate"),
    ("math.max(0, limit.period + MARGIN - limit.credit)", "math.max(0, limit.period - limit.credit)"),
    ("+ MARGIN - limit.credit", "+ MARGIN"),
    ("key = math.max(a.key, b.key)", "key = math.min(a.key, b.key)"),
    ("tenant = math.max(a.tenant, b.tenant)", "tenant = math.min(a.tenant, b.tenant)"),
    ("period = math.min(a.period, b.period)", "period = math.max(a.period, b.period)"),
    ("credit = math.max(a.credit, b.credit)", "credit = math.min(a.credit, b.credit)"),
    ("return HOLD + ASSUMED_DELIVERY + rate.period", "return HOLD + rate.period"),
    ("return HOLD + ASSUMED_DELIVERY + rate.period", "return ASSUMED_DELIVERY + rate.period"),
    ("return HOLD + ASSUMED_DELIVERY + rate.period", "return HOLD + ASSUMED_DELIVERY"),
    // The gate.
    ("if now >= key.refused_until + HOUR then return 0 end", ""),
    ("key.open_at = math.max(key.open_at, now + wait)", "key.open_at = now + wait"),
    ("(sent >= key.refused_until and 1 or 0)", "1"),
    ("(sent >= key.refused_until and 1 or 0)", "(sent > key.refused_until and 1 or 0)"),
    ("SECOND * 2 ^ math", "SECOND * 1 ^ math"),
    ("math.max(key.refusals - 1, 0)", "key.refusals"),
    ("close(key, retry_after or default)", "close(key, default)"),
    ("key.refused_until = key.open_at", ""),
    ("if sent >= key.refused_until then key.refusals = 0 end", "key.refusals = 0"),
    ("if sent >= key.refused_until then key.refusals = 0 end", ""),
    ("if key.refusals == 0 then return key.open_at end", "do return key.open_at end"),
    ("if gate.refusals > refusals(key) then", "do"),
    ("key.refused_until = math.max(key.refused_until, now + gate.closed)", ""),
    ("    close(key, gate.closed)\n", ""),
    // What counts.
    ("if slot.id == id and slot.key == name then", "if slot.id == id then"),
    ("math.min(slot.last, now + math.max(slot.after, TICK))", "now + math.max(slot.after, TICK)"),
    ("now + math.max(slot.after, TICK)", "now + slot.after"),
    ("    slot.since = now\n", ""),
    ("    slot.last = now + HOLD\n", ""),
    ("    unanswered(slot)\n    slot.last = now + longest_count()", "    unanswered(slot)"),
    ("if slot.last > now then", "if slot.last >= now then"),
    ("if slot.first <= now then unanswered(slot) end", ""),
    ("math.min(math.max(key.limit, 1), rate.key)", "math.min(key.limit, rate.key)"),
    ("math.min(math.max(key.limit, 1), rate.key)", "math.max(key.limit, 1)"),
    ("if key.limit and key.limit_until > now then", "if key.limit then"),
    ("if count() >= rate.tenant then state.full_at = now end", ""),
    ("if count(name) >= key_limit(key) then key.full_at = now end", ""),
    ("if used + ahead < limit then return nil end", "if used < limit then return nil end"),
    ("ends[used - limit + 1]", "ends[1]"),
    ("local behind = ahead - math.max(0, most - used)", "local behind = ahead"),
    ("+ behind % most + 1]", "+ 1]"),
    ("if last then first = math.min(first, last) end", ""),
    ("first + life * math.floor(behind / most)", "first"),
    // The queue.
    ("return math.max(0, state.round - ARREARS)", "return 0"),
    ("return math.max(0, state.round - ARREARS)", "return state.round"),
    ("if #state.waiters == 0 then state.fastest = nil end", ""),
    ("waiter.at, waiter.contends = at, contends", "waiter.at = at"),
    ("waiter.at, waiter.contends = at, contends", "waiter.contends = contends"),
    ("state.fastest = or_faster(state.fastest or rate, rate)", "state.fastest = rate"),
    ("state.last_order = state.last_order + 1", ""),
    ("if not key.round then key.round, key.order", "do key.round, key.order"),
    ("if one.round ~= other.round then return one.round < other.round end", ""),
    ("rotate(name, 1, contenders(name) > 0)", ""),
    ("if next_name then state.round = math.max(state.round, state.keys[next_name].round) end", ""),
    ("if waiter.at + PATIENCE < now then", "if waiter.at < now then"),
    ("if waiter.at + PATIENCE < now then", "if waiter.at + PATIENCE <= now then"),
    ("for _, waiter in ipairs(late) do remove(waiter.ticket) end", ""),
    ("if not ticket then return waiting(name) end", "if not ticket then return 0 end"),
    ("if waiter.key == name and waiter.ticket < ticket then", "if waiter.ticket < ticket then"),
    ("if waiter.key == name and waiter.ticket < ticket then", "if false then"),
    ("return math.min(number, enough)", "return number"),
    ("round = math.max(round, first_round()) + ahead", "round = math.max(round, first_round())"),
    ("round = math.max(round, first_round()) + ahead", "round = round + ahead"),
    ("or (other.round == round and other.order < order)", ""),
    ("if other_name ~= name then", "do"),
    (
        "math.min(contenders(other_name), round - other.round + (other.order < order and 1 or 0))",
        "contenders(other_name)",
    ),
    ("round - other.round + (other.order < order and 1 or 0)", "round - other.round"),
    // The decisions.
    ("    expire_slots()\n    expire_waiters()", "    expire_slots()"),
    (
        "math.max(last_end(name), gate_matters_until(key), key.limit_until or 0)",
        "math.max(last_end(name), key.limit_until or 0)",
    ),
    (
        "math.max(last_end(name), gate_matters_until(key), key.limit_until or 0)",
        "math.max(last_end(name), gate_matters_until(key))",
    ),
    (
        "math.max(last_end(name), gate_matters_until(key), key.limit_until or 0)",
        "math.max(gate_matters_until(key), key.limit_until or 0)",
    ),
    ("if waiting(name) == 0 and matters_until <= now then", "if matters_until <= now then"),
    ("state.next_ticket, state.round, state.last_order, state.full_at = 0, 0, 0, nil", ""),
    ("local free = math.min(tenant_free,", "local free = math.max(tenant_free,"),
    ("math.max(free, FORESIGHT)", "1"),
    ("local ahead_of_all = ahead + turns_before", "local ahead_of_all = turns_before"),
    ("free_at(name, limit, fastest.key, ahead, life)", "nil"),
    ("free_at(nil, rate.tenant, fastest.tenant, ahead_of_all, life)", "nil"),
    (
        "local at = math.max(by_key or 0, by_tenant or 0)",
        "local at = math.min(by_key or math.huge, by_tenant or math.huge)",
    ),
    ("local contends = not by_key", "local contends = true"),
    ("local contends = not by_key", "local contends = false"),
    ("math.min(now + PATIENCE, at > now and at or math.huge), BY_QUEUE", "at, BY_QUEUE"),
    ("if free > 0 then return", "if free < 0 then return"),
    ("if (by_tenant or -1) > (by_key or -1) then", "if false then"),
    (
        "if at - now >= q.within then\n        remove(ticket)",
        "if at - now >= q.within then\n        insert(name, ticket, at, contends)",
    ),
    ("if at - now >= q.within then\n        remove(ticket)", "if false then"),
    ("elseif not position(ticket) and waiting(name) >= rate.queue then", "elseif waiting(name) >= rate.queue then"),
    ("elseif not position(ticket) and waiting(name) >= rate.queue then", "elseif false then"),
    ("    remove(ticket)\n    end_turn(name)", "    end_turn(name)"),
    ("    remove(ticket)\n    end_turn(name)", "    remove(ticket)"),
    ("if not slot then\n        slot =", "do\n        slot ="),
    ("slot.after, slot.departed = after_answer(rate), false", "slot.after = after_answer(rate)"),
    ("if slot and not slot.departed then hold(slot) end", ""),
    ("if slot and not slot.departed then hold(slot) end", "if slot then hold(slot) end"),
    ("if waiter and waiter.key ~= name then given = nil end", ""),
    ("local ticket = given or state.next_ticket", "local ticket = state.next_ticket"),
    ("state.next_ticket = math.max(state.next_ticket, ticket + 1)", ""),
    ("if key.open_at > now then", "if false then"),
    ("if key.open_at > now then", "if key.open_at >= now then"),
    ("if q.again and renew(name) then", "if false then"),
    ("if q.again and renew(name) then", "if renew(name) then"),
    ("if at - now < q.within then at = math.min(at, now + LOOK) end", ""),
    ("if at - now < q.within then at = math.min(at, now + LOOK) end", "at = math.min(at, now + LOOK)"),
    ("if slot.departed then sent = slot.since end", ""),
    ("slot.last = now + slot.after\n", ""),
    ("slot.first, slot.departed = slot.last, true", "slot.departed = true"),
    ("slot.first, slot.departed = slot.last, true", "slot.first = slot.last"),
    ("key.limit, key.limit_until = q.limit, now + MINUTE", "key.limit, key.limit_until = q.limit, now + HOUR"),
    ("if q.is_429 then return on_429(key, sent, q.retry_after) end", ""),
    ("    on_other(key, sent)\n", ""),
    ("if q.remaining == 0 then", "if false then"),
    ("q.limit and q.limit > rate.key", "false"),
    ("reset > rate.period or not full_at or full_at < sent", "reset > rate.period"),
    ("reset > rate.period or not full_at or full_at < sent", "true"),
    ("reset <= MINUTE and reset or rate.period", "reset"),
    ("if slot and not slot.departed then table.remove", "if slot then table.remove"),
    ("if q.op == 'Withdrawn' then remove(q.ticket) end", ""),
    // The state and the clock.
    ("heard.born == state.born and heard.moment <= state.moment", "heard.moment <= state.moment"),
    ("heard.moment + heard.elapsed + SLACK", "heard.moment + SLACK"),
    ("heard.moment + heard.elapsed + SLACK", "heard.moment + heard.elapsed"),
    ("now = math.max(now, state.moment or now)", ""),
    ("state.offset = clock - now", ""),
    ("state.born, state.quiet_until = now, now + longest_count()", "state.born, state.quiet_until = now, now"),
    (" or (heard and heard.born == state.born and heard.moment > state.moment)", ""),
    ("state.quiet_until = math.max(state.quiet_until, state.born + longest_count())", ""),
    ("state.born + longest_count())", "now + longest_count())"),
    ("state.moment = now", "state.moment = state.moment or now"),
    ("if gate and gate.born ~= state.born then", "if false then"),
    ("if gate and gate.born ~= state.born then", "if gate then"),
    ("if now < state.quiet_until then", "if false then"),
    ("if now >= state.quiet_until then drop_idle() end", "drop_idle()"),
    ("if state.version ~= VERSION then", "if false then"),
    ("math.max(lifetime, WEEK + key.open_at - now)", "lifetime"),
];

#[test]
fn promise_27_each_rule_of_the_script_matters() {
    let (first, second) = MUTANTS.split_at(MUTANTS.len() / 2);
    let second = thread::spawn(move || survivors(second));
    let mut survivors = survivors(first);
    survivors.extend(second.join().unwrap());
    assert!(survivors.is_empty(), "{} of {}: {survivors:#?}", survivors.len(), MUTANTS.len());
}

/// The mutants that no test finds.
fn survivors(mutants: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let lua = include_str!("../../limiter.lua");
    let mut server = Server::start();
    let mut survives = |(rule, broken): &(&str, &str)| {
        assert_eq!(lua.matches(rule).count(), 1, "{rule}");
        let mutant = Script::new(&lua.replace(rule, broken));
        SCENARIOS.iter().all(|scenario| scenario(&mut server, &mutant).is_ok())
            && SEEDS.clone().all(|seed| Difference::new(&mut server, &mutant, seed).find().is_none())
    };
    mutants.iter().copied().filter(|mutant| survives(mutant)).collect()
}
