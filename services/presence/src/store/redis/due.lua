-- The users who are due. ARGV: how many at most. Gives their records.
local records = {}
for _, user in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, ARGV[3])) do
    if redis.call('EXISTS', user_key(user)) == 1 then
        records[#records + 1] = record(user)
    else
        redis.call('ZREM', due, user)
    end
end
return records
