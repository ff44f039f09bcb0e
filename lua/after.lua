-- after: hpo.after, what a recipe makes of a study once that is decided.

local core = require "hpo.core"
local artifact = require "hpo.artifact"
local check = require "hpo.check"
local study = require "hpo.study"

-- hpo.after(study, function(best) ... end): the artifact that the function returns. It is called with the
-- best trial { trial =, t =, metric =, params =, schedule = { { t =, params = }, ... }, checkpoint = }.
return function(searched, make)
  if not study.is(searched) then check.expected("hpo.after", "a study", searched) end
  check.callable("hpo.after(" .. tostring(searched) .. ")", make)
  local origin = {}
  local result = artifact.new(origin)
  local where = core.where()
  local function outcome(json)
    local best = core.decode(json)
    best.checkpoint = searched.best.checkpoint
    return artifact.node(artifact.rule(tostring(result), make(best)))
  end
  function origin:show() return "hpo.after(" .. tostring(searched) .. ")" end
  function origin:unnamed() return "has no name before the study is decided" end
  function origin:make() return core.after((study.node(searched)), outcome, where) end
  function origin:study() return study.node(searched), (artifact.node(result)) end
  return result
end
