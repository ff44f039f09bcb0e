-- comparison: the table of hpo.compare, drawn from the JSON that programs get.

local core = require "hpo.core"
local check = require "hpo.check"
local columns = require "hpo.columns"

local seconds, hundredths = columns.rounded "%.1f s", columns.rounded "%.2f"
local ours = {
  columns.new("run type", "run"), columns.new("EM", "exact_match", hundredths), columns.new("F1", "f1", hundredths),
  columns.new("best params", "params", columns.points(columns.for_eyes), columns.points(columns.plain)), columns.new("t", "t"),
  columns.new("wall time", "runtime_s", seconds), columns.new("slots", "slots"),
  columns.new("worker minutes", "minutes", hundredths), columns.new("GPU minutes", "gpu_minutes", hundredths),
  columns.new("ratio", "ratio", hundredths),
}
local optional = { exact_match = "answers", f1 = "answers", gpu_minutes = "gpus" } -- only shown where some row has one of them

-- Ours, and behind the first one the metrics of the studies (eval loss, as a rule).
local function columns_of(rows)
  local known, titles, metrics, has, list, named = {}, {}, {}, {}, {}, {}
  for _, c in ipairs(ours) do known[c.key], titles[c.title] = true, true end
  for _, row in ipairs(rows) do
    for name in pairs(row) do
      metrics[name] = not known[name] or nil
      if optional[name] then has[optional[name]] = true end
    end
  end
  for _, c in ipairs(ours) do
    if not optional[c.key] or has[optional[c.key]] then list[#list + 1] = c end
  end
  if next(metrics) == nil then metrics.eval_loss = true end
  for i, name in ipairs(check.names(metrics)) do
    local title = name:gsub("_", " ")
    named[i] = columns.new(titles[title] and "metric " .. title or title, name)
  end
  table.move(list, 2, #list, #named + 2)
  return table.move(named, 1, #named, 2, list)
end

-- { "rows": [...] } → text, CSV.
return function(json)
  local rows = core.decode(json).rows
  local list = columns_of(rows)
  return columns.text(list, rows), columns.csv(list, rows)
end
