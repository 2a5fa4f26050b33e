"""Benchmarks and the demo: what `make bench` and `make demo` run. Nothing here is installed."""
