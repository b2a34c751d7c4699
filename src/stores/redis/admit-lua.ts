/**
 * The script for groups that hold permits or keep requests waiting: what {@link DECIDE} does, and leases and tickets.
 *
 * A lease is one member for each permit of a sorted set, whose score is the instant it expires. A ticket is a member of
 * the set `queue`, in whose order tickets are served, and of the set `seen`, whose score is when it is given up: a waiter
 * that does not look again in time has lost its place.
 *
 * @module
 */

import { RATES } from './rates-lua.ts';
import { READ, WRITE } from './row-lua.ts';

/**
 * KEYS: rows, a set for each concurrency limit, `queue` and `seen` if there is a line, then the operation's own. ARGV: as
 * for decisions, but with the number of rows before them, and after each row the number of its permits and of each cost,
 * the most that may be held and for how long; at the end the lease's id, then ticket, rank, order, size and patience.
 */
export const ADMIT: string = `${READ}${RATES}${WRITE}
local keep, rowCount = tonumber(ARGV[3]), tonumber(ARGV[4])
nextArg = 5
if keep > 0 then
  local earlier = redis.call('GET', KEYS[#KEYS])
  if earlier then return cmsgpack.unpack(earlier) end
end
local rows, permits, reply = {}, {}, {0, now, 0}
local agreed, writable, passing = ARGV[1] == 'charge', ARGV[1] ~= 'peek', ARGV[1] == 'charge' or ARGV[1] == 'wait'
for i = 1, rowCount do
  local row = readRow(KEYS[i])
  rows[i] = row
  tell(reply, row)
  for j = 1, #row.limits do
    local l = row.limits[j]
    local said = verdict(l)
    if not said then
      repair(l)
      said = verdict(l)
    end
    l.agrees = said == true
    if not l.agrees and not row.shadow then
      agreed = false
      if said == 'never' then passing = false end
    end
  end
  if row.blocked > now then agreed, passing = false, false end
  local count = tonumber(ARGV[nextArg])
  nextArg = nextArg + 1
  for j = 1, count do
    local p = {row = row, key = KEYS[rowCount + #permits + 1],
      cost = tonumber(ARGV[nextArg]), most = tonumber(ARGV[nextArg + 1]), length = tonumber(ARGV[nextArg + 2])}
    nextArg = nextArg + 3
    local held = redis.pcall('ZCOUNT', p.key, '(' .. string.format('%.0f', now), '+inf')
    if type(held) == 'table' then
      redis.call('DEL', p.key)
      resets, held = resets + 1, 0
    end
    p.held, p.place = held, #reply + 1
    reply[p.place] = held
    permits[#permits + 1] = p
  end
end

local lease = ARGV[nextArg]
local isHeld, expires, fence = false, 0, 0
if lease ~= '' then
  for i = 1, #permits do
    local p = permits[i]
    local till = p.cost > 0 and redis.call('ZSCORE', p.key, lease)
    if till and tonumber(till) > now then
      p.held = p.held - p.cost
      reply[p.place] = p.held
      if not p.row.shadow then isHeld, expires = true, tonumber(till) end
    end
  end
end
for i = 1, #permits do
  local p = permits[i]
  p.agrees = p.cost <= p.most and p.held + p.cost <= p.most
  if not p.agrees and not p.row.shadow then
    agreed = false
    if p.cost > p.most then passing = false end
  end
end

local waits, ticket = false, ''
if ARGV[nextArg + 1] and not isHeld then
  local queue, seen = KEYS[rowCount + #permits + 1], KEYS[rowCount + #permits + 2]
  local own, rank = ARGV[nextArg + 1], ARGV[nextArg + 2]
  local size, patience = tonumber(ARGV[nextArg + 4]), tonumber(ARGV[nextArg + 5])
  local gone = redis.call('ZRANGEBYSCORE', seen, '-inf', now)
  if #gone > 0 and writable then
    redis.call('ZREM', queue, unpack(gone))
    redis.call('ZREM', seen, unpack(gone))
  end
  if own == '' or not redis.call('ZSCORE', queue, own) then
    local stamp = born
    if ARGV[nextArg + 3] == 'newest-first' then stamp = 9000000000000000 - born end
    own = rank .. ':' .. string.format('%016.0f', stamp) .. ':' .. lease
  end
  local head = redis.call('ZRANGE', queue, 0, 0)[1]
  -- A place that is kept for longer than any is was taken before the clock stepped back.
  while writable and head and head < own and tonumber(redis.call('ZSCORE', seen, head) or 0) > now + 60000 do
    redis.call('ZREM', queue, head)
    redis.call('ZREM', seen, head)
    head = redis.call('ZRANGE', queue, 0, 0)[1]
  end
  waits = head ~= nil and head < own
  if waits then agreed = false end
  if agreed and head == own then
    redis.call('ZREM', queue, own)
    redis.call('ZREM', seen, own)
  elseif not agreed and passing and patience > 0 then
    if redis.call('ZSCORE', queue, own) or redis.call('ZCARD', queue) < size then
      redis.call('ZADD', queue, 0, own)
      redis.call('ZADD', seen, now + patience, own)
      redis.call('PEXPIRE', queue, patience + grace)
      redis.call('PEXPIRE', seen, patience + grace)
      ticket = own
    else
      ticket = 'full'
    end
  end
end

if agreed and not isHeld and lease ~= '' then
  for i = 1, #permits do
    local p = permits[i]
    if p.agrees and p.cost > 0 then
      redis.call('ZREMRANGEBYSCORE', p.key, '-inf', now)
      local till = now + p.length
      local members = {}
      for j = 1, p.cost do
        members[2 * j - 1], members[2 * j] = till, lease
        if j > 1 then members[2 * j] = lease .. '#' .. j end
      end
      redis.call('ZADD', p.key, unpack(members))
      redis.call('PEXPIRE', p.key, max(redis.call('PTTL', p.key), p.length + grace))
      if fence == 0 and not p.row.shadow then
        fence = max(instant(redis.call('HGET', p.row.key, 'fence')) + 1, born)
        p.row.fence, p.row.fencedTill, expires = fence, till, till
      end
    end
  end
end
for i = 1, rowCount do
  local row = rows[i]
  if agreed and not isHeld then
    for j = 1, #row.limits do
      local l = row.limits[j]
      if l.agrees and l.cost > 0 then
        charge(l)
        l.changed = true
      end
    end
  end
  if writable and not isHeld then writeRow(row) end
  if row.born ~= 0 then reply[row.place] = row.born end
end
if agreed then reply[1] = 1 end
if isHeld then
  reply[1] = 2
  for i = 1, #permits do
    local p = permits[i]
    if fence == 0 and p.cost > 0 and not p.row.shadow then
      fence = max(instant(redis.call('HGET', p.row.key, 'fence')) + 1, born)
      redis.call('HSET', p.row.key, 'fence', fence)
    end
  end
end
reply[3] = resets
local n = #reply
reply[n + 1], reply[n + 2] = string.format('%.0f', fence), string.format('%.0f', expires)
reply[n + 3], reply[n + 4] = waits and 1 or 0, ticket
if keep > 0 and agreed then redis.call('SET', KEYS[#KEYS], cmsgpack.pack(reply), 'PX', keep) end
return reply
`;

/**
 * Gives permits back (`release`) or starts their time anew (`renew`). KEYS: the sets, then the operation's own if it is to
 * be remembered. ARGV: what, instant or '', milliseconds that it is remembered, id, then of each set how many permits,
 * for how long, and whether it is a shadow's ('1'): those may be gone before.
 */
export const LEASE: string = `
local time = redis.call('TIME')
local now = tonumber(ARGV[2])
local grace = 60000
if not now then
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  grace = 0
end
local id, ends, whole = ARGV[4], 0, true
local keep, sets = tonumber(ARGV[3]), #KEYS
if keep > 0 then
  sets = sets - 1
  local earlier = redis.call('GET', KEYS[#KEYS])
  if earlier then return earlier end
end
local live = {}
for i = 1, sets do
  local till = redis.pcall('ZSCORE', KEYS[i], id)
  live[i] = type(till) ~= 'table' and till and tonumber(till) > now
  if not live[i] and ARGV[3 * i + 4] ~= '1' then whole = false end
end
for i = 1, sets do
  if live[i] and (whole or ARGV[1] == 'release') then
    local args, length = {}, tonumber(ARGV[3 * i + 3])
    for j = 1, tonumber(ARGV[3 * i + 2]) do
      local member = id
      if j > 1 then member = id .. '#' .. j end
      if ARGV[1] == 'renew' then args[#args + 1] = string.format('%.0f', now + length) end
      args[#args + 1] = member
    end
    if ARGV[1] == 'renew' then
      redis.call('ZADD', KEYS[i], unpack(args))
      redis.call('PEXPIRE', KEYS[i], math.max(redis.call('PTTL', KEYS[i]), length + grace))
    else
      redis.call('ZREM', KEYS[i], unpack(args))
    end
    if ends == 0 and ARGV[3 * i + 4] ~= '1' then ends = now + length end
  end
end
if not whole then ends = 0 end
local reply = string.format('%.0f', ends)
if keep > 0 then redis.call('SET', KEYS[#KEYS], reply, 'PX', keep) end
return reply
`;

/** Gives a place up. KEYS: `queue`, `seen`. ARGV: the ticket. */
export const LEAVE: string = `
redis.call('ZREM', KEYS[1], ARGV[1])
return redis.call('ZREM', KEYS[2], ARGV[1])
`;
