-- backend: where a step of hpo-trainer computes: on the processor, or on GPUs, over which its ranks are spread. None of it changes
-- a bit of a result, so it stands in no argument and no key: it reaches the program as variables.

local core = require "hpo.core"
local check = require "hpo.check"

local backend = {}

-- Fields of a step.
backend.rules = { backend = check.one_of("cpu", "cuda"), ranks = check.whole(1, 64), zero = check.whole(0, 3) }

local function check_ranks(step, o, ranks)
  if o.backend ~= "cuda" and ranks > 1 then
    core.fail(step .. ".ranks", ("%d ranks are that many GPUs, and the backend is %s"):format(ranks, check.show(o.backend or "cpu")), 'backend = "cuda"')
  end
  if o.backend == "cuda" and o.bf16 then
    core.fail(step .. ".bf16", "only the processor has an order of its sums to choose; on a GPU it is its library's", "leave bf16 out")
  end
  if o.zero and o.zero > 0 and ranks == 1 then
    core.fail(step .. ".zero", "it shares out what ranks keep, and there is one rank: zero = " .. o.zero, "ranks = N, or no zero")
  end
  if o.accumulate and o.accumulate % ranks ~= 0 then
    core.fail(step .. ".accumulate", ("expected a multiple of ranks, found accumulate = %d and ranks = %d"):format(o.accumulate, ranks),
      ("a step's micro-batches are dealt out to the ranks: accumulate = %d"):format((o.accumulate // ranks + 1) * ranks))
  end
end

-- The resources of a step whose options these are, with the variables.
function backend.resources(step, o)
  local resources, ranks = o.resources or { cpus = 1, gpus = 0 }, o.ranks or 1
  check_ranks(step, o, ranks)
  if o.backend ~= "cuda" then
    if resources.gpus > 0 then
      core.fail(step .. ".resources.gpus", ("found %d, and the backend is cpu"):format(resources.gpus), 'backend = "cuda"')
    end
    return resources
  end
  if resources.gpus ~= 0 and resources.gpus ~= ranks then
    core.fail(step .. ".resources.gpus", ("each rank has a GPU: found gpus = %d and ranks = %d"):format(resources.gpus, ranks), "ranks alone says it")
  end
  resources.gpus = ranks
  resources.settings = { { "HPO_BACKEND", "cuda" }, { "HPO_RANKS", tostring(ranks) } }
  if ranks > 1 then resources.settings[3] = { "HPO_ZERO", tostring(o.zero or 1) } end
  return resources
end

return backend
