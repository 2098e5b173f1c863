-- Takes from every bucket, or from none, by Redis's own clock. A key holds when its bucket is full again, microseconds.
-- ARGV: what a full bucket holds, as time, and of each bucket what is taken. Returns which one is empty (0: none; it is
-- taken) and for how long. With no keys it takes nothing, which tells that it may.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full_at = {}
for i, key in ipairs(KEYS) do
    full_at[i] = math.max(tonumber(redis.call('GET', key) or now) or now, now)
    local wait = full_at[i] - now - ARGV[1]
    if wait >= 0 then
        return { i, wait + 1 }
    end
end
for i, key in ipairs(KEYS) do
    local at = full_at[i] + ARGV[i + 1]
    redis.call('SET', key, string.format('%.0f', at), 'PX', string.format('%.0f', math.ceil((at - now) / 1000)))
end
return { 0, 0 }
