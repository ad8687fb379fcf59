-- Snapshots and what they make room for.
--
-- KEYS  meta entries
-- ARGV  operation log, then what the operation takes
local meta = redis.call('HMGET', KEYS[1], 'log', 'position', 'first', 'bytes', 'snapshot')
if meta[1] ~= ARGV[2] then return {'foreign', meta[1] or ''} end

local function snapshotPosition(text)
  if not text then return -1 end
  return cjson.decode(text).about.position
end

-- snapshot, its position: it is there now, unless a later one is. Says which was there before.
if ARGV[1] == 'snapshot' then
  if tonumber(ARGV[4]) > tonumber(meta[2]) then return {'ahead', tonumber(meta[2])} end
  -- What the log begins with is put there once, and before anything else.
  if tonumber(ARGV[4]) == 0 and (meta[5] or tonumber(meta[2]) > 0) then
    return {'older', meta[5] or ''}
  end
  if snapshotPosition(meta[5]) > tonumber(ARGV[4]) then return {'older', meta[5]} end
  local time = redis.call('TIME')
  local at = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
  redis.call('HSET', KEYS[1], 'snapshot', (string.gsub(ARGV[3], '"atMs":0', '"atMs":' .. at, 1)))
  return {'put', at, meta[5] or ''}
end

-- upTo, steps: gives up entries before the one at upTo, at most so many at once. That one stays, so
-- that copies which stand there can tell that it is theirs.
if ARGV[1] == 'trim' then
  local first = tonumber(meta[3])
  local to = math.min(tonumber(ARGV[3]), snapshotPosition(meta[5]))
  if to <= first then return {'trimmed', first, first} end
  local step = math.min(to, first + tonumber(ARGV[4]))
  local id = string.format('%.0f-0', step)
  local entry = redis.call('XRANGE', KEYS[2], id, id)[1]
  if not entry then return {'foreign', 'entries'} end
  redis.call('XTRIM', KEYS[2], 'MINID', id)
  redis.call('HSET', KEYS[1], 'first', string.format('%.0f', step), 'cut', entry[2][12])
  return {'trimmed', step, to}
end

return redis.error_reply('ERR no such operation')
