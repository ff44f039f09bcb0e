-- fifo: every trial is trained to max_t, in the order of its number.

local check = require "hpo.check"
local method = require "hpo.method"

return function(options)
  local o = check.fields("hpo.scheduler.fifo", options, {
    max_t = { check.whole(1, 1000000000), required = "a whole number ≥ 1" },
  })
  return method.new("scheduler", "fifo", o, function()
    local scheduler = { max_t = o.max_t }
    function scheduler:report(_, t) return t >= o.max_t and "stop" or "continue" end
    scheduler["until"] = function() return o.max_t end
    return scheduler
  end)
end
