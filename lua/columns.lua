-- columns: rows drawn as aligned text for people, or as CSV (RFC 4180) for programs.
--
-- A column is { title =, key =, value = function(row), show =, exact = }: title and show are for text,
-- key and exact for CSV; show and exact turn a value into text or nil. Text is rounded for the eye and
-- has "–" where there is nothing; CSV has every digit, and an empty field.

local core = require "hpo.core"
local check = require "hpo.check"

local columns = {}

local function is_number(x) return type(x) == "number" end

-- Every digit.
function columns.plain(x)
  if x == nil or type(x) == "table" then return nil end
  return is_number(x) and core.number(x) or tostring(x)
end

-- A function that rounds numbers by a format, and knows nothing else.
function columns.rounded(format)
  return function(x) return is_number(x) and string.format(format, x) or nil end
end

local six_digits = columns.rounded "%.6g"

function columns.for_eyes(x) return six_digits(x) or columns.plain(x) end

-- One that shows a field of its rows.
function columns.new(title, key, show, exact)
  return { title = title, key = key, value = function(row) return row[key] end, show = show, exact = exact }
end

-- "bs=4 lr=0.003"
function columns.points(show)
  return function(params)
    local parts = {}
    for i, name in ipairs(check.names(params or {})) do parts[i] = name .. "=" .. (show(params[name]) or "") end
    return #parts > 0 and table.concat(parts, " ") or nil
  end
end

function columns.width(text) return utf8.len(text) or #text end

-- Numbers stand right, the rest left.
function columns.text(list, rows)
  local lines = { {} }
  for c, column in ipairs(list) do
    local cells, widest, right = { column.title }, columns.width(column.title), true
    for r, row in ipairs(rows) do
      local value = column.value(row)
      right = right and (value == nil or is_number(value))
      cells[r + 1] = (column.show or columns.for_eyes)(value) or "–"
      widest = math.max(widest, columns.width(cells[r + 1]))
    end
    for r, cell in ipairs(cells) do
      local gap = (" "):rep(widest - columns.width(cell))
      lines[r] = lines[r] or {}
      lines[r][c] = right and gap .. cell or cell .. gap
    end
  end
  for r, line in ipairs(lines) do lines[r] = table.concat(line, "  "):gsub(" +$", "") .. "\n" end
  return table.concat(lines)
end

local function csv_field(text)
  if not text:find '[",\r\n]' then return text end
  return '"' .. text:gsub('"', '""') .. '"'
end

function columns.csv(list, rows)
  local lines = {}
  local function add(cell)
    local cells = {}
    for c, column in ipairs(list) do cells[c] = csv_field(cell(column)) end
    lines[#lines + 1] = table.concat(cells, ",") .. "\n"
  end
  add(function(column) return column.key end)
  for _, row in ipairs(rows) do
    add(function(column) return (column.exact or columns.plain)(column.value(row)) or "" end)
  end
  return table.concat(lines)
end

return columns
