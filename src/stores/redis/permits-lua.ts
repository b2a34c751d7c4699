/**
 * What the script for decisions does about permits and lines: statements in Lua, as in `rates-lua.ts`.
 *
 * A lease is one member for each permit of a sorted set, whose score is the instant it expires. A ticket is a member of
 * the set `queue`, in whose order tickets are served, and of the set `seen`, whose score is when it is given up: a waiter
 * that does not look again in time has lost its place.
 *
 * @module
 */

/** Reads a concurrency limit of row `i`: what is held of it, into `permits`. ARGV: cost, the most, and for how long. */
export const HELD: string = `
local most, length = ARGV[at + 2] + 0, ARGV[at + 3] + 0
local permit = {key = KEYS[nextKey], row = i, shadow = shadow, cost = ARGV[at + 1] + 0, most = most, length = length}
at, nextKey = at + 4, nextKey + 1
local held = redis.pcall('ZCOUNT', permit.key, '(' .. format('%d', now), '+inf')
if type(held) == 'table' then
  redis.call('DEL', permit.key)
  resets, held = resets + 1, 0
end
permit.held = held
permits[#permits + 1] = permit`;

/**
 * Asks the concurrency limits, and who waits. ARGV: the lease, then if there is a line: the ticket, its rank, the order,
 * how many may wait, and for how long a place is kept. Sets `isHeld`, `expires`, `waits` and `ticket`.
 *
 * Whoever asks again for a lease may ask for more than it holds. Those who are asked about in one call came one after the
 * other (`placed`). The dead are cleared away a thousand at a look: Lua cannot unpack many more.
 */
export const ADMIT: string = `
local hasLine = ARGV[at + 1] == 'line'
lease = ARGV[at]
if lease ~= '' then
  for i = 1, #permits do
    local p = permits[i]
    local ends = p.cost > 0 and redis.call('ZSCORE', p.key, lease)
    if ends and tonumber(ends) > now then
      p.held = max(0, p.held - p.cost)
      if not p.shadow then isHeld, expires = true, tonumber(ends) end
    end
  end
end
for i = 1, #permits do
  local p = permits[i]
  p.agrees = p.cost <= p.most and p.held + p.cost <= p.most
  if not p.agrees and not p.shadow then
    agreed = false
    if p.cost > p.most then passing = false end
  end
end
if hasLine and not isHeld then
  local queue, seen = KEYS[nextKey], KEYS[nextKey + 1]
  local own, rank = ARGV[at + 2], ARGV[at + 3]
  local size, patience = ARGV[at + 5] + 0, ARGV[at + 6] + 0
  for i = nextKey, nextKey + 1 do
    if type(redis.pcall('ZCARD', KEYS[i])) == 'table' then
      redis.call('DEL', KEYS[i])
      resets = resets + 1
    end
  end
  local gone = redis.call('ZRANGEBYSCORE', seen, '-inf', now, 'LIMIT', 0, 1000)
  if #gone > 0 and mode ~= 'p' then
    redis.call('ZREM', queue, unpack(gone))
    redis.call('ZREM', seen, unpack(gone))
  end
  if own == '' or not redis.call('ZSCORE', queue, own) then
    placed = placed + 1
    local stamp = time[1] * 1000000 + time[2] + placed
    if ARGV[at + 4] == 'newest-first' then stamp = 9000000000000000 - stamp end
    own = rank .. ':' .. format('%016d', stamp) .. ':' .. lease
  end
  local head = redis.call('ZRANGE', queue, 0, 0)[1]
  -- A place that is kept for longer than any is was taken before the clock stepped back.
  while mode ~= 'p' and head and head < own and tonumber(redis.call('ZSCORE', seen, head) or 0) > now + 60000 do
    redis.call('ZREM', queue, head)
    redis.call('ZREM', seen, head)
    head = redis.call('ZRANGE', queue, 0, 0)[1]
  end
  waits = head ~= nil and head < own
  if waits then agreed = false end
  if agreed and head == own or not passing and own == ARGV[at + 2] then
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
if hasLine then
  at, nextKey = at + 7, nextKey + 2
else
  at = at + 2
end`;

/** Grants the lease, unless it is held, with a fence that is kept in the first row it is of: a part of its text. */
export const GRANT: string = `
local fence = 0
for i = 1, #permits do
  local p = permits[i]
  local grants = agreed and not isHeld and p.agrees
  local row = 8 * p.row - 8
  if grants and p.cost > 0 then
    redis.call('ZREMRANGEBYSCORE', p.key, '-inf', now)
    local members = {}
    for j = 1, p.cost do
      members[2 * j - 1], members[2 * j] = now + p.length, lease
      if j > 1 then members[2 * j] = lease .. '#' .. j end
    end
    redis.call('ZADD', p.key, unpack(members))
    redis.call('PEXPIRE', p.key, max(redis.call('PTTL', p.key), p.length + grace))
    if not p.shadow and expires == 0 then expires = now + p.length end
  end
  if (grants or isHeld) and lease ~= '' and fence == 0 and p.cost > 0 and not p.shadow then
    local former = match(rows[row + 5], ' fence=(%d+)') or 0
    fence = max(min(former, 9007199254740990) + 1, time[1] * 1000000 + time[2])
    rows[row + 5] = string.gsub(rows[row + 5], ' fence=%d*', '') .. ' fence=' .. format('%d', fence)
    if expires > rows[row + 6] then rows[row + 6] = expires end
  end
end
for i = 1, #permits do told = told .. ' ' .. permits[i].held end
told = told .. ' ' .. format('%d %d ', fence, expires) .. (waits and 1 or 0) .. ' ' .. (ticket == '' and '-' or ticket)`;
