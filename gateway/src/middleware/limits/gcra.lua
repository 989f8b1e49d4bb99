-- Counts one call by the generic cell rate algorithm, on the clock of Redis. KEYS[1] holds when the
-- allowance will be whole again. ARGV: microseconds between two calls; microseconds that calls may come
-- early. Gives 0, or for how many microseconds to wait.
local step, early = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local whole = tonumber(redis.call('GET', KEYS[1]) or now)
if now < whole - early then
    return whole - early - now
end
whole = math.max(whole, now) + step
redis.call('SET', KEYS[1], string.format('%.0f', whole), 'PX', math.ceil((whole - now) / 1000))
return 0
