-- columns: rows drawn as aligned text for people, or as CSV (RFC 4180) for programs.
--
-- A column is { title =, key =, value = function(row), show =, exact = }: title and show are for text,
-- key and exact for CSV; show and exact turn a value into text or nil. Text is rounded and cut for the
-- eye and has "–" where there is nothing; CSV has every digit and letter, and an empty field.

local core = require "hpo.core"
local check = require "hpo.check"

local columns = {}
local WIDEST = 60 -- letters of a value, for the eye

-- Every digit.
function columns.plain(x)
  local kind = type(x)
  if kind == "number" then return core.number(x) end
  if kind == "table" then return next(x) ~= nil and core.encode(x) or nil end
  return x ~= nil and tostring(x) or nil
end

-- A function that rounds numbers by a format, and knows nothing else.
function columns.rounded(format)
  return function(x) return type(x) == "number" and string.format(format, x) or nil end
end

local six_digits = columns.rounded "%.6g"

function columns.width(text) return utf8.len(text) or #text end

-- A control character in visible letters.
local function escape(c) return c == "\n" and "\\n" or ("\\u%04X"):format(utf8.codepoint(c)) end

-- A text on one line.
function columns.line(text) return (text:gsub("%c", escape):gsub("\xc2[\x80-\x9f]", escape)) end

-- The same, its end cut off where it is long.
function columns.cut(text)
  local end_of = #text > WIDEST and utf8.offset(text, WIDEST)
  if end_of and utf8.offset(text, 2, end_of) <= #text then text = text:sub(1, end_of - 1) .. "…" end
  return columns.line(text)
end

function columns.for_eyes(x)
  local text = six_digits(x) or columns.plain(x)
  return text and columns.cut(text)
end

-- One that shows a field of its rows.
function columns.new(title, key, show, exact)
  return { title = title, key = key, value = function(row) return row[key] end, show = show, exact = exact }
end

-- "bs=4 lr=0.003"
function columns.points(show)
  return function(params)
    local parts = {}
    for i, name in ipairs(check.names(params or {})) do parts[i] = show(name) .. "=" .. (show(params[name]) or "") end
    return #parts > 0 and table.concat(parts, " ") or nil
  end
end

-- Spaces by their number, made where they are asked for.
local spaces = setmetatable({}, { __index = function(known, n)
  known[n] = (" "):rep(n)
  return known[n]
end })

-- The cells of a column, with its title in front, each as wide as the widest: numbers stand right, the
-- rest left (in the last column without spaces behind). A study may have 10,000 rows: no function is
-- called for a cell that need not be.
local function aligned(column, rows, is_last)
  local value_of, show = column.value, column.show or columns.for_eyes
  local title = columns.cut(column.title)
  local cells, widths, right, widest = { title }, { columns.width(title) }, true, 0
  for r, row in ipairs(rows) do
    local value = value_of(row)
    local cell = show(value) or "–"
    right = right and (value == nil or type(value) == "number")
    cells[r + 1], widths[r + 1] = cell, columns.width(cell)
  end
  for _, width in ipairs(widths) do widest = width > widest and width or widest end
  for r, cell in ipairs(cells) do
    local gap = spaces[widest - widths[r]]
    cells[r] = right and gap .. cell or is_last and cell or cell .. gap
  end
  return cells
end

function columns.text(list, rows)
  local lines, all = {}, {}
  for c, column in ipairs(list) do all[c] = aligned(column, rows, c == #list) end
  for r = 1, #rows + 1 do
    local cells = {}
    for c, column in ipairs(all) do cells[c] = column[r] end
    lines[r] = table.concat(cells, "  ")
  end
  return table.concat(lines, "\n") .. "\n"
end

local function csv_field(text)
  if not text:find '[",\r\n]' then return text end
  return '"' .. text:gsub('"', '""') .. '"'
end

function columns.csv(list, rows)
  local lines, cells = {}, {}
  for c, column in ipairs(list) do cells[c] = csv_field(column.key) end
  lines[1] = table.concat(cells, ",")
  for r, row in ipairs(rows) do
    for c, column in ipairs(list) do
      local value, exact = column.value(row), column.exact
      if type(value) == "number" and not exact then
        cells[c] = core.number(value)
      else
        cells[c] = csv_field((exact or columns.plain)(value) or "")
      end
    end
    lines[r + 1] = table.concat(cells, ",")
  end
  return table.concat(lines, "\n") .. "\n"
end

return columns
