-- diff: what hpo diff says of two builds, for people and for programs, from what the engine knows of them.

local core = require "hpo.core"
local check = require "hpo.check"
local columns = require "hpo.columns"
local sides = require "hpo.sides"
local trials = require "hpo.trials"

-- Both tables of a study, a line a trial.
local function table_of(study)
  local params, metrics, list = {}, {}, {}
  local function add(title, value) list[#list + 1] = { title = title, value = value } end
  for _, pair in ipairs(study.trials) do
    for name in pairs(pair.params) do params[name] = true end
    for _, side in ipairs { pair.a or false, pair.b or false } do
      for name in pairs(side and side.metrics or {}) do metrics[name] = name ~= study.metric or nil end
    end
  end
  local function of(side, field) return function(pair) return pair[side] and pair[side][field] end end
  local function metric(name)
    local title = trials.spaced(name)
    add(title .. " A", function(pair) return pair.a and pair.a.metrics[name] end)
    add(title .. " B", function(pair) return pair.b and pair.b.metrics[name] end)
    add("change", function(pair) return pair.change[name] end)
  end
  add("trial A", of("a", "trial"))
  add("trial B", of("b", "trial"))
  for _, name in ipairs(check.names(params)) do add(name, function(pair) return pair.params[name] end) end
  metric(study.metric)
  for _, name in ipairs(check.names(metrics)) do metric(name) end
  for _, side in ipairs { "a", "b" } do
    add("t " .. side:upper(), of(side, "reached"))
    add("status " .. side:upper(), of(side, "status"))
  end
  return columns.text(list, study.trials)
end

-- "trial 3 {i = 4}: loss 1.5 at t = 4"
local function best_words(study, side)
  local best = study.best[side]
  if not best then return "–" end
  local params = columns.points(columns.for_eyes)(best.params)
  return ("trial %d%s, t = %d, %s %s"):format(best.trial, params and " (" .. params .. ")" or "", best.t, study.metric,
    columns.for_eyes(best.metrics[study.metric]) or "–")
end

local function study_text(study)
  local lines = { columns.line(("study %s (%s, %s)"):format(study.study, study.metric, study.mode)) }
  if study.only then lines[1] = lines[1] .. ": only in " .. study.only:upper() end
  for _, side in ipairs { "a", "b" } do
    if study.best[side] then lines[#lines + 1] = ("  best in %s: %s"):format(side:upper(), best_words(study, side)) end
  end
  local change = study.best.change[study.metric]
  if change then lines[#lines + 1] = "  change: " .. columns.for_eyes(change) end
  return table.concat(lines, "\n") .. "\n" .. table_of(study)
end

-- "A  run 3  recipes/asha.lua  n=8"
local function head(name, build)
  local set = columns.points(columns.for_eyes)(build.set)
  return columns.line(("%s  run %d  %s%s%s"):format(name, build.run, build.recipe, set and "  " .. set or "",
    build.status ~= "done" and "  (" .. build.status .. ")" or "")) .. "\n"
end

-- Digests by their first digits. Where the fields of a unit's template follow, its digest says nothing.
local function short(field) return (field:gsub(("%x"):rep(64), function(digest) return digest:sub(1, 12) end)) end

local function is_shown(fields, field) return #fields == 1 or not (field:find "^template: " or field:find "^parent: ") end

-- "--set n: 8 → 12"
local function changes(what, list, none, show)
  local lines = {}
  for i, item in ipairs(list) do
    lines[i] = columns.line(("%s %s: %s → %s"):format(what, item.name, item.a and show(item.a) or none, item.b and show(item.b) or none)) .. "\n"
  end
  return table.concat(lines)
end

local function nodes_text(nodes)
  local lines = {}
  for _, node in ipairs(nodes) do
    lines[#lines + 1] = columns.line(node.name) .. (node.only and ": only in " .. node.only:upper() or "") .. "\n"
    for _, field in ipairs(node.fields or {}) do
      if is_shown(node.fields, field) then lines[#lines + 1] = "  " .. short(field) .. "\n" end
    end
    if node.fields and #node.fields == 0 then lines[#lines + 1] = "  its key differs; what it was made of is not in the store any more\n" end
  end
  return table.concat(lines)
end

local function text_of(d)
  local parts = { head("A", d.a) .. head("B", d.b),
    changes("--set", d.set, "its default", columns.plain) .. changes("file", d.files, "–", short)
      .. nodes_text(d.nodes) .. nodes_text(d.units) }
  if parts[2] == "" then parts[2] = "no --set, no file of Lua and no key differs\n" end
  for _, study in ipairs(d.studies) do parts[#parts + 1] = study_text(study) end
  return table.concat(parts, "\n")
end

-- A list whose members' fields are lists, as JSON has them.
local function lists(nodes)
  for _, node in ipairs(nodes) do node.fields = node.fields and core.array(node.fields) end
  return core.array(nodes)
end

-- json: { "a": build, "b": build, "nodes": [...], "units": [...] } → text, JSON.
return function(json)
  local d = core.decode(json)
  d.studies = sides.studies(d.a, d.b)
  d.set, d.files = sides.differing(d.a.set, d.b.set), sides.differing(d.a.files, d.b.files)
  d.nodes, d.units = lists(d.nodes), lists(d.units)
  for _, side in ipairs { d.a, d.b } do side.studies, side.files = nil, nil end
  return text_of(d), core.encode(d) .. "\n"
end
