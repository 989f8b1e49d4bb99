-- Counts users, connections and typists. Each user has an entry in `due`.
local connections = 0
for _, gateway in ipairs(redis.call('ZRANGE', gateways, 0, -1)) do
    connections = connections + redis.call('HLEN', connections_key(gateway))
end
return { redis.call('ZCARD', due), connections, redis.call('ZCARD', typists) }
