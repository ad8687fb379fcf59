/**
 * The rules of a shared budget as Redis runs them: the twin of `src/batch/shared_budget_state.ts`,
 * step by step the same. One call, all keys in one slot.
 *
 * | key | type | what |
 * |---|---|---|
 * | `PREFIX:{limit:NAME}` | string | sessions, turns, pause, sums: MessagePack |
 * | `PREFIX:{limit:NAME}:LIMIT:t` | sorted set | grains of time in which responses came |
 * | `PREFIX:{limit:NAME}:LIMIT:n` | hash | how many in each |
 *
 * The life of the server is its `run_id`: after a restart or a failover the last writes may be
 * gone, so that the budget begins as if full.
 *
 * @module
 */

import { BUDGET_BOUNDS } from "../../batch/shared_budget.ts";

const { grains, sessions, pauseMs, waitMs, slackMs, turnMs } = BUDGET_BOUNDS;

/**
 * KEYS: the state, then times and counts of each limit. ARGV: now in ms and the life of the server,
 * both empty but in tests; sessionMs, strayMs, quantum, limits, then requests, window and begin of
 * each; session, number, want, least, unused, pauseMs, reported or empty, uses, then age and count
 * of each. O(sessions + uses·log(grains) + grains freed).
 */
export const SHARED_BUDGET_SCRIPT = `
local at = 1
local function arg() at = at + 1 return ARGV[at - 1] end
local function num() return tonumber(arg()) end
local now, server = arg(), arg()
if now == '' then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000 + tonumber(t[2]) / 1000
else now = tonumber(now) end
if server == '' then
  server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
end
local sessionMs, strayMs, quantum, count = num(), num(), num(), num()
local limits = {}
for i = 1, count do
  local one = { max = num(), window = num(), free = arg() == 'free' }
  one.grain = one.window / ${grains}
  one.times, one.counts = KEYS[2 * i], KEYS[2 * i + 1]
  limits[i] = one
end
local id, number, want, least, unused = arg(), num(), num(), num(), num()
local pause, reported, uses = num(), arg(), num()

local packed = redis.call('GET', KEYS[1])
local st = packed and cmsgpack.unpack(packed)
local isNew = not st
if isNew then st = { now = 0, turn = 0, paused = 0, sessions = {}, totals = {} } end
for i = 1, count do st.totals[i] = st.totals[i] or 0 end
if now < st.now then now = st.now end
st.now = now

local function held()
  local sum = 0
  for _, s in pairs(st.sessions) do sum = sum + s.held end
  return sum
end
local function coolOne(i, n, atMs)
  if n == 0 then return end
  local one = limits[i]
  local grain = string.format('%.0f', math.ceil(atMs / one.grain))
  redis.call('ZADD', one.times, grain, grain)
  redis.call('HINCRBY', one.counts, grain, string.format('%.0f', n))
  st.totals[i] = st.totals[i] + n
end
local function cool(n, atMs) for i = 1, count do coolOne(i, n, atMs) end end

if st.server ~= server then
  st.server = server
  local isFull = isNew
  for i = 1, count do if not limits[i].free then isFull = true end end
  if isFull then
    local sum = held()
    st.sessions = {}
    cool(sum, now + sessionMs + strayMs)
  end
  for i = 1, count do
    local one = limits[i]
    if isNew or not one.free then
      redis.call('DEL', one.times, one.counts)
      st.totals[i] = 0
    end
    if not one.free then coolOne(i, one.max, now + sessionMs + strayMs) end
  end
end

for name, s in pairs(st.sessions) do
  if s.valid + strayMs <= now then
    cool(s.held, s.valid + strayMs)
    st.sessions[name] = nil
  end
end
for i = 1, count do
  local one = limits[i]
  local upTo = string.format('%.17g', (now - one.window) / one.grain)
  local over = redis.call('ZRANGEBYSCORE', one.times, '-inf', upTo)
  for _, grain in ipairs(over) do
    st.totals[i] = st.totals[i] - tonumber(redis.call('HGET', one.counts, grain) or 0)
    redis.call('HDEL', one.counts, grain)
    redis.call('ZREM', one.times, grain)
  end
end

local function save() redis.call('SET', KEYS[1], cmsgpack.pack(st)) end
local s = st.sessions[id]
if s then
  if number ~= s.number and number ~= s.number + 1 then save() return { 'lost' } end
else
  local known = 0
  for _ in pairs(st.sessions) do known = known + 1 end
  if number ~= 1 or known >= ${sessions} then save() return { 'lost' } end
  s = { number = 0, valid = 0, held = 0, want = 0, comes = 0, turn = 0 }
  st.sessions[id] = s
end
s.valid = now + sessionMs
if number == s.number then save() return s.reply end
s.number = number

for _ = 1, uses do
  local age, n = num(), num()
  if n > s.held then n = s.held end
  s.held = s.held - n
  cool(n, now - age)
end
if unused > s.held then unused = s.held end
s.held = s.held - unused
s.turn = s.turn - unused
if pause > 0 then
  if pause > ${pauseMs} then pause = ${pauseMs} end
  if now + pause > st.paused then st.paused = now + pause end
end
if reported ~= '' and count == 1 then st.reported = tonumber(reported) end

local sum = 0
local function freeOf(i)
  local max = limits[i].max
  if st.reported and st.reported < max then max = st.reported end
  return max - st.totals[i] - sum
end
local function waitFor(n)
  local wait = 0
  for i = 1, count do
    local one = limits[i]
    local missing, atMs, from = n - freeOf(i), now, 0
    while missing > 0 do
      local some = redis.call('ZRANGE', one.times, from, from + 15)
      if #some == 0 then break end
      for _, grain in ipairs(some) do
        if missing <= 0 then break end
        missing = missing - tonumber(redis.call('HGET', one.counts, grain) or 0)
        atMs = tonumber(grain) * one.grain + one.window
      end
      from = from + 16
    end
    local mine = atMs - now
    if missing > 0 then mine = ${waitMs} end
    if mine > wait then wait = mine end
  end
  return wait
end

local granted, wait = 0, 0
if want > 0 then
  if s.want == 0 and st.turn > s.turn then s.turn = st.turn end
  local first = math.huge
  for name, other in pairs(st.sessions) do
    local waits = name ~= id and other.want > 0 and other.comes + ${slackMs} >= now
    if waits and other.turn < first then first = other.turn end
  end
  if st.paused > now then wait = st.paused - now
  elseif s.turn > first + quantum then wait = ${turnMs}
  else
    sum = held()
    local free = math.huge
    for i = 1, count do free = math.min(free, freeOf(i)) end
    local most = math.min(want, math.max(quantum, least))
    granted = math.max(0, math.min(most, free))
    if granted < least then granted = 0 end
    st.turn = math.max(st.turn, math.min(s.turn, first))
    s.held = s.held + granted
    s.turn = s.turn + granted
    sum = sum + granted
    if granted < most then wait = waitFor(granted == 0 and least or 1) end
  end
end
if wait > ${waitMs} then wait = ${waitMs} end
s.want = want - granted
s.comes = now + wait
local paused = st.paused - now
if paused < 0 then paused = 0 end
s.reply = {
  'ok', string.format('%.0f', granted), string.format('%.3f', wait),
  string.format('%.3f', paused), st.reported and string.format('%.0f', st.reported) or '',
}
save()
return s.reply
`;
