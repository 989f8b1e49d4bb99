-- Writes how people type. ARGV: for each the typist, what was known of his typing ('' = nothing), what
-- is so now ('' = nothing), when to look again. Gives 1, or 0 and what is known by now.
local outcomes = {}
for i = 3, #ARGV, 4 do
    local typist, known, new, again = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
    local key = base .. ':typing:' .. typist
    local current = redis.call('GET', key) or ''
    if current ~= known then
        outcomes[#outcomes + 1] = { 0, current }
    else
        if new == '' then
            redis.call('DEL', key)
            redis.call('ZREM', typists, typist)
        else
            redis.call('SET', key, new, 'PX', life)
            redis.call('ZADD', typists, again, typist)
            redis.call('PEXPIRE', typists, life)
        end
        outcomes[#outcomes + 1] = { 1, '' }
    end
end
return outcomes
