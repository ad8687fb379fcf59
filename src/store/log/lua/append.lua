-- Appends one entry, or says why not. All or nothing: XADD is the first write, and memory is looked at
-- before the script begins.
--
-- KEYS  meta entries writers tokens ended
-- ARGV  log writer session number previous kind stand bytesMax bytes, partitions…, tokens…
--
-- `previous`: the number that must be the writer's last one, -1 = any smaller one. So an entry never
-- overtakes the one that was sent before it, whatever became of that.
local meta = redis.call('HMGET', KEYS[1], 'log', 'position', 'at', 'bytes', 'cut')
if meta[1] ~= ARGV[1] then return {'foreign', meta[1] or ''} end
local position = tonumber(meta[2])
if position > 0 and redis.call('EXISTS', KEYS[2]) == 0 then return {'foreign', 'entries'} end

local number, previous = tonumber(ARGV[4]), tonumber(ARGV[5])
local last = tonumber(redis.call('HGET', KEYS[3], ARGV[2]) or '0')
if last >= number then return {'known'} end
if previous >= 0 and last ~= previous then return {'gap', last} end
if redis.call('HEXISTS', KEYS[5], ARGV[3]) == 1 then return {'fenced'} end

local first = 10
local count = (#ARGV - first + 1) / 2
if count > 0 then
  local held = redis.call('HMGET', KEYS[4], unpack(ARGV, first, first + count - 1))
  local lost = {'fenced'}
  for i = 1, count do
    if held[i] ~= ARGV[first + count + i - 1] then lost[#lost + 1] = ARGV[first + i - 1] end
  end
  if #lost > 1 then return lost end
end

local before, size = tonumber(meta[4]), #ARGV[9]
local held = before - tonumber(meta[5]) + size
if held > tonumber(ARGV[8]) then return {'full', held} end

local time = redis.call('TIME')
local at = math.max(tonumber(meta[3]), time[1] * 1000 + math.floor(time[2] / 1000))
position = position + 1
redis.call('XADD', KEYS[2], string.format('%.0f-0', position),
  'w', ARGV[2], 'n', ARGV[4], 'k', ARGV[6], 'a', string.format('%.0f', at), 's', ARGV[7],
  'c', string.format('%.0f', before), 'b', ARGV[9])
redis.call('HSET', KEYS[1], 'position', string.format('%.0f', position),
  'at', string.format('%.0f', at), 'bytes', string.format('%.0f', before + size))
redis.call('HSET', KEYS[3], ARGV[2], ARGV[4])
return {'appended', position, at}
