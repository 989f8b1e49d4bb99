-- Who types and is due. ARGV: how many at most. Gives for each the typist and what is known.
local found = {}
for _, typist in ipairs(redis.call('ZRANGEBYSCORE', typists, '-inf', now, 'LIMIT', 0, ARGV[3])) do
    local known = redis.call('GET', base .. ':typing:' .. typist)
    if known then
        found[#found + 1] = { typist, known }
    else
        redis.call('ZREM', typists, typist)
    end
end
return found
