-- A gateway's sign of life. ARGV: the gateway. Gives whether it was known.
return hear(ARGV[3])
