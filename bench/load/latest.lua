-- wrk: the latest rows of the demo market's symbols, one after the other.
local symbols = {"BTCUSD", "ETHUSD", "ES", "EURUSD", "AAPL", "SOLUSD", "USDJPY", "XAUUSD", "DOGEUSD", "LUNCUSD"}
local at = 0

request = function()
  at = at % #symbols + 1
  return wrk.format("GET", "/v1/symbols/demo:" .. symbols[at])
end

done = function(summary, latency, requests)
  local wrong = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
  io.write(string.format('{"requests": %d, "seconds": %.3f, "p50": %.3f, "p95": %.3f, "p99": %.3f, "errors": %d, "timeouts": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
    latency:percentile(99) / 1e3, wrong, summary.errors.timeout))
end
