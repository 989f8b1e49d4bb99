-- A user's own sign. ARGV: the user; 'active' or 'offline'. Gives his record.
local user, sign = ARGV[3], ARGV[4]
if sign == 'active' then
    acted(user, now)
else
    later(user, sign, now)
end
return changed({ user })
