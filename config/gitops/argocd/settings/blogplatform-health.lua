-- The health of a BlogPlatform, from the conditions that its operator reports.
-- Degraded is what stays as it is until somebody acts, and Suspended what waits for a
-- decision: a closed gate, a pause, spec.suspend. Everything else that is not Ready is on its way.

local function health(status, message)
  return {status = status, message = message}
end

if obj.status == nil or obj.status.conditions == nil or (obj.status.observedGeneration or 0) < obj.metadata.generation then
  return health("Progressing", "the operator has not seen the last change yet")
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end

local function is(name, status)
  return conditions[name] ~= nil and conditions[name].status == status
end

local ready = conditions.Ready
if ready == nil then
  return health("Progressing", "the operator reports no condition Ready yet")
end
if is("Suspended", "True") then
  return health("Suspended", conditions.Suspended.message)
end
if is("Stalled", "True") then
  return health("Degraded", conditions.Stalled.message)
end
if ready.status == "True" then
  return health("Healthy", ready.message)
end

-- Users were served once, and are not any more.
local release = obj.status.release or {}
if is("Available", "False") and release.current ~= nil then
  return health("Degraded", conditions.Available.message)
end
if ready.reason == "ReleaseAborted" or ready.reason == "RollbackUnsafe" then
  return health("Degraded", ready.message)
end
if ready.reason == "ReleasePaused" then
  return health("Suspended", ready.message)
end
-- The gate is what Ready waits for, and not something behind it.
local gate = conditions.PromotionAllowed
if gate ~= nil and gate.status == "False" and gate.reason == ready.reason then
  return health("Suspended", gate.message)
end
if ready.status == "Unknown" then
  return health("Unknown", ready.message)
end
return health("Progressing", ready.message)
