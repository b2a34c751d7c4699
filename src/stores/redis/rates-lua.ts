/**
 * The arithmetic of `src/algorithms`, once more, in Lua. Lua's numbers are the same doubles; all products are below 2^53,
 * since the plans were checked. What is different is only where state comes from.
 *
 * These are statements, not functions: making functions anew at every call of a script costs as much as a decision. They
 * work on locals: `now`; `kind` (f: fixed window, e: one aligned to the epoch, s: sliding, t: token bucket), `cost`, the
 * numbers `p` to `s` of the plan, and the cells `x`, `y` and `z`, which is nil where there are two.
 *
 * @module
 */

/** The start of a sliding window's present window, and what was used before it and in it. */
const ROOM = `
local start, previous, current = max(now - now % q, x), 0, 0
if start == x then previous, current = y, z elseif start == x + q then previous = z end`;

/** When a token bucket is empty, and the ticks beyond. */
const ARRIVAL = `
local ms, ticks = x, y
if y < 0 or y >= r then ms, ticks = x + 1, 0 end`;

const BACKLOG = `${ARRIVAL}
local backlog = 0
if ms >= now then backlog = (ms - now) * r + ticks end`;

/** Sets `said`: whether the limit agrees. */
export const ASK: string = `
if kind == 's' then${ROOM}
  said = cost <= p and p > 0 and previous * (q - 1 - max(0, now - start)) <= (p - cost - current) * q
elseif kind == 't' then${ARRIVAL}
  said = cost <= p and r > 0 and (ms < now or floor(((p - cost) * q - ticks) / r) >= ms - now)
else
  said = cost <= p and p > 0 and (y <= 0 or now >= x + q or cost <= p - y)
end`;

/** Whether a limit that does not agree never will. */
export const NEVER = "cost > p or p == 0 or (kind == 't' and r == 0)";

/** Charges the cells. */
export const CHARGE: string = `
if kind == 's' then${ROOM}
  x, y, z = start, previous, max(current, min(current + cost, min(2 * p, 9007199254740991)))
elseif kind == 't' then
  if r > 0 then${BACKLOG}
    local total = min(backlog + cost * q, min(2 * p * q, 9007199254740991))
    if total > backlog then
      ms = floor(total / r)
      x, y = now + ms, total - ms * r
    end
  end
else
  if y <= 0 or now >= x + q then
    x, y = now, 0
    if kind == 'e' then x = now - now % q end
  end
  y = max(y, min(y + cost, min(2 * p, 9007199254740991)))
end`;

/** Where the cells are further ahead than can be, makes them full as of now, and sets `changed`. */
export const REPAIR: string = `
if kind == 's' then
  if x - now > 2 * q then x, y, z, changed = now - now % q, 0, p, true end
elseif kind == 't' then
  local empty = x
  if y ~= 0 then empty = x + 1 end
  if r > 0 and empty - now > s then
    local ms = floor(p * q / r)
    x, y, changed = now + ms, p * q - ms * r, true
  end
elseif x - now > q then
  x, y, changed = now, p, true
  if kind == 'e' then x = now - now % q + q end
end`;

/** Gives back what is outstanding of a charge of `cost` that counts from `since`. */
export const REFUND: string = `
if kind == 's' then${ROOM}
  local age = start - since
  if age == 0 then current = max(0, current - cost) elseif age == q then previous = max(0, previous - cost) end
  if age == 0 or age == q then
    x, y, z = start, previous, current
    if y == 0 and z == 0 then x = 0 end
  end
elseif kind == 't' then
  if r > 0 then${BACKLOG}
    local outstanding = min(cost * q, min(2 * p * q, 9007199254740991)) - max(0, now - since) * r
    if outstanding > 0 and backlog <= 9007199254740991 then
      backlog = max(0, backlog - outstanding)
      ms = floor(backlog / r)
      x, y = now + ms, backlog - ms * r
    end
  end
elseif y > 0 and now < x + q and x == since then
  y = max(0, y - cost)
end`;

/** Sets `ends` to the instant from which the cells are as good as none, if that is later. */
export const ENDS: string = `
local free = 0
if kind == 's' then
  if z ~= 0 then free = x + 2 * q elseif y ~= 0 then free = x + q end
elseif kind == 't' then
  free = x
  if y ~= 0 then free = x + 1 end
elseif y ~= 0 then
  free = x + q
end
if free > ends then ends = free end`;
