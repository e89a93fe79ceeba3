"""The rules that hold where nothing else is said: five objectives, and what no service should do."""

from __future__ import annotations

__all__ = ["PRESETS"]

#: A rules file, as `fastcore.perf.rules.parse` takes it.
PRESETS = """\
# How fast each operation is to be: so many of 100 calls within the threshold, over the window.

[[objective]]
operation = "api"
percentile = 95
threshold = "200ms"

[[objective]]
operation = "query"
percentile = 95
threshold = "100ms"

[[objective]]
operation = "cache"
percentile = 95
threshold = "10ms"

[[objective]]
operation = "webhook"
percentile = 95
threshold = "500ms"

[[objective]]
operation = "ai_response"
percentile = 95
threshold = "2s"

# The tick loop: what a tick waits in truth.

[[rule]]
name = "TicksLate"
metric = "fastcore_stage_seconds"
where = { stage = "response" }
percentile = 95
window = "30s"
above = 1.0
clear = 0.5
for = "5s"
severity = "page"
summary = "95 of 100 batches of ticks are done within {value:.3g} s only"

[[rule]]
name = "LoopHeldUp"
metric = "fastcore_loop_lag_seconds"
percentile = 99
window = "30s"
above = 0.25
clear = 0.1
for = "5s"
summary = "the event loop is {value:.3g} s late to what is due: something blocks it"

[[rule]]
name = "TicksLost"
metric = "fastcore_sink_events_total"
where = { outcome = "lost" }
rate = "1m"
above = 0
severity = "page"
summary = "sink {sink} loses {value:.3g} rows per second"

[[rule]]
name = "OperationFails"
metric = "fastcore_operation_errors_total"
of = "fastcore_operation_seconds_count"
by = ["operation"]
window = "1m"
above = 0.05
clear = 0.02
for = "10s"
summary = "{value:.1%} of the calls of {operation} fail"

[[rule]]
name = "QueueFull"
metric = "fastcore_queue_share"
above = 0.9
clear = 0.5
for = "10s"
summary = "the queue {queue} is {value:.0%} full"

# Around it.

[[rule]]
name = "DatabaseAway"
metric = "fastcore_database_up"
below = 0.5
for = "5s"
severity = "page"
summary = "the database does not answer"

[[rule]]
name = "PoolWaits"
metric = "fastcore_pool_wait_seconds"
percentile = 95
window = "1m"
above = 0.1
clear = 0.05
for = "10s"
summary = "95 of 100 callers get a connection within {value:.3g} s only"

[[rule]]
name = "MemoryHigh"
metric = "fastcore_resident_bytes"
above = 536870912
clear = 500000000
for = "30s"
summary = "the process holds {value:.4g} bytes"

[[rule]]
name = "CacheMisses"
metric = "fastcore_cache_requests_total"
where = { result = "misses" }
of = "fastcore_cache_requests_total"
by = ["kind"]
window = "5m"
above = 0.2
clear = 0.15
for = "1m"
summary = "{value:.0%} of the requests for {kind} miss the cache"
"""
