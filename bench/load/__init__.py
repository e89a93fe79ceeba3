"""Load on a service: scenarios for locust, a script for wrk, and what `make load` runs."""
