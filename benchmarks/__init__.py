"""Measurements of speed and quality, each runnable: ``python -m benchmarks.operators``."""
