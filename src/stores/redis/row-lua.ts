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
 * row the number of its limits, and of each limit what `encode.ts` writes.
 *
 * An instant that is given rather than read, which tests do, has nothing to do with the server's time; rows then live a
 * minute longer than need be, so that they do not expire under the test.
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
local names = {f = {'.start', '.used'}, s = {'.since', '.previous', '.current'}, t = {'.ms', '.ticks'}}
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
  local row = {key = key, limits = {}, shadow = false}
  local fields = {'until', 'born', 'blocked'}
  local count = tonumber(ARGV[nextArg])
  if count < 0 then
    row.shadow = true
    count = -1 - count
  end
  local at = nextArg + 1
  for i = 1, count do
    local kind, name = ARGV[at], ARGV[at + 1]
    local cells = names[kind]
    for j = 1, #cells do fields[#fields + 1] = name .. cells[j] end
    row.limits[i] = {kind = kind, at = #fields - #cells, cells = #cells,
      cost = tonumber(ARGV[at + 2]), p = tonumber(ARGV[at + 3]), q = tonumber(ARGV[at + 4]),
      r = tonumber(ARGV[at + 5]), s = tonumber(ARGV[at + 6])}
    at = at + 7
    if sized then
      row.limits[i].since = tonumber(ARGV[at])
      at = at + 1
    end
  end
  nextArg = at
  local values = redis.pcall('HMGET', key, unpack(fields))
  if values.err then
    if not string.find(values.err, 'WRONGTYPE', 1, true) then error(values.err) end
    redis.call('DEL', key)
    resets = resets + 1
    values = {}
  end
  row.fields, row.values = fields, values
  row.till, row.born, row.blocked = instant(values[1]), instant(values[2]), instant(values[3])
  for i = 1, count do
    local l = row.limits[i]
    l.x, l.y, l.z = cell(values[l.at + 1]), cell(values[l.at + 2]), cell(values[l.at + 3])
  end
  return row
end
`;

/** Writes the limits of a row that have changed, and has the row expire when nothing of it matters any more. */
export const WRITE: string = `
local function writeRow(row)
  local fields, args, till = row.fields, {}, max(row.till, row.blocked)
  if row.fence then
    args[1], args[2] = 'fence', row.fence
    till = max(till, row.fencedTill)
  end
  for i = 1, #row.limits do
    local l = row.limits[i]
    if l.changed then
      local n = #args
      args[n + 1], args[n + 2] = fields[l.at + 1], l.x
      args[n + 3], args[n + 4] = fields[l.at + 2], l.y
      if l.cells == 3 then args[n + 5], args[n + 6] = fields[l.at + 3], l.z end
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
