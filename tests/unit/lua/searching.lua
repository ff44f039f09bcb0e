-- searching: what the tests of the searchers with a model share.

local clock = require "clock"
local core = require "hpo.core"
local hpo = require "hpo"
local t = require "harness"

local searching = {}

-- One domain of every kind, and parameters that do not vary.
function searching.space()
  return {
    u = hpo.uniform(-2, 3), l = hpo.loguniform(1e-5, 1e-1), q = hpo.quniform(0.1, 0.7, 0.1), ql = hpo.qloguniform(2, 64, 2),
    r = hpo.randint(-3, 9), c = hpo.choice { "a", "b", "c" }, o = hpo.ordered { 16, 32, 64 }, k = "constant",
    one = hpo.quniform(0.5, 0.7, 0.5),
  }
end

function searching.study(changes)
  local o = { space = searching.space(), samples = 40, concurrency = 3, metric = "loss", seed = 7,
    scheduler = hpo.scheduler.fifo { max_t = 2 }, trial = function() return hpo.command { run = { "true" } } end }
  for name, value in pairs(changes) do o[name] = value end
  core.nodes = {}
  hpo.study(o)
  local spec = core.nodes[1]
  spec.space = o.space
  return spec
end

-- A loss that is least at u = 1, l = 1e-3, c = "b"; ever smaller with t.
function searching.loss(p, at)
  return (p.u - 1) ^ 2 + (math.log(p.l / 1e-3)) ^ 2 / 4 + (p.c == "b" and 0 or 1) + 1 / at
end

-- Runs the study; the parameters of each trial in order, as JSON.
function searching.run(spec, loss)
  local suggested, suggest = {}, spec.suggest
  function spec.suggest(n)
    suggested[n + 1] = suggest(n)
    return suggested[n + 1]
  end
  clock.run(spec, function(trial, at) return (loss or searching.loss)(core.decode(suggested[trial + 1]), at, trial) end)
  return suggested
end

-- What must hold for every searcher with a model; `search` makes it, `startup` is how many are random.
function searching.check(search, startup)
  t.test("the same calls, the same suggestions; more samples keep the first ones", function()
    local first = searching.run(searching.study { search = search() })
    t.equal(searching.run(searching.study { search = search() }), first)
    local more = searching.run(searching.study { search = search(), samples = 55 })
    t.equal(table.move(more, 1, 40, 1, {}), first)
    assert(searching.run(searching.study { search = search(), seed = 8 })[1] ~= first[1])
  end)

  t.test("start-up trials are those of random, later ones are not", function()
    local random = searching.run(searching.study {})
    local found = searching.run(searching.study { search = search() })
    for i = 1, startup do t.equal(found[i], random[i]) end
    local other = 0
    for i = startup + 1, 40 do other = other + (found[i] ~= random[i] and 1 or 0) end
    assert(other >= 10, other .. " suggestions came from the model")
  end)

  t.test("suggestions lie in the space, for every kind of domain", function()
    for _, mode in ipairs { "min", "max" } do
      local spec = searching.study { search = search(), mode = mode, samples = 80 }
      for _, text in ipairs(searching.run(spec)) do
        local p = core.decode(text)
        for name, domain in pairs(spec.space) do
          if name == "k" then
            t.equal(p.k, "constant")
          else
            assert(domain:contains(p[name]), name .. " = " .. tostring(p[name]))
          end
        end
        t.equal({ math.type(p.r), math.type(p.ql), p.one }, { "integer", "integer", 0.5 })
        assert(math.abs(p.q * 10 - math.floor(p.q * 10 + 0.5)) < 1e-9 and p.ql % 2 == 0)
      end
    end
  end)

  t.test("it comes nearer than random, for either mode", function()
    local function mean(suggested)
      local sum = 0
      for i = 31, 60 do sum = sum + searching.loss(core.decode(suggested[i]), 2) end
      return sum / 30
    end
    local random = mean(searching.run(searching.study { samples = 60 }))
    assert(mean(searching.run(searching.study { search = search(), samples = 60 })) < 0.7 * random)
    local function negative(p, at) return -searching.loss(p, at) end
    local max = searching.run(searching.study { search = search(), samples = 60, mode = "max" }, negative)
    t.equal(max, searching.run(searching.study { search = search(), samples = 60 }))
  end)

  t.test("points to try first teach it, reports without a number and infinities do no harm", function()
    local point = { u = 1.0, l = 1e-3, q = 0.3, ql = 8, r = 0, c = "b", o = 32, k = "constant", one = 0.5 }
    local function odd(p, at, trial)
      if trial % 5 == 1 then return 0 / 0 end
      if trial % 5 == 3 then return trial % 2 == 0 and 1 / 0 or -1 / 0 end
      return searching.loss(p, at)
    end
    local spec = searching.study { search = search(), first = { point }, scheduler = hpo.scheduler.asha { max_t = 4 } }
    local suggested = searching.run(spec, odd)
    t.equal({ #suggested, core.decode(suggested[1]) }, { 40, point })
  end)

  t.test("a space that does not vary needs no model", function()
    local spec = searching.study { search = search(), space = { a = 1, b = "x" } }
    for _, text in ipairs(searching.run(spec, function() return 1.0 end)) do t.equal(text, '{"a": 1, "b": "x"}') end
  end)
end

return searching
