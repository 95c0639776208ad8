"""Benchmarks: `python -m bench.step` (training steps), `bench.record` (one line), `bench.forms` (formulations)."""
