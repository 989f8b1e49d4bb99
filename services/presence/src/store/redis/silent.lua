-- Closes connections of gateways that fell silent. ARGV: the gateways' time; the silence in
-- microseconds; how many connections to close at most. Gives the records of their users; none = nothing left.
local latest = string.format('%.0f', tonumber(gateway_time(ARGV[3])) - tonumber(ARGV[4]))
local limit = tonumber(ARGV[5])

-- Unknown from now on, should one of them come again; its connections are kept aside until closed.
for _, gateway in ipairs(redis.call('ZRANGEBYSCORE', gateways, '-inf', latest)) do
    local at = redis.call('HGET', heard, gateway) or redis.call('ZSCORE', gateways, gateway)
    local aside = gateway .. '@' .. at
    redis.call('ZREM', gateways, gateway)
    redis.call('HDEL', heard, gateway)
    if redis.call('EXISTS', connections_key(gateway)) == 1 then
        redis.call('RENAME', connections_key(gateway), base .. ':gone:' .. aside)
        redis.call('ZADD', gone, at, aside)
        redis.call('PEXPIRE', gone, life)
    end
end

local users, seen, count = {}, {}, 0
while count < limit do
    local first = redis.call('ZRANGE', gone, 0, 0, 'WITHSCORES')
    local aside, at = first[1], first[2]
    if not aside then
        break
    end
    local key = base .. ':gone:' .. aside
    local part = redis.call('HRANDFIELD', key, limit - count, 'WITHVALUES')
    for i = 1, #part, 2 do
        redis.call('HDEL', key, part[i])
        closed(part[i + 1], at)
        if not seen[part[i + 1]] then
            seen[part[i + 1]] = true
            users[#users + 1] = part[i + 1]
        end
        count = count + 1
    end
    if redis.call('EXISTS', key) == 0 then
        redis.call('ZREM', gone, aside)
    end
end
return changed(users)
