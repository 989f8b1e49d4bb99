-- A gateway's changes, in order. ARGV: the gateway; the gateways' time; then for each change '1' = opened or '0' = closed,
-- the connection, the user. Gives whether the gateway was known, and the records of users changed.
local gateway = ARGV[3]
local known = hear(gateway, ARGV[4])
local users, seen = {}, {}

local function mark(user)
    if not seen[user] then
        seen[user] = true
        users[#users + 1] = user
    end
end

for i = 5, #ARGV, 3 do
    local opened, connection, user = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    local before = redis.call('HGET', connections_key(gateway), connection)
    if opened == '1' then
        if before ~= user then
            redis.call('HSET', connections_key(gateway), connection, user)
            if before then
                closed(before, now)
                mark(before)
            end
            redis.call('HINCRBY', user_key(user), 'connections', 1)
            acted(user, now)
            mark(user)
        end
    elseif before then
        redis.call('HDEL', connections_key(gateway), connection)
        closed(before, now)
        mark(before)
    end
end
redis.call('PEXPIRE', connections_key(gateway), life)
return { known, changed(users) }
