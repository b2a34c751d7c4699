/**
 * The scripts that run on the server. Constant texts: everything that differs from call to call is in KEYS and ARGV.
 *
 * @module
 */

import { RATES, REFUND } from './rates-lua.ts';
import { READ, WRITE } from './row-lua.ts';

/**
 * Decides on requests, one after the other: asks every limit, then charges all of them or none. KEYS: for each request its
 * rows, then the operation's own key if it charges and is to be remembered. ARGV: the number of requests, instant or '',
 * milliseconds that an operation is remembered, then for each request its mode, the number of its rows, and the rows.
 * What comes back is what was read, for the caller to draw the answers from.
 */
export const DECIDE: string = `${READ}${RATES}${WRITE}
local keep = tonumber(ARGV[3])
local replies, nextKey = {}, 1

local function decide()
  local mode, rowCount = ARGV[nextArg], tonumber(ARGV[nextArg + 1])
  nextArg = nextArg + 2
  resets = 0
  local rows, reply, agreed = {}, {0, now, 0}, mode == 'charge'
  for i = 1, rowCount do
    local row = readRow(KEYS[nextKey])
    nextKey = nextKey + 1
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
      if not l.agrees and not row.shadow then agreed = false end
    end
    if row.blocked > now then agreed = false end
  end
  reply[3] = resets
  local operation
  if mode == 'charge' and keep > 0 then
    operation = KEYS[nextKey]
    nextKey = nextKey + 1
  end
  if agreed then
    reply[1] = 1
    for i = 1, rowCount do
      if rows[i].born == 0 then reply[rows[i].place] = born end
    end
  end
  if operation then
    local isNew = true
    if agreed then
      isNew = redis.call('SET', operation, cmsgpack.pack(reply), 'PX', keep, 'NX')
    else
      isNew = redis.call('EXISTS', operation) == 0
    end
    if not isNew then return cmsgpack.unpack(redis.call('GET', operation)) end
  end
  if mode == 'peek' then return reply end
  for i = 1, rowCount do
    local row = rows[i]
    if agreed then
      for j = 1, #row.limits do
        local l = row.limits[j]
        if l.agrees and l.cost > 0 then
          charge(l)
          l.changed = true
        end
      end
    end
    writeRow(row)
  end
  return reply
end

for i = 1, tonumber(ARGV[1]) do replies[i] = decide() end
return replies
`;

/** Corrects charges: gives back, or charges more. Rows that have begun anew since know nothing of the charge. */
export const CORRECT: string = `${READ}${RATES}${REFUND}${WRITE}
local keep = tonumber(ARGV[3])
local rowCount = #KEYS
if keep > 0 then
  rowCount = rowCount - 1
  if not redis.call('SET', KEYS[#KEYS], 1, 'NX', 'PX', keep) then return 0 end
end
for i = 1, rowCount do
  local row = readRow(KEYS[i], true)
  for j = 1, #row.limits do
    local l = row.limits[j]
    if ARGV[1] == 'charge' then
      charge(l)
      l.changed = true
    elseif row.born == tonumber(ARGV[nextArg]) then
      refund(l)
    end
  end
  nextArg = nextArg + 1
  writeRow(row)
end
return 1
`;

/** Blocks a row, lifts its block, or forgets all but the blocks of rows. ARGV: what, instant or '', then its details. */
export const MANAGE: string = `
local time = redis.call('TIME')
local now = tonumber(ARGV[2])
local grace = 60000
if not now then
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  grace = 0
end
local key, what = KEYS[1], ARGV[1]
for i = 1, #KEYS do
  if redis.call('TYPE', KEYS[i]).ok ~= 'hash' then redis.call('DEL', KEYS[i]) end
end
local row = redis.call('HMGET', key, 'until', 'blocked', 'reason', 'born')
local blocked = tonumber(row[2] or 0) or 0
if what == 'block' then
  local till = tonumber(ARGV[4])
  if ARGV[3] == 'for' then till = now + till end
  redis.call('HDEL', key, 'reason')
  local last = math.max(till, tonumber(row[1] or 0) or 0)
  redis.call('HSET', key, 'blocked', till, 'until', last)
  if ARGV[5] then redis.call('HSET', key, 'reason', ARGV[5]) end
  redis.call('PEXPIRE', key, math.max(1, last - now) + grace)
  return 1
end
if what == 'unblock' then
  redis.call('HDEL', key, 'blocked', 'reason')
  if blocked > now then return 1 end
  return 0
end
local existed = 0
if row[4] then existed = 1 end
redis.call('DEL', unpack(KEYS))
if blocked > now then
  redis.call('HSET', key, 'blocked', blocked, 'until', blocked)
  if row[3] then redis.call('HSET', key, 'reason', row[3]) end
  redis.call('PEXPIRE', key, math.max(1, blocked - now) + grace)
end
return existed
`;

/** How the server picks keys to evict, if it has a limit of memory and does; else ''. A script, since every client runs those. */
export const EVICTION: string = `
local memory = redis.call('INFO', 'memory')
local policy = string.match(memory, 'maxmemory_policy:([%w-]+)')
if policy and policy ~= 'noeviction' and not string.find(memory, 'maxmemory:0\\r') then return policy end
return ''
`;
