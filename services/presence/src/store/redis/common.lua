-- What the scripts share; stands before each of them. All keys begin with KEYS[1], whose braces keep
-- them in one slot of a cluster. ARGV[1] is the time in microseconds, ARGV[2] the life of keys in
-- milliseconds. Times stay strings: Lua would print numbers of this size in its own way.
local base, now, life = KEYS[1], ARGV[1], ARGV[2]
local due, gateways, gone = base .. ':due', base .. ':gateways', base .. ':gone'
local active, typists, heard = base .. ':active', base .. ':typists', base .. ':heard'

local function user_key(user)
    return base .. ':user:' .. user
end

local function connections_key(gateway)
    return base .. ':gateway:' .. gateway
end

-- Raises a time of a user.
local function later(user, field, at)
    local known = redis.call('HGET', user_key(user), field)
    if not known or tonumber(known) < tonumber(at) then
        redis.call('HSET', user_key(user), field, at)
    end
end

-- He did something.
local function acted(user, at)
    later(user, 'active', at)
    redis.call('ZADD', active, 'GT', redis.call('HGET', user_key(user), 'active'), user)
    redis.call('PEXPIRE', active, life)
end

-- One of his connections is closed. The time also counts of one that is not the last: those that are left may be
-- of a dead gateway, closed long before it.
local function closed(user, at)
    if redis.call('HINCRBY', user_key(user), 'connections', -1) < 0 then
        redis.call('HSET', user_key(user), 'connections', 0)
    end
    later(user, 'closed', at)
end

-- What is known of a user, with the version under which it can be settled.
local function record(user)
    local fields = redis.call('HMGET', user_key(user), 'connections', 'active', 'closed', 'offline', 'announced',
        'version')
    table.insert(fields, 1, user)
    return fields
end

-- Notes that users have changed and gives their records. Whoever changed them settles them next; should
-- he not come to it, they are due and a sweep does.
local function changed(users)
    local records = {}
    for i, user in ipairs(users) do
        redis.call('HINCRBY', user_key(user), 'version', 1)
        redis.call('PEXPIRE', user_key(user), life)
        redis.call('ZADD', due, now, user)
        records[i] = record(user)
    end
    redis.call('PEXPIRE', due, life)
    return records
end

-- The time for gateways' signs of life and their silence: this server's own ('' given), for one replica
-- whose clock is ahead would take all gateways for silent. Tests give theirs.
local function gateway_time(given)
    if given ~= '' then
        return given
    end
    local time = redis.call('TIME')
    return time[1] .. string.format('%06d', time[2])
end

-- Hears a gateway at a time given as above; 1 if it was known.
local function hear(gateway, given)
    local known = redis.call('ZSCORE', gateways, gateway)
    redis.call('ZADD', gateways, 'GT', gateway_time(given), gateway)
    -- By the callers' clock as well, which the times of users are compared with.
    local before = redis.call('HGET', heard, gateway)
    if not before or tonumber(before) < tonumber(now) then
        redis.call('HSET', heard, gateway, now)
    end
    redis.call('PEXPIRE', heard, life)
    redis.call('PEXPIRE', gateways, life)
    redis.call('PEXPIRE', connections_key(gateway), life)
    return known and 1 or 0
end

