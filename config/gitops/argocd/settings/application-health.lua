-- The health of an Application in an app-of-apps: a wave waits for those before it.

if obj.status ~= nil and obj.status.health ~= nil and obj.status.health.status ~= nil then
  return {status = obj.status.health.status, message = obj.status.health.message}
end
return {status = "Progressing", message = "Argo CD has not looked at it yet"}
