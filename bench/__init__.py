"""Benchmarks: `python -m bench.step` (training steps) and `python -m bench.record` (one line)."""
