-- A gateway's sign of life. ARGV: the gateway; the gateways' time. Gives whether it was known.
return hear(ARGV[3], ARGV[4])
