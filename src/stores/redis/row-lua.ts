/**
 * How scripts read and write rows.
 *
 * A row is a hash: `until` (when all of it can be forgotten), `born` (when it began, in microseconds), `blocked` (until
 * when), `reason` (of the block), `fence` (of the latest lease), and the cells of its limits under their names, such as
 * `reads.start`.
 *
 * @module
 */

/**
 * Reads the present and the rows. ARGV: mode, instant or '', milliseconds that an operation is remembered, then for each
 * row the number of its limits, how many fields are read, the fields, and of each limit what `encode.ts` writes.
 *
 * An instant that is given rather than read, which tests do, has nothing to do with the server's time; rows then live a
 * minute longer than need be, so that they do not expire under the test.
 *
 * A cell that is no integer from 0 to 2^53 reads as 2^60: so far ahead that every denial repairs it.
 */
export const READ: string = `
local time = redis.call('TIME')
local born = time[1] * 1000000 + time[2]
local now = tonumber(ARGV[2])
local grace = 60000
if not now then
  now = math.floor(born / 1000)
  grace = 0
end
local nextArg = 4
local resets = 0

local function cell(value)
  if not value then return 0 end
  local number = tonumber(value)
  if number and number >= 0 and number <= 9007199254740992 and number % 1 == 0 then return number end
  return 1152921504606846976
end

local function instant(value)
  local number = cell(value)
  if number > 9007199254740992 then return 0 end
  return number
end

local function readRow(key, sized)
  local count, width = tonumber(ARGV[nextArg]), tonumber(ARGV[nextArg + 1])
  local first = nextArg + 2
  local at = first + width
  local values = redis.pcall('HMGET', key, unpack(ARGV, first, at - 1))
  if values.err then
    if not string.find(values.err, 'WRONGTYPE', 1, true) then error(values.err) end
    redis.call('DEL', key)
    resets = resets + 1
    values = {}
  end
  local shadow = count < 0
  if shadow then count = -1 - count end
  local limits, field = {}, 4
  for i = 1, count do
    local kind, cells = ARGV[at], 2
    if kind == 's' then cells = 3 end
    limits[i] = {
      kind = kind, field = first + field - 1, cells = cells, agrees = false, changed = false, since = false,
      cost = tonumber(ARGV[at + 1]), p = tonumber(ARGV[at + 2]), q = tonumber(ARGV[at + 3]),
      r = tonumber(ARGV[at + 4]), s = tonumber(ARGV[at + 5]),
      x = cell(values[field]), y = cell(values[field + 1]), z = cells == 3 and cell(values[field + 2]),
    }
    field = field + cells
    at = at + 6
    if sized then
      limits[i].since = tonumber(ARGV[at])
      at = at + 1
    end
  end
  nextArg = at
  return {
    key = key, limits = limits, shadow = shadow, fence = false, fencedTill = 0,
    till = instant(values[1]), born = instant(values[2]), blocked = instant(values[3]), place = 0,
  }
end

local function tell(reply, row)
  local n = #reply + 1
  row.place = n
  reply[n], reply[n + 1] = row.born, row.blocked
  n = n + 2
  for i = 1, #row.limits do
    local l = row.limits[i]
    reply[n], reply[n + 1] = l.x, l.y
    n = n + 2
    if l.z then
      reply[n] = l.z
      n = n + 1
    end
  end
end
`;

/** Writes the limits of a row that have changed, and has the row expire when nothing of it matters any more. */
export const WRITE: string = `
local function writeRow(row)
  local args, till = {}, max(row.till, row.blocked)
  if row.fence then
    args[1], args[2] = 'fence', row.fence
    till = max(till, row.fencedTill)
  end
  for i = 1, #row.limits do
    local l = row.limits[i]
    if l.changed then
      local n, field = #args, l.field
      args[n + 1], args[n + 2], args[n + 3], args[n + 4] = ARGV[field], l.x, ARGV[field + 1], l.y
      if l.cells == 3 then args[n + 5], args[n + 6] = ARGV[field + 2], l.z end
      till = max(till, forgettable(l))
    end
  end
  if #args == 0 then return end
  if row.born == 0 then
    row.born = born
    args[#args + 1], args[#args + 2] = 'born', born
  end
  if till ~= row.till then args[#args + 1], args[#args + 2] = 'until', till end
  redis.call('HSET', row.key, unpack(args))
  if till ~= row.till or row.born == born then redis.call('PEXPIRE', row.key, max(1, till - now) + grace) end
end
`;
