-- The health of a Crunchy PostgresCluster, which has no condition that sums it up:
-- its instances, and the backup repository that replicas are made from.

local function health(status, message)
  return {status = status, message = message}
end

local function named(list, name)
  for _, item in ipairs(list or {}) do
    if item.name == name then
      return item
    end
  end
  return {}
end

local status = obj.status or {}
if obj.spec.paused == true then
  return health("Suspended", "spec.paused is true: what the Postgres operator reports is out of date")
end
if (status.observedGeneration or 0) < obj.metadata.generation then
  return health("Progressing", "the Postgres operator has not seen the last change yet")
end

for _, set in ipairs(obj.spec.instances or {}) do
  local wanted, reported = set.replicas or 1, named(status.instances, set.name)
  if (reported.readyReplicas or 0) < wanted then
    return health("Progressing", "not all instances of set " .. set.name .. " are ready")
  end
  if (reported.updatedReplicas or 0) < wanted then
    return health("Progressing", "instances of set " .. set.name .. " are yet to be restarted with the new spec")
  end
end

local backups = ((obj.spec.backups or {}).pgbackrest or {}).repos or {}
local pgbackrest = status.pgbackrest or {}
for _, repo in ipairs(backups) do
  if named(pgbackrest.repos, repo.name).stanzaCreated ~= true then
    return health("Progressing", "backup repository " .. repo.name .. " is not initialised")
  end
end
if #backups > 0 then
  if pgbackrest.repoHost ~= nil and pgbackrest.repoHost.ready == false then
    return health("Progressing", "the host of the backup repository is not ready")
  end
  local first = {}
  for _, condition in ipairs(status.conditions or {}) do
    if condition.type == "PGBackRestReplicaCreate" then
      first = condition
    end
  end
  if first.status ~= "True" then
    return health("Progressing", "the first backup has not finished")
  end
end

if obj.spec.databaseInitSQL ~= nil and status.databaseInitSQL == nil then
  return health("Progressing", "the SQL in ConfigMap " .. obj.spec.databaseInitSQL.name .. " has not run")
end
return health("Healthy", "all instances are ready, and backups are set up")
