-- trial: what a study's `trial = function(p)` makes of a trial's parameters. o are the study's checked fields, max_t is the
-- scheduler's, params are JSON.

local core = require "hpo.core"
local artifact = require "hpo.artifact"
local check = require "hpo.check"
local digits = require "hpo.digits"

local trial = {}

-- What is trained, as an artifact's origin. exploits: a trial may go on from another's checkpoint.
local function origin_of(o, max_t, exploits, params)
  local p = core.decode(params)
  digits.of(p)
  core.within(o.trial)
  local step = o.trial(p)
  digits.of {}
  local origin = artifact.is(step) and not artifact.is_picked(step) and artifact.origin(step)
  if not origin or not origin.template then check.expected("study.trial", "hpo.train, hpo.command or hpo.script", step) end
  if origin.last_t and max_t > origin.last_t then
    core.fail("study.trial", "the scheduler's max_t is " .. max_t .. ", but hpo.train has epochs = " .. origin.last_t,
      "past its epochs the learning rate is 0: raise epochs, which is another experiment, or lower max_t")
  end
  if exploits and origin.without_checkpoint then
    core.fail("hpo.script", "the study's scheduler lets a trial go on from another's checkpoint, and a script has none",
      "an hpo.command that speaks the protocol of trainers, or another scheduler")
  end
  return origin
end

-- The number of the node that is the trial's template.
function trial.template(o, max_t, exploits, params)
  return origin_of(o, max_t, exploits, params):template(params, o.metric)
end

-- Fails where what is wrong with trials would else be found late.
function trial.check(...) origin_of(...) end

return trial
