#!lua
-- Claims one event. KEYS[1]: the event. ARGV: the claim's token, 16 hex digits; the milliseconds of its lease.
-- The value is p (in progress) or d (done), and the token that made it so. Returns the contract's number of a reason.
local held, mine = redis.call('GET', KEYS[1]), 'p' .. ARGV[1]
if held and held ~= mine then  -- mine: an earlier try was executed, and its answer was lost
  local state = string.sub(held, 1, 1)
  if state ~= 'd' and state ~= 'p' then return redis.error_reply('ERR this key holds no event of puck-webhooks') end
  return state == 'd' and 301 or 302
end
redis.call('SET', KEYS[1], mine, 'PX', ARGV[2])
return 0
