/**
 * The arithmetic of `src/algorithms`, once more, in Lua. Lua's numbers are the same doubles; all products are below 2^53,
 * since the plans were checked. What is different is only where state comes from.
 *
 * A limit is a table: `kind` (f, s or t), `cost`, its numbers `p` to `s`, and its cells `x`, `y`, `z`.
 *
 * @module
 */

/** Declares `verdict` (true, false or 'never'), `repair`, `charge` and `forgettable`; uses `now`. */
export const RATES = `
local floor, max, min, most = math.floor, math.max, math.min, 9007199254740991

local function room(l)
  local start = max(now - now % l.q, l.x)
  if l.x == start then return start, l.y, l.z end
  if l.x == start - l.q then return start, l.z, 0 end
  return start, 0, 0
end

local function arrival(l)
  if l.y >= 0 and l.y < l.r then return l.x, l.y end
  return l.x + 1, 0
end

local function fill(l, backlog)
  local ms = floor(backlog / l.r)
  l.x, l.y = now + ms, backlog - ms * l.r
end

local function verdict(l)
  local kind, cost = l.kind, l.cost
  if kind == 'f' then
    if cost > l.p or l.p == 0 then return 'never' end
    return l.y <= 0 or now >= l.x + l.q or cost <= l.p - l.y
  elseif kind == 's' then
    if cost > l.p or l.p == 0 then return 'never' end
    local start, previous, current = room(l)
    return previous * (l.q - 1 - max(0, now - start)) <= (l.p - cost - current) * l.q
  end
  if cost > l.p or l.r == 0 then return 'never' end
  local ms, ticks = arrival(l)
  return ms < now or floor(((l.p - cost) * l.q - ticks) / l.r) >= ms - now
end

local function charge(l)
  local kind, cost = l.kind, l.cost
  if kind == 'f' then
    if l.y <= 0 or now >= l.x + l.q then
      l.x, l.y = now, 0
      if l.r == 1 then l.x = now - now % l.q end
    end
    l.y = max(l.y, min(l.y + cost, min(2 * l.p, most)))
  elseif kind == 's' then
    l.x, l.y, l.z = room(l)
    l.z = max(l.z, min(l.z + cost, min(2 * l.p, most)))
  elseif l.r > 0 then
    local ms, ticks = arrival(l)
    local backlog = 0
    if ms >= now then backlog = (ms - now) * l.r + ticks end
    local total = min(backlog + cost * l.q, min(2 * l.p * l.q, most))
    if total > backlog then fill(l, total) end
  end
end

local function repair(l)
  local kind = l.kind
  if kind == 'f' then
    if l.x - now <= l.q then return end
    l.x, l.y = now, l.p
    if l.r == 1 then l.x = now - now % l.q + l.q end
  elseif kind == 's' then
    if l.x - now <= 2 * l.q then return end
    l.x, l.y, l.z = now - now % l.q, 0, l.p
  else
    local empty = l.x
    if l.y ~= 0 then empty = empty + 1 end
    if l.r == 0 or empty - now <= l.s then return end
    fill(l, l.p * l.q)
  end
  l.changed = true
end

local function forgettable(l)
  if l.kind == 'f' then
    if l.y == 0 then return 0 end
    return l.x + l.q
  elseif l.kind == 's' then
    if l.z ~= 0 then return l.x + 2 * l.q end
    if l.y ~= 0 then return l.x + l.q end
    return 0
  end
  if l.y == 0 then return l.x end
  return l.x + 1
end
`;

/** Declares `refund`, which gives back what is outstanding of a charge of `l.cost` that counts from `l.since`. */
export const REFUND = `
local function refund(l)
  local kind, cost, since = l.kind, l.cost, l.since
  if kind == 'f' then
    if l.y <= 0 or now >= l.x + l.q or l.x ~= since then return end
    l.y = max(0, l.y - cost)
  elseif kind == 's' then
    local start, previous, current = room(l)
    local age = start - since
    if age == 0 then current = max(0, current - cost)
    elseif age == l.q then previous = max(0, previous - cost)
    else return end
    l.x, l.y, l.z = start, previous, current
    if previous == 0 and current == 0 then l.x = 0 end
  else
    if l.r == 0 then return end
    local ms, ticks = arrival(l)
    local backlog = 0
    if ms >= now then backlog = (ms - now) * l.r + ticks end
    local outstanding = min(cost * l.q, min(2 * l.p * l.q, most)) - max(0, now - since) * l.r
    if outstanding <= 0 or backlog > most then return end
    fill(l, max(0, backlog - outstanding))
  end
  l.changed = true
end
`;
