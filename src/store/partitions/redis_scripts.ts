/**
 * What Redis does for the streams, in Lua: each script sees the keys of one partition, which lie in
 * one slot.
 *
 * | key | what |
 * |---|---|
 * | `PREFIX:{pN}:in` | the stream; ids are places (`place.ts`), field `b` holds the entry |
 * | `PREFIX:{pN}:state` | `ms` and `end` of the last place, `done`: END of what was given up |
 * | `PREFIX:{pN}:writers` | number of the last append of each appender, and when it was |
 *
 * @module
 */

import { createHash } from "node:crypto";
import { ENTRY_OVERHEAD_BYTES } from "./place.ts";

/** A script and the name it is called by. */
export interface Script {
  readonly lua: string;
  /** SHA-1 of it, hex. */
  readonly sha1: string;
}

/** Appenders that a partition remembers before it looks for those that are gone. */
const WRITERS_MAX = 128;
/** An appender that was silent for so long has no append on its way any more, ms. */
const WRITER_GONE_MS = 600_000;

/** Answers of {@linkcode APPEND_SCRIPT}. */
export const Answer = { full: 0, appended: 1, known: 2 } as const;

/**
 * KEYS: stream, state, writers. ARGV: appender, number of its append, bytes that may wait, entries.
 * All entries or none; one whose number is not above the last of its appender was appended before, or
 * was given up. O(entries).
 *
 * The state is made anew from the stream where it was lost, or where somebody else wrote.
 */
export const APPEND_SCRIPT = script(`
local stream, state, writers = KEYS[1], KEYS[2], KEYS[3]
local known = redis.call('HGET', writers, ARGV[1])
if known and tonumber(string.match(known, '^%d+')) >= tonumber(ARGV[2]) then return ${Answer.known} end
local function parts(id)
  local ms, stop = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(stop)
end
local function found()
  if redis.call('EXISTS', stream) == 0 then return 0, 0, 0 end
  local ms, stop, first = 0, 0, nil
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then ms, stop = parts(info[i + 1]) end
    if info[i] == 'first-entry' then first = info[i + 1] end
  end
  if not first then return ms, stop, stop end
  local _, firstEnd = parts(first[1])
  return ms, stop, math.max(0, firstEnd - #(first[2][2] or '') - ${ENTRY_OVERHEAD_BYTES})
end
local held = redis.call('HMGET', state, 'ms', 'end', 'done')
local ms, stop, done = tonumber(held[1]), tonumber(held[2]), tonumber(held[3])
if not (ms and stop and done) then ms, stop, done = found() end
local size = 0
for i = 4, #ARGV do size = size + #ARGV[i] + ${ENTRY_OVERHEAD_BYTES} end
if stop > done and stop - done + size > tonumber(ARGV[3]) then return ${Answer.full} end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
for try = 1, 2 do
  local isBehind = false
  for i = 4, #ARGV do
    local nextEnd = stop + #ARGV[i] + ${ENTRY_OVERHEAD_BYTES}
    ms = math.max(ms, now)
    local added = redis.pcall('XADD', stream, string.format('%.0f-%.0f', ms, nextEnd), 'b', ARGV[i])
    if type(added) == 'table' and added.err then
      if try == 2 or i > 4 or not string.find(added.err, 'smaller') then return added end
      isBehind = true
      break
    end
    stop = nextEnd
  end
  if not isBehind then break end
  ms, stop, done = found()
end
redis.call('HSET', state, 'ms', string.format('%.0f', ms), 'end', string.format('%.0f', stop),
  'done', string.format('%.0f', done))
if not known and redis.call('HLEN', writers) >= ${WRITERS_MAX} then
  local all = redis.call('HGETALL', writers)
  for i = 1, #all, 2 do
    local atMs = tonumber(string.match(all[i + 1], '(%d+)$'))
    if atMs < now - ${WRITER_GONE_MS} then redis.call('HDEL', writers, all[i]) end
  end
end
redis.call('HSET', writers, ARGV[1], ARGV[2] .. ':' .. string.format('%.0f', now))
return ${Answer.appended}
`);

/**
 * KEYS: stream, state. ARGV: first id as XRANGE wants it, bytes, entries. At least one entry if there
 * is one, and no further one beyond the bytes: 1 when more may follow, then id and bytes of each.
 */
export const READ_SCRIPT = script(`
local from, bytes, left = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local out, held, step, isMore = { 0 }, 0, 2, false
while left > 0 and not isMore do
  local count = math.min(step, left)
  local found = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', count)
  for i = 1, #found do
    local id, entry = found[i][1], found[i][2][2] or ''
    if #out > 1 and held + #entry > bytes then isMore = true break end
    out[#out + 1] = id
    out[#out + 1] = entry
    held = held + #entry
    left = left - 1
    from = '(' .. id
  end
  if isMore or #found < count then break end
  step = math.max(1, math.min(64, math.floor((bytes - held) * (#out - 1) / 2 / math.max(1, held))))
  if left == 0 then isMore = true end
end
if isMore then out[1] = 1 end
return out
`);

/** KEYS: stream, state. ARGV: MS and END of the last place to be given up. O(entries given up). */
export const TRIM_SCRIPT = script(`
local stop = tonumber(ARGV[2])
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1] .. '-' .. string.format('%.0f', stop + 1))
local held = redis.call('HMGET', KEYS[2], 'ms', 'end', 'done')
local ms, last, done = tonumber(held[1]), tonumber(held[2]), tonumber(held[3])
if ms and last and done and stop > done and stop <= last and tonumber(ARGV[1]) <= ms then
  redis.call('HSET', KEYS[2], 'done', string.format('%.0f', stop))
end
return 1
`);

/** KEYS: stream, state. Entries, bytes, and id of the oldest one ('' when there is none). */
export const BACKLOG_SCRIPT = script(`
local length = redis.call('XLEN', KEYS[1])
if length == 0 then return { 0, 0, '' } end
local held = redis.call('HMGET', KEYS[2], 'end', 'done')
local bytes = (tonumber(held[1]) or 0) - (tonumber(held[2]) or 0)
return { length, bytes, redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1][1] }
`);

function script(lua: string): Script {
  return { lua, sha1: createHash("sha1").update(lua).digest("hex") };
}
