-- The group of nodes: who is alive, who owns what; and meeting the log. Every operation may be
-- repeated. All of them look at the clock of the server, never at that of a node.
--
-- KEYS  meta entries nodes names owners tokens moves ended
-- ARGV  operation log channel, then what the operation takes
--
-- nodes   name → until|session|info     alive until then, ms
-- names   name → session|info           who had it last
-- owners  partition → token|since|session|name
-- ended   session → ms                  replaced by another life of the same node
local META, ENTRIES, NODES, NAMES = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local OWNERS, TOKENS, MOVES, ENDED = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local NODES_MAX, MOVES_MAX, ENDED_MAX, FORMAT = 64, 64, 1024, '1'
local SILENCE = 500

local operation, log, channel = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function text(n) return string.format('%.0f', n) end

-- `news`: all that there is to say of it; else others have to look.
local function changed(news)
  local version = redis.call('HINCRBY', META, 'version', 1)
  if not news then redis.call('PUBLISH', channel, version) end
  for _, text in ipairs(news or {}) do redis.call('PUBLISH', channel, text) end
end

-- Finds or makes the log, and looks whether an entry is there as it was: log, position, writer, number.
if operation == 'meet' then
  local created, position, writer, number = ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7]
  local found = redis.call('HGET', META, 'log')
  if not found then
    if log ~= '' or redis.call('EXISTS', META, ENTRIES) > 0 then return {'foreign', ''} end
    if created == '' then return {'none'} end
    redis.call('HSET', META, 'log', created, 'format', FORMAT, 'position', '0', 'at', '0',
      'bytes', '0', 'cut', '0', 'first', '1', 'token', '0', 'version', '1')
    found = created
  end
  if log ~= '' and found ~= log then return {'foreign', found} end
  local meta = redis.call('HMGET', META, 'format', 'position', 'first', 'snapshot')
  if meta[1] ~= FORMAT then return {'format', meta[1] or ''} end
  local last, first = tonumber(meta[2]), tonumber(meta[3])
  if last > 0 and redis.call('EXISTS', ENTRIES) == 0 then return {'foreign', 'entries'} end
  if position > last then return {'lost', last} end
  if position > 0 and position >= first then
    local id = text(position) .. '-0'
    local entry = redis.call('XRANGE', ENTRIES, id, id)[1]
    if not entry or entry[2][2] ~= writer or entry[2][4] ~= number then return {'lost', last} end
  end
  return {'met', found, last, first, meta[4] or ''}
end

local meta = redis.call('HMGET', META, 'log', 'position', 'first', 'bytes', 'cut', 'snapshot',
  'version', 'heard')
if meta[1] ~= log then return {'foreign', meta[1] or ''} end
local position = tonumber(meta[2])

-- Leases stand still while nobody is heard: this server was away then, or its clock jumped.
local heard = tonumber(meta[8] or now)
local silent = now - heard
if math.abs(silent) <= SILENCE then silent = 0 end

-- Who is alive: sessions → name, and name → {until, session, info, until without silence}.
local alive, living, count = {}, {}, 0
local function look()
  local all = redis.call('HGETALL', NODES)
  for i = 1, #all, 2 do
    local ends, session, info = string.match(all[i + 1], '^(%d+)|([^|]*)|(.*)$')
    local plain = tonumber(ends)
    ends = plain > heard and plain + silent or plain
    if ends > now then
      alive[session] = all[i]
      living[all[i]] = {ends, session, info, plain}
      count = count + 1
    else
      redis.call('HDEL', NODES, all[i])
      changed()
    end
  end
end
look()

local function view(known)
  local nodes = {}
  for _, node in pairs(living) do
    nodes[#nodes + 1] = node[1] - now
    nodes[#nodes + 1] = node[3]
  end
  local version = redis.call('HGET', META, 'version')
  local reply = {'alive', now, position, tonumber(meta[3]), tonumber(meta[4]) - tonumber(meta[5]),
    meta[6] or '', version, nodes}
  if version ~= known then
    reply[9] = redis.call('HGETALL', OWNERS)
    reply[10] = redis.call('LRANGE', MOVES, 0, MOVES_MAX - 1)
  end
  return reply
end

local function owner(partition)
  local held = redis.call('HGET', OWNERS, partition)
  if not held then return nil end
  local token, _, session, name = string.match(held, '^(%d+)|(%d+)|([^|]*)|([^|]*)$')
  return token, session, name
end

local function own(partition, token, session, name)
  redis.call('HSET', OWNERS, partition, token .. '|' .. text(now) .. '|' .. session .. '|' .. name)
  redis.call('HSET', TOKENS, partition, token)
end

local function disown(partition)
  redis.call('HDEL', OWNERS, partition)
  redis.call('HDEL', TOKENS, partition)
end

-- What moved, by why, from whom and to whom.
local moved = {}
local function move(partition, from, to, why)
  local key = why .. '|' .. (from or '') .. '|' .. (to or '')
  local one = moved[key]
  if not one then
    one = {atMs = now, partitions = {}, from = from or cjson.null, to = to or cjson.null, why = why}
    moved[key] = one
  end
  one.partitions[#one.partitions + 1] = tonumber(partition)
end
local function note(news)
  local any = false
  for _, one in pairs(moved) do
    any = true
    redis.call('LPUSH', MOVES, cjson.encode(one))
  end
  if not any then return end
  redis.call('LTRIM', MOVES, 0, MOVES_MAX - 1)
  changed(news)
end

local function replaced(session)
  if redis.call('HLEN', ENDED) >= ENDED_MAX then
    local all, oldest, least = redis.call('HGETALL', ENDED), nil, nil
    for i = 1, #all, 2 do
      local at = tonumber(all[i + 1])
      if not least or at < least then oldest, least = all[i], at end
    end
    redis.call('HDEL', ENDED, oldest)
  end
  redis.call('HSET', ENDED, session, text(now))
end

-- name session leaseMs info known
if operation == 'beat' then
  local name, session, lease, info, known = ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7], ARGV[8]
  local held = living[name]
  if held and held[2] ~= session then
    if held[4] > now then return {'name_taken', held[4] - now, held[3]} end
    -- It is alive because of a silence only, and its next life is here.
    alive[held[2]], living[name], held, count = nil, nil, nil, count - 1
  end
  local last = redis.call('HGET', NAMES, name)
  local lastSession, lastInfo = string.match(last or '|', '^([^|]*)|(.*)$')
  if redis.call('HEXISTS', ENDED, session) == 1 then return {'name_taken', 0, lastInfo} end
  if not held then
    if count >= NODES_MAX then return {'full'} end
    if lastSession ~= '' and lastSession ~= session then replaced(lastSession) end
    changed()
  end
  if lastSession ~= session then redis.call('HSET', NAMES, name, session .. '|' .. info) end
  if silent ~= 0 then
    for other, node in pairs(living) do
      redis.call('HSET', NODES, other, text(node[1]) .. '|' .. node[2] .. '|' .. node[3])
    end
  end
  redis.call('HSET', META, 'heard', text(now))
  redis.call('HSET', NODES, name, text(now + lease) .. '|' .. session .. '|' .. info)
  living[name] = {now + lease, session, info, now + lease}
  return view(known)
end

-- known
if operation == 'view' then return view(ARGV[4]) end

-- session, partitions…
if operation == 'take' then
  local session = ARGV[4]
  local name = alive[session]
  local reply = {'taken', position}
  if not name then return reply end
  local token = nil
  for i = 5, #ARGV do
    local partition = ARGV[i]
    local held, by, from = owner(partition)
    if held and by == session then
      reply[#reply + 1] = partition
      reply[#reply + 1] = held
    elseif not held or not alive[by] then
      token = token or text(redis.call('HINCRBY', META, 'token', 1))
      own(partition, token, session, name)
      move(partition, from, name, held and 'expired' or 'free')
      reply[#reply + 1] = partition
      reply[#reply + 1] = token
    end
  end
  note()
  return reply
end

-- partition token to …
if operation == 'hand' then
  local reply, token, given = {'taken', position}, nil, {}
  for i = 4, #ARGV, 3 do
    local partition, name = ARGV[i], ARGV[i + 2]
    local to, held, _, from = living[name], owner(partition)
    if to and held == ARGV[i + 1] then
      token = token or text(redis.call('HINCRBY', META, 'token', 1))
      own(partition, token, to[2], name)
      move(partition, from, name, 'handed')
      reply[#reply + 1] = partition
      reply[#reply + 1] = token
      given[to[2]] = given[to[2]] or {}
      table.insert(given[to[2]], partition .. ',' .. token)
    end
  end
  -- Whose they are now need not look.
  local news = {}
  for session, all in pairs(given) do
    local told = {'handed', session, text(position), table.concat(all, ',')}
    news[#news + 1] = table.concat(told, '|')
  end
  note(news)
  return reply
end

-- partition token …
if operation == 'release' then
  for i = 4, #ARGV, 2 do
    local held, _, from = owner(ARGV[i])
    if held == ARGV[i + 1] then
      disown(ARGV[i])
      move(ARGV[i], from, nil, 'released')
    end
  end
  note()
  return {'released'}
end

-- session
if operation == 'leave' then
  local session = ARGV[4]
  local name = alive[session]
  if name then
    redis.call('HDEL', NODES, name)
    changed()
  end
  local all = redis.call('HGETALL', OWNERS)
  for i = 1, #all, 2 do
    local _, _, by, from = string.match(all[i + 1], '^(%d+)|(%d+)|([^|]*)|([^|]*)$')
    if by == session then
      disown(all[i])
      move(all[i], from, nil, 'released')
    end
  end
  note()
  return {'left'}
end

return redis.error_reply('ERR no such operation')
