/**
 * How scripts read and write rows: statements in Lua, as in `rates-lua.ts`.
 *
 * A row is a string that people can read: `born=1763799120000123 until=1763799180000 reads.start,used=1763799120000,17`:
 * when it began, in microseconds; when all of it can be forgotten; `blocked` and `reason`, and the `fence` of the latest
 * lease, where there are any; then the cells of its limits. One string is read and written in a quarter of the time that a
 * hash of so many fields takes.
 *
 * @module
 */

/**
 * Reads the present: `now`, `time`, and `isGiven` if it is not the server's. Such an instant, which tests give, has nothing
 * to do with the server's time; rows then live a minute longer than need be, so that they do not expire under the test.
 */
export const PRESENT: string = `
local match, find, sub, byte, format = string.match, string.find, string.sub, string.byte, string.format
local floor, max, min = math.floor, math.max, math.min
local time, now, isGiven = redis.call('TIME'), ARGV[1], true
if now == '' then
  now, isGiven = time[1] * 1000 + floor(time[2] / 1000), false
else
  now = now + 0
end
local resets = 0`;

/**
 * Reads the row at `key`: `born` ('0': there is none), `till`, and the `rest` of its text, all of them locals that are
 * declared. What is no row is begun anew.
 */
export const READ: string = `
local text = redis.pcall('GET', key)
born, till, rest = '0', 0, ''
if text then
  local stop
  if text.err then
    if not find(text.err, 'WRONGTYPE', 1, true) then error(text.err) end
  else
    born, till, stop = match(text, '^born=(%d+) until=(%d+)()')
  end
  if stop then
    till, rest = till + 0, sub(text, stop)
  else
    redis.call('DEL', key)
    resets, born, till = resets + 1, '0', 0
  end
end`;

/**
 * Finds the cells of a limit in the text `fresh`, after `before`, where its name ends: `x`, `y` and `z`, and their text. What is no integer from 0 to 2^53 reads as 2^60: so far ahead that every denial repairs it.
 */
export const CELLS: string = `
local _, before = find(fresh, name, 1, true)
local x, y, z, after, cells
if not before then
  x, y, cells = 0, 0, ' 0 0'
  if kind == 's' then z, cells = 0, ' 0 0 0' end
else
  if kind == 's' then
    x, y, z, after = match(fresh, '^(%d+),(%d+),(%d+)()', before + 1)
  else
    x, y, after = match(fresh, '^(%d+),(%d+)()', before + 1)
  end
  local isSound = after and (byte(fresh, after) or 32) == 32
  if isSound then
    cells = ' ' .. x .. ' ' .. y
    x, y = x + 0, y + 0
    isSound = x <= 9007199254740992 and y <= 9007199254740992
    if z then
      cells = cells .. ' ' .. z
      z = z + 0
      isSound = isSound and z <= 9007199254740992
    end
  end
  if not isSound then
    after = find(fresh, ' ', before + 1, true) or #fresh + 1
    x, y, cells = 1152921504606846976, 1152921504606846976, ' 1152921504606846976 1152921504606846976'
    if kind == 's' then z, cells = x, cells .. ' 1152921504606846976' end
  end
end`;

/** The text of the cells. */
export const SHOWN: string = `
if z then cells = format('%d,%d,%d', x, y, z) else cells = format('%d,%d', x, y) end`;

/** A row that is charged is born. */
export const BIRTH: string = `
if born == '0' then born = format('%d', time[1] * 1000000 + time[2]) end`;

/** Writes a row, which expires when nothing of it matters any more. */
export const WRITE: string = `
local last = format('%d', ends)
local whole = 'born=' .. born .. ' until=' .. last .. rest
if isGiven then
  redis.call('SET', key, whole, 'PX', format('%d', max(1, ends - now) + 60000))
elseif ends == till then
  redis.call('SET', key, whole, 'KEEPTTL')
else
  redis.call('SET', key, whole, 'PXAT', last)
end`;
