/**
 * The script that decides. A constant text, as all of them: everything that differs from call to call is in KEYS and ARGV.
 *
 * @module
 */

import { ADMIT, GRANT, HELD } from './permits-lua.ts';
import { ASK, CHARGE, ENDS, NEVER, REPAIR } from './rates-lua.ts';
import { BIRTH, CELLS, PRESENT, READ, SHOWN, WRITE } from './rows-lua.ts';

/**
 * Decides on requests, one after the other: asks every limit, then charges all of them or none.
 *
 * KEYS: for each request its rows, each followed by the sets of its permits, then `queue` and `seen` if there is a line; at
 * the end of all the call's own key, if it is to be remembered. ARGV: instant or ''; milliseconds that the call is
 * remembered, or 0; its turn in 12 digits and the ids of its operations; then for each request its head, which is the
 * first letter of its mode, as a capital where there are permits or a line, and the number of its rows; for each row
 * how many limits are asked, below 0 for shadows; for each limit what `encode.ts` writes; then what is said of permits.
 *
 * The reply is a text: the server's time, then for each request, after a semicolon: 1 if it was agreed, 0 if not, 2 if the
 * lease was held before; how many rows were begun anew; and what was read, for the caller to draw the answer from.
 *
 * A call's own key holds its turn and its reply, until another call that was sent after this one was answered has the same key.
 * So a call that arrives a second time is answered the same, or, if it is late, not at all.
 */
export const DECIDE: string = `${PRESENT}
local grace = isGiven and 60000 or 0
local keep, turn = ARGV[2], sub(ARGV[3], 1, 12)
local memory, isRecent = false, false
if keep ~= '0' then
  memory = KEYS[#KEYS]
  local kept = redis.call('GET', memory)
  if kept then
    local former = sub(kept, 1, 12)
    if former == turn then return sub(kept, 13) end
    if former > turn then return '' end
    isRecent = sub(kept, 13, 22) == time[1]
  end
end
local nextKey, at, last, isCharged, placed = 1, 4, #ARGV, false, 0
local reply, replies = time[1] .. ' ' .. time[2], false
local rows = {}
while at <= last do
  local mode, count, permits = ARGV[at], 1, false
  at = at + 1
  if mode ~= 'c1' then
    count = sub(mode, 2) + 0
    mode = sub(mode, 1, 1)
    if mode < 'a' then
      mode, permits = string.lower(mode), {}
    end
  end
  local agreed, told, size = mode == 'c1' or mode == 'c', '', 0
  local passing = agreed or mode == 'w'
  for i = 1, count do
    local key, asks = KEYS[nextKey], ARGV[at] + 0
    nextKey, at = nextKey + 1, at + 1
    local shadow = asks < 0
    if shadow then asks = -asks end
    local born, till, rest${READ}
    local fresh, ends, mended, mendedEnds = rest, till, false, till
    local blocked = find(rest, ' blocked=', 1, true)
    if blocked then
      blocked = match(rest, '^%d+', blocked + 9) or '0'
      if blocked + 0 > now then agreed, passing = false, false end
      told = told .. ' ' .. born .. ' ' .. blocked
    else
      told = told .. ' ' .. born .. ' 0'
    end
    for _ = 1, asks do
      local kind = ARGV[at]
      if kind == 'p' then${HELD}
      else
        local name, cost, p, q = ARGV[at + 1], ARGV[at + 2] + 0, ARGV[at + 3] + 0, ARGV[at + 4] + 0
        local r, s = 0, 0
        if kind == 't' then
          r, s = ARGV[at + 5] + 0, ARGV[at + 6] + 0
          at = at + 7
        else
          at = at + 5
        end${CELLS}
        told = told .. cells
        local said, changed, again = false, false, false
        repeat${ASK}
          again = false
          if not said and not changed and not (${NEVER}) then${REPAIR}
            if changed then${SHOWN}
              local ends = mendedEnds${ENDS}
              mendedEnds = ends
              mended = mended or rest
              local _, first = find(mended, name, 1, true)
              mended = sub(mended, 1, first) .. cells .. sub(mended, find(mended, ' ', first, true) or #mended + 1)
              fresh = sub(fresh, 1, before) .. cells .. sub(fresh, after)
              after = before + #cells + 1
              again = true
            end
          end
        until not again
        if said then
          if agreed and cost > 0 then${CHARGE}${ENDS}${SHOWN}
            if before then fresh = sub(fresh, 1, before) .. cells .. sub(fresh, after)
            else fresh = fresh .. name .. cells end
          end
        elseif not shadow then
          agreed = false
          if ${NEVER} then passing = false end
        end
      end
    end
    rows[size + 1], rows[size + 2], rows[size + 3], rows[size + 4] = key, born, till, rest
    rows[size + 5], rows[size + 6], rows[size + 7], rows[size + 8] = fresh, ends, mended, mendedEnds
    size = size + 8
  end
  local isHeld, expires, waits, ticket, lease = false, 0, false, '', ''
  if permits then${ADMIT}
  end
  for i = 1, size, 8 do
    if isHeld or (mode == 'p' and not agreed) then
      rows[i + 4], rows[i + 5] = rows[i + 3], rows[i + 2]
    elseif not agreed then
      rows[i + 4], rows[i + 5] = rows[i + 6] or rows[i + 3], rows[i + 7]
    end
  end
  if permits then${GRANT}
  end
  for i = 1, size, 8 do
    if rows[i + 4] ~= rows[i + 3] then
      local key, born, till, rest, ends = rows[i], rows[i + 1], rows[i + 2], rows[i + 4], rows[i + 5]${BIRTH}${WRITE}
    end
  end
  local status = ';0'
  if isHeld then status = ';2' elseif agreed then status = ';1' end
  isCharged = isCharged or status ~= ';0'
  if resets > 0 then
    status, resets = status .. ' ' .. resets, 0
  else
    status = status .. ' 0'
  end
  if replies then
    replies[#replies + 1] = status
    replies[#replies + 1] = told
  elseif at > last then
    reply = reply .. status .. told
  else
    replies = {reply, status, told}
  end
end
if replies then reply = table.concat(replies) end
if memory and isCharged then
  if isRecent then redis.call('SET', memory, turn .. reply, 'KEEPTTL')
  else redis.call('SET', memory, turn .. reply, 'PX', keep) end
end
return reply
`;
