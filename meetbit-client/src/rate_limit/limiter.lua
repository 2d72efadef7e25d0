-- Decides for one tenant, as `ask` and `tell` of `shared.rs` do. `redis.rs` puts the constants in front of this text.
--
-- KEYS[1] is the state of the tenant. ARGV[1] is a question or a report, as JSON.
-- Moments are microseconds of Redis's clock minus `offset`. All numbers are integers below 2^53, so they are exact.

local VERSION = 1
local GO, WAIT, CLOSED, FULL, DONE = 0, 1, 2, 3, 4
local BY_KEY, BY_TENANT, BY_QUEUE = 0, 1, 2

local q = cjson.decode(ARGV[1])
local rate = q.rate
local state, now

-- The rate ---------------------------------------------------------------------------------------------------------

local function is_counted()
    return rate.key < NO_LIMIT or rate.tenant < NO_LIMIT
end

local function after_answer(limit)
    return math.max(0, limit.period + MARGIN - limit.credit)
end

-- A limit that is not slower than both.
local function or_faster(a, b)
    return {
        key = math.max(a.key, b.key),
        tenant = math.max(a.tenant, b.tenant),
        period = math.min(a.period, b.period),
        credit = math.max(a.credit, b.credit),
    }
end

-- The time for which a request that was granted earlier can count.
local function longest_count()
    return HOLD + ASSUMED_DELIVERY + rate.period
end

-- The gate of a key: `gate.rs` --------------------------------------------------------------------------------------

local function refusals(key)
    if now >= key.refused_until + HOUR then return 0 end
    return key.refusals
end

local function close(key, wait)
    key.open_at = math.max(key.open_at, now + wait)
end

local function on_429(key, sent, retry_after)
    key.refusals = refusals(key) + (sent >= key.refused_until and 1 or 0)
    local default = SECOND * 2 ^ math.min(math.max(key.refusals - 1, 0), 6)
    close(key, retry_after or default)
    key.refused_until = key.open_at
end

local function on_other(key, sent)
    if sent >= key.refused_until then key.refusals = 0 end
end

local function adopt(key, gate)
    close(key, gate.closed)
    if gate.refusals > refusals(key) then
        key.refusals = gate.refusals
        key.refused_until = math.max(key.refused_until, now + gate.closed)
    end
end

local function gate_matters_until(key)
    if key.refusals == 0 then return key.open_at end
    return math.max(key.open_at, key.refused_until + HOUR)
end

-- The requests that count: `window.rs`. One list serves the tenant and its keys. ------------------------------------

local function count(name)
    local used = 0
    for _, slot in ipairs(state.slots) do
        if not name or slot.key == name then used = used + 1 end
    end
    return used
end

local function find(name, id)
    for index, slot in ipairs(state.slots) do
        if slot.id == id and slot.key == name then return slot, index end
    end
end

-- The earliest end of a request that is not answered before now.
local function unanswered(slot)
    slot.first = math.min(slot.last, now + math.max(slot.after, TICK))
end

-- Counts a request that has not departed. The keeper of this state does not learn of departures, so it counts for as long
-- as it could if it departed at the end of the hold.
local function hold(slot)
    slot.since = now
    slot.last = now + HOLD
    unanswered(slot)
    slot.last = now + longest_count()
end

local function expire_slots()
    local kept = {}
    for _, slot in ipairs(state.slots) do
        if slot.last > now then
            if slot.first <= now then unanswered(slot) end
            kept[#kept + 1] = slot
        end
    end
    state.slots = kept
end

local function last_end(name)
    local last = 0
    for _, slot in ipairs(state.slots) do
        if slot.key == name then last = math.max(last, slot.last) end
    end
    return last
end

-- The limit of this client for the key at present.
local function key_limit(key)
    if key.limit and key.limit_until > now then return math.min(math.max(key.limit, 1), rate.key) end
    return rate.key
end

local function note_full(name, key)
    if count() >= rate.tenant then state.full_at = now end
    if count(name) >= key_limit(key) then key.full_at = now end
end

-- A moment before which a request cannot go that `ahead` others precede; nil if it can go now.
local function free_at(name, limit, most, ahead, life)
    local ends = {}
    for _, slot in ipairs(state.slots) do
        if not name or slot.key == name then ends[#ends + 1] = slot.first end
    end
    local used = #ends
    if used + ahead < limit then return nil end
    table.sort(ends)
    local own = now
    if used >= limit then own = ends[used - limit + 1] end
    local behind = ahead - math.max(0, most - used)
    if behind < 0 then return own end
    local first = now + life
    local last = ends[math.max(0, used - most) + behind % most + 1]
    if last then first = math.min(first, last) end
    return math.max(own, first + life * math.floor(behind / most))
end

-- The calls that wait: `queue.rs` -----------------------------------------------------------------------------------

local function position(ticket)
    for index, waiter in ipairs(state.waiters) do
        if waiter.ticket == ticket then return index, waiter end
    end
end

local function waiting(name)
    local number = 0
    for _, waiter in ipairs(state.waiters) do
        if waiter.key == name then number = number + 1 end
    end
    return number
end

local function contenders(name)
    local number = 0
    for _, waiter in ipairs(state.waiters) do
        if waiter.key == name and waiter.contends then number = number + 1 end
    end
    return number
end

-- The first round in which a key that had no contender can have its turn.
local function first_round()
    return math.max(0, state.round - ARREARS)
end

-- Moves the key by some rounds. `contended` says that it had contenders before the change.
local function rotate(name, rounds, contended)
    local key = state.keys[name]
    if not key or not key.round then return end
    key.round = math.max(key.round, contended and 0 or first_round()) + rounds
end

local function remove(ticket)
    local index, waiter = position(ticket)
    if not index then return end
    local contended = contenders(waiter.key) > 0
    table.remove(state.waiters, index)
    rotate(waiter.key, 0, contended)
    if #state.waiters == 0 then state.fastest = nil end
end

local function insert(name, ticket, at, contends)
    local contended = contenders(name) > 0
    local index, waiter = position(ticket)
    if waiter then
        waiter.at, waiter.contends = at, contends
    else
        state.waiters[#state.waiters + 1] = { ticket = ticket, key = name, at = at, contends = contends }
    end
    state.fastest = or_faster(state.fastest or rate, rate)
    state.last_order = state.last_order + 1
    local key = state.keys[name]
    if not key.round then key.round, key.order = state.round, state.last_order end
    rotate(name, 0, contended)
end

-- The keys that have contenders, in the order of their turns.
local function rotation()
    local names = {}
    for name, key in pairs(state.keys) do
        if key.round and contenders(name) > 0 then names[#names + 1] = name end
    end
    table.sort(names, function(a, b)
        local one, other = state.keys[a], state.keys[b]
        if one.round ~= other.round then return one.round < other.round end
        return one.order < other.order
    end)
    return names
end

local function end_turn(name)
    rotate(name, 1, contenders(name) > 0)
    local next_name = rotation()[1]
    if next_name then state.round = math.max(state.round, state.keys[next_name].round) end
end

-- Drops the waiters that did not come in time.
local function expire_waiters()
    local late = {}
    for _, waiter in ipairs(state.waiters) do
        if waiter.at + PATIENCE < now then late[#late + 1] = waiter end
    end
    table.sort(late, function(a, b)
        if a.at ~= b.at then return a.at < b.at end
        return a.ticket < b.ticket
    end)
    for _, waiter in ipairs(late) do remove(waiter.ticket) end
end

-- The number of waiters of the key before a ticket, at most `enough`; of all if the call has no ticket yet.
local function ahead_of(name, ticket, enough)
    if not ticket then return waiting(name) end
    local number = 0
    for _, waiter in ipairs(state.waiters) do
        if waiter.key == name and waiter.ticket < ticket then number = number + 1 end
    end
    return math.min(number, enough)
end

-- The number of contenders of other keys, about `enough` at most, that go before a call which `ahead` waiters of its own key
-- precede.
local function turns_before(name, ahead, enough)
    local own = state.keys[name]
    local round, order = own.round or state.round, own.order or math.huge
    round = math.max(round, first_round()) + ahead
    local turns = 0
    for _, other_name in ipairs(rotation()) do
        local other = state.keys[other_name]
        local is_before = other.round < round or (other.round == round and other.order < order)
        if turns >= enough or not is_before then break end
        if other_name ~= name then
            turns = turns + math.min(contenders(other_name), round - other.round + (other.order < order and 1 or 0))
        end
    end
    return turns
end

-- The decisions: `state.rs` -----------------------------------------------------------------------------------------

-- Drops what no longer counts, and makes sure that the key has a state.
local function expire(name)
    expire_slots()
    expire_waiters()
    if not state.keys[name] then state.keys[name] = { open_at = 0, refused_until = 0, refusals = 0 } end
end

local function drop_idle()
    for name, key in pairs(state.keys) do
        local matters_until = math.max(last_end(name), gate_matters_until(key), key.limit_until or 0)
        if waiting(name) == 0 and matters_until <= now then state.keys[name] = nil end
    end
    if not next(state.keys) then
        state.next_ticket, state.round, state.last_order, state.full_at = 0, 0, 0, nil
    end
end

-- nil if a request can be sent. Otherwise a moment before which it cannot, the reason, and true if it waits only for other
-- keys or for the tenant's limit.
local function turn(name, key, ticket)
    if not is_counted() then return nil end
    local limit = key_limit(key)
    local tenant_free = math.max(0, rate.tenant - count())
    local free = math.min(tenant_free, math.max(0, limit - count(name)))
    local ahead = ahead_of(name, ticket, math.max(free, FORESIGHT))
    local ahead_of_all = ahead + turns_before(name, ahead, math.max(tenant_free, FORESIGHT))
    local fastest = or_faster(state.fastest or rate, rate)
    local life = math.max(after_answer(fastest), TICK)
    local by_key = free_at(name, limit, fastest.key, ahead, life)
    local by_tenant = free_at(nil, rate.tenant, fastest.tenant, ahead_of_all, life)
    if not by_key and not by_tenant then return nil end
    local at = math.max(by_key or 0, by_tenant or 0)
    local contends = not by_key
    -- The places are free for calls before it, which take them at once or are skipped.
    if free > 0 then return math.min(now + PATIENCE, at > now and at or math.huge), BY_QUEUE, contends end
    if (by_tenant or -1) > (by_key or -1) then return at, BY_TENANT, contends end
    return at, BY_KEY, contends
end

-- Queues a call that must wait, unless it does not wait that long. False if the queue is full.
local function enqueue(name, ticket, at, contends)
    if at - now >= q.within then
        remove(ticket)
    elseif not position(ticket) and waiting(name) >= rate.queue then
        return false
    else
        insert(name, ticket, at, contends)
    end
    return true
end

local function grant(name, key, ticket)
    remove(ticket)
    end_turn(name)
    if not is_counted() then return end
    local slot = find(name, q.id)
    if not slot then
        slot = { id = q.id, key = name }
        state.slots[#state.slots + 1] = slot
    end
    slot.after, slot.departed = after_answer(rate), false
    hold(slot)
    note_full(name, key)
end

-- Extends the hold of a request that has not departed. False if its permit has ended.
local function renew(name)
    local slot = find(name, q.id)
    if slot and not slot.departed then hold(slot) end
    return slot ~= nil
end

local function ask(name)
    local given = q.ticket
    if given then
        -- A ticket of a state that was lost may be another call's in this one.
        local _, waiter = position(given)
        if waiter and waiter.key ~= name then given = nil end
    end
    expire(name)
    local key = state.keys[name]
    local ticket = given or state.next_ticket
    state.next_ticket = math.max(state.next_ticket, ticket + 1)
    if now < state.quiet_until then return WAIT, state.quiet_until - now, BY_TENANT, ticket end
    if key.open_at > now then
        local is_queued = enqueue(name, ticket, key.open_at, false)
        return is_queued and CLOSED or FULL, key.open_at - now, 0, ticket
    end
    if q.again and renew(name) then return GO, 0, 0, ticket end
    local at, reason, contends = turn(name, key, given)
    if not at then
        grant(name, key, ticket)
        return GO, 0, 0, ticket
    end
    -- It must not wait longer than `LOOK`, but is refused at once if the turn comes too late.
    if at - now < q.within then at = math.min(at, now + LOOK) end
    local is_queued = enqueue(name, ticket, at, contends)
    return is_queued and WAIT or FULL, at - now, reason, ticket
end

local function answered(name)
    local key, slot = state.keys[name], find(name, q.id)
    local sent = math.max(0, now - q.departed)
    if slot then
        if slot.departed then sent = slot.since end
        slot.last = now + slot.after
        slot.first, slot.departed = slot.last, true
    end
    if q.limit then key.limit, key.limit_until = q.limit, now + MINUTE end
    if q.is_429 then return on_429(key, sent, q.retry_after) end
    on_other(key, sent)
    if q.remaining == 0 then
        local reset = q.reset or rate.period
        -- `Remaining` is about the tenant's limit if the stated limit is larger than the key's.
        local is_tenants = q.limit and q.limit > rate.key
        local full_at = (is_tenants and state or key).full_at
        -- If our own requests have used up the limit, our own count holds the next request as long as necessary.
        if reset > rate.period or not full_at or full_at < sent then
            close(key, reset <= MINUTE and reset or rate.period)
        end
    end
end

local function released(name)
    local slot, index = find(name, q.id)
    if slot and not slot.departed then table.remove(state.slots, index) end
end

-- The state, which may be lost or old, and the clock, which may be set ----------------------------------------------

local function load()
    local stored = redis.call('GET', KEYS[1])
    if stored then return cmsgpack.unpack(stored) end
    return { version = VERSION, offset = 0, slots = {}, keys = {}, waiters = {}, next_ticket = 0, round = 0, last_order = 0 }
end

local function clock()
    if q.clock then return q.clock end -- only tests set it
    local time = redis.call('TIME')
    return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- Sets `now`. Moments do not go back if the clock does. They do not go forward by more than the asker has seen pass since
-- it heard of a moment.
local function advance()
    local clock = clock()
    now = clock - state.offset
    local heard = q.heard
    if heard and heard.born == state.born and heard.moment <= state.moment then
        now = math.min(now, heard.moment + heard.elapsed + SLACK)
    end
    now = math.max(now, state.moment or now)
    state.offset = clock - now
end

-- Notices that the state is new, or older than what the asker has heard of. Then nothing is granted until earlier requests
-- no longer count, and the asker's closed gate is closed again.
local function reconcile()
    local heard, gate = q.heard, q.gate
    if not state.born or (heard and heard.born == state.born and heard.moment > state.moment) then
        state.born, state.quiet_until = now, now + longest_count()
    end
    if heard and heard.born ~= state.born then
        state.quiet_until = math.max(state.quiet_until, state.born + longest_count())
    end
    state.moment = now
    if gate and gate.born ~= state.born then
        expire(q.key)
        adopt(state.keys[q.key], gate)
    end
end

local function store()
    local lifetime = WEEK
    for _, key in pairs(state.keys) do lifetime = math.max(lifetime, WEEK + key.open_at - now) end
    redis.call('SET', KEYS[1], cmsgpack.pack(state), 'PX', string.format('%.0f', lifetime / 1000))
end

state = load()
if state.version ~= VERSION then
    local problem = 'ERR the state has version %s of the format, and this program knows version %d'
    return redis.error_reply(string.format(problem, tostring(state.version), VERSION))
end
advance()
reconcile()
local kind, wait, reason, ticket = DONE, 0, 0, 0
if q.op == 'Ask' then
    kind, wait, reason, ticket = ask(q.key)
else
    expire(q.key)
    if q.op == 'Answered' then answered(q.key) end
    if q.op == 'Released' then released(q.key) end
    if q.op == 'Withdrawn' then remove(q.ticket) end
end
local key = state.keys[q.key]
local closed, refused = math.max(0, key.open_at - now), refusals(key)
expire_slots()
if now >= state.quiet_until then drop_idle() end
store()
return { kind, wait, reason, ticket, state.moment, state.born, closed, refused }
