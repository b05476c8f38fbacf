-- Names the core that has the fewest viewers for its weight, and passes over
-- cores that have just refused or failed.
--
-- HAProxy itself counts HTTP connections, which end with the answer to a POST
-- while the viewer stays. The number of viewers is in Prometheus, up to DELAY_S
-- old. So a core has the number of DELAY_S ago and the POSTs since then: with the
-- present number, some cores' last viewers would count twice and others' not at
-- all.

local BACKEND = 'cores'
local QUERY = 'sum by (core) (dragonfork_webrtc_active_peers)'
  -- A core without any stream has no viewers.
  .. ' or 0 * max by (core) (dragonfork_webrtc_active_streams)'
local POLL_MS = 1000
local POLL_TIMEOUT_MS = 3000
-- The longest time until a viewer is in Prometheus: a snapshot each 5 s, a
-- scrape each 15 s, a poll each second, and the time of ICE.
local DELAY_S = 25
-- Older numbers are worse than none: cores then take turns.
local MAX_AGE_S = 60
-- How long a core is passed over. Without it, a core that is full or whose
-- stream has failed, and so has the fewest viewers, would get POST after POST.
local PAUSE_S = 15
-- Bounds `paused`; the pauses of others are not kept.
local MAX_PAUSES = 1000

local url = os.getenv('PROMETHEUS_URL')

-- Cores that take viewers: { name =, weight =, server = } each.
local usable = {}
-- What Prometheus returned since DELAY_S ago, oldest first: the second, and the
-- viewers by core.
local history = {}
-- Whether the log has that there are no numbers.
local is_blind = false
-- POSTs by core and second, for the last DELAY_S seconds.
local placed = {}
-- POSTs that each core has handed on since the start of HAProxy.
local handed_on = {}
-- The second at which a pause ends, by core, and by core and path.
local paused = {}
local pauses = 0
-- Where the search begins, so that equal cores take turns.
local turn = 0

local function encode(text)
  return (text:gsub('[^%w]', function(char)
    return string.format('%%%02X', char:byte())
  end))
end

local function pause(key, now)
  if not paused[key] then
    if pauses >= MAX_PAUSES then return end
    pauses = pauses + 1
  end
  paused[key] = now + PAUSE_S
end

local function end_pauses(now)
  for key, until_s in pairs(paused) do
    if until_s <= now then
      paused[key] = nil
      pauses = pauses - 1
    end
  end
end

-- Pauses a core that has handed on a POST since the last call. HAProxy counts
-- it as a retry; the response itself reaches no rule.
local function note_handed_on(name, stats, now)
  local count = tonumber(stats.wretr) or 0
  if handed_on[name] and count > handed_on[name] then pause(name, now) end
  handed_on[name] = count
end

local function is_paused(name, path, now)
  return (paused[name] or 0) > now or (paused[name .. path] or 0) > now
end

local function read_cores(now)
  local found = {}
  local names = {}
  for name, server in pairs(core.backends[BACKEND].servers) do
    local stats = server:get_stats()
    names[name] = true
    note_handed_on(name, stats, now)
    -- Also "UP 1/2", which is about to go down.
    if stats.status:match('^UP') or stats.status == 'no check' then
      found[#found + 1] = {
        name = name,
        weight = tonumber(stats.weight) or 0,
        server = server,
      }
    end
  end
  table.sort(found, function(a, b) return a.name < b.name end)
  usable = found
  for name in pairs(placed) do
    if not names[name] then placed[name] = nil end
  end
end

local function read_viewers(now)
  local answer = core.httpclient():get({
    url = url .. '/api/v1/query?query=' .. encode(QUERY),
    timeout = POLL_TIMEOUT_MS,
  })
  if answer.status ~= 200 then
    error('status ' .. tostring(answer.status), 0)
  end
  local found = {}
  -- {"metric":{"core":"a"},"value":[1700000000.1,"12"]}
  for name, value in answer.body:gmatch(
    '"core":"([^"]*)"},"value":%[[%d.e+]+,"([%d.e+]+)"%]'
  ) do
    found[name] = tonumber(value)
  end
  history[#history + 1] = { at = now, viewers = found }
end

-- Removes what is older than the last numbers from before DELAY_S ago.
local function forget(now)
  while history[2] and history[2].at <= now - DELAY_S do
    table.remove(history, 1)
  end
end

-- Whether the last numbers are recent enough.
local function is_current(now)
  local last = history[#history]
  return last ~= nil and now - last.at <= MAX_AGE_S
end

-- Logs once when the numbers are too old, and once when there are new ones.
local function report(now, problem)
  local blind = not is_current(now)
  if blind == is_blind then return end
  is_blind = blind
  if blind then
    core.log(core.warning, 'least-viewers: cores take turns, since '
      .. tostring(url) .. ' has no numbers: ' .. tostring(problem))
  else
    core.log(core.notice, 'least-viewers: numbers from ' .. url)
  end
end

local function watch()
  while true do
    local now = core.now().sec
    end_pauses(now)
    read_cores(now)
    local ok, problem = false, 'PROMETHEUS_URL is not set'
    if url then ok, problem = pcall(read_viewers, now) end
    forget(now)
    report(now, not ok and problem or 'no series')
    core.msleep(POLL_MS)
  end
end

-- POSTs that a core got within the last DELAY_S seconds.
local function recent(name, now)
  local sum = 0
  local by_second = placed[name] or {}
  for second, posts in pairs(by_second) do
    if second > now - DELAY_S then
      sum = sum + posts
    else
      by_second[second] = nil
    end
  end
  return sum
end

-- What a core without a number (its exporter is down) has, for a weight of 1:
-- as many as the others on average. Nil: no core has a number.
local function average(viewers)
  local sum, weights = 0, 0
  for _, one in ipairs(usable) do
    if viewers[one.name] then
      sum = sum + viewers[one.name]
      weights = weights + one.weight
    end
  end
  return weights > 0 and sum / weights or nil
end

-- Returns the core with the least load, or nil. Without `path`, it may be paused.
local function least(viewers, usual, path, now)
  local best, best_load
  for index = 1, #usable do
    local one = usable[(index + turn) % #usable + 1]
    if one.weight > 0 and not (path and is_paused(one.name, path, now)) then
      local known = viewers[one.name] or usual * one.weight
      local load = (known + recent(one.name, now)) / one.weight
      if not best or load < best_load then best, best_load = one, load end
    end
  end
  return best
end

local function least_viewers(txn)
  local now = core.now().sec
  if not is_current(now) then return nil end
  local viewers = history[1].viewers
  local usual = average(viewers)
  if not usual then return nil end
  local path = txn.f:path()
  turn = turn + 1
  local best = least(viewers, usual, path, now)
  while best do
    note_handed_on(best.name, best.server:get_stats(), now)
    if not is_paused(best.name, path, now) then break end
    best = least(viewers, usual, path, now)
  end
  best = best or least(viewers, usual, nil, now)
  if not best then return nil end
  local by_second = placed[best.name] or {}
  by_second[now] = (by_second[now] or 0) + 1
  placed[best.name] = by_second
  return best.name
end

-- The core of this response cannot serve the stream of this path.
local function stream_failed(txn)
  local name, path = txn.f:srv_name(), txn:get_var('txn.path')
  if name and path then pause(name .. path, core.now().sec) end
end

core.register_task(watch)
core.register_fetches('least_viewers', least_viewers)
core.register_action('stream_failed', { 'http-res' }, stream_failed)
