-- Writes what follows for users. ARGV: for each the user, the version that was judged, '1' if others now
-- take him to be online, when to look again ('' = forget him). Gives 1 for each who had not changed
-- since: whoever changed him settles him.
local settled = {}
for i = 3, #ARGV, 4 do
    local user, version, announced, again = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
    local key = user_key(user)
    if redis.call('HGET', key, 'version') ~= version then
        settled[#settled + 1] = 0
    else
        if again == '' then
            redis.call('DEL', key)
            redis.call('ZREM', due, user)
        else
            redis.call('HSET', key, 'announced', announced)
            redis.call('HINCRBY', key, 'version', 1)
            redis.call('PEXPIRE', key, life)
            redis.call('ZADD', due, again, user)
        end
        settled[#settled + 1] = 1
    end
end
redis.call('PEXPIRE', due, life)
return settled
