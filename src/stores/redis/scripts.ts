/**
 * The scripts beside the one that decides: corrections, blocks, leases and lines. Constant texts, as that one.
 *
 * @module
 */

import { CHARGE, ENDS, REFUND } from './rates-lua.ts';
import { BIRTH, CELLS, PRESENT, READ, SHOWN, WRITE } from './rows-lua.ts';

/**
 * Corrects charges: gives back, or charges more. Rows that have begun anew since know nothing of the charge. KEYS: rows,
 * then the operation's own, if it is to be remembered. ARGV: instant or '', milliseconds that it is remembered, how, then
 * for each row when it was born and how many limits it has, and of each what decisions are told, and its `since`.
 */
export const CORRECT: string = `${PRESENT}
local keep, how, at, count = ARGV[2], ARGV[3], 4, #KEYS
if keep ~= '0' then
  count = count - 1
  if not redis.call('SET', KEYS[#KEYS], 1, 'NX', 'PX', keep) then return 0 end
end
for i = 1, count do
  local key, era, asks = KEYS[i], ARGV[at], ARGV[at + 1] + 0
  at = at + 2
  local born, till, rest${READ}
  local fresh, ends = rest, till
  for _ = 1, asks do
    local kind, name, cost, p, q = ARGV[at], ARGV[at + 1], ARGV[at + 2] + 0, ARGV[at + 3] + 0, ARGV[at + 4] + 0
    local r, s = 0, 0
    if kind == 't' then
      r, s = ARGV[at + 5] + 0, ARGV[at + 6] + 0
      at = at + 7
    else
      at = at + 5
    end
    local since = ARGV[at] + 0
    at = at + 1${CELLS}
    if how == 'charge' then${CHARGE}
    elseif born == era then${REFUND}
    end
    if how == 'charge' or born == era then${ENDS}${SHOWN}
      if before then fresh = sub(fresh, 1, before) .. cells .. sub(fresh, after)
      else fresh = fresh .. name .. cells end
    end
  end
  if fresh ~= rest then
    rest = fresh${BIRTH}${WRITE}
  end
end
return 1
`;

/**
 * Blocks a row, lifts its block, or forgets all but the blocks of rows. ARGV: instant or '', what, then its details. A block
 * that is over lifts the one before.
 */
export const MANAGE: string = `${PRESENT}
local what, key, existed = ARGV[2], KEYS[1], 0
local born, till, rest${READ}
local blocked = (match(rest, ' blocked=(%d+)') or 0) + 0
local block = match(rest, '^ blocked=%d+ reason=%S*') or match(rest, '^ blocked=%d+') or ''
local ends, last = till, 0
if what == 'block' then
  last = ARGV[4] + 0
  if ARGV[3] == 'for' then last = now + last end
  if last <= now then what = 'unblock' end
end
if what == 'block' then
  rest = ' blocked=' .. format('%d', last) .. ARGV[5] .. sub(rest, #block + 1)
  ends = max(till, last)
elseif what == 'unblock' then
  if block == '' then return 0 end
  rest = sub(rest, #block + 1)
  if blocked > now then existed = 1 end
else
  if born ~= '0' then existed = 1 end
  redis.call('DEL', unpack(KEYS))
  if blocked <= now then return existed end
  born, till, rest, ends = '0', 0, block, blocked
end${WRITE}
return existed
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

/** How the server picks keys to evict, if it has a limit of memory and does; else ''. A script, since every client runs those. */
export const EVICTION: string = `
local memory = redis.call('INFO', 'memory')
local policy = string.match(memory, 'maxmemory_policy:([%w-]+)')
if policy and policy ~= 'noeviction' and not string.find(memory, 'maxmemory:0\\r') then return policy end
return ''
`;
