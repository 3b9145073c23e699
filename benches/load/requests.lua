-- The requests of the load benchmark, and its report.
--
-- Called by wrk with the arguments METHOD PATH BODY_BYTES TOKENS [FIELD...] after its own.
-- Every proxy gets the same requests: 4,096 users of 64 tenants in turn, so that a
-- proxy that splits by user has something to split. A body is a chat request of
-- that user. TOKENS is a file with a bearer token for each user, or `-`; a FIELD is
-- `name: value`. The requests are built once; a request then costs the generator one
-- table look-up.
local requests, next_request = {}, 0

-- A chat request of `bytes` bytes, or of its least length.
local function chat(user, bytes)
  local head = '{"model":"gpt-4o","user":"user-' .. user .. '","messages":[{"role":"user","content":"'
  local tail = '"}]}'
  return head .. string.rep("x", bytes - #head - #tail) .. tail
end

function init(args)
  local method, path, body_bytes = args[1], args[2], tonumber(args[3])
  local token = args[4] ~= "-" and io.lines(args[4])
  for user = 1, 4096 do
    local headers = {
      ["Host"] = "agents.example.com",
      ["User-Agent"] = "agent-client/1.0",
      ["Accept"] = "application/json",
      ["X-Tenant-Id"] = "tenant-" .. (user % 64),
      ["X-User-Id"] = "user-" .. user,
      ["X-Session-Id"] = "conversation-" .. user,
    }
    local body
    if body_bytes > 0 then
      headers["Content-Type"] = "application/json"
      body = chat(user, body_bytes)
    end
    if token then
      headers["Authorization"] = "Bearer " .. token()
    end
    for at = 5, #args do
      local name, value = args[at]:match("^(.-): (.*)$")
      headers[name] = value
    end
    requests[user] = wrk.format(method, path, headers, body)
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

-- One line that the benchmark reads; times in microseconds.
function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    "stagegate-bench requests=%d duration_us=%d p50_us=%d p99_us=%d p999_us=%d bad_status=%d broken=%d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    latency:percentile(99.9),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
