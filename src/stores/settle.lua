#!lua flags=allow-oom
-- Commits or releases one event. KEYS[1]: the event. ARGV: the claim's token; for how many milliseconds it is done, or
-- 0 to release it. The value is as in claim.lua. Returns the contract's number of a reason.
local held, mine, done = redis.call('GET', KEYS[1]), 'p' .. ARGV[1], 'd' .. ARGV[1]
local commits = ARGV[2] ~= '0'
if held and held ~= mine and not (commits and held == done) then
  return -6
end
if commits then
  redis.call('SET', KEYS[1], done, 'PX', ARGV[2])
elseif held then
  redis.call('DEL', KEYS[1])
end
return 0
