"""Measurements of speed and quality, each runnable: ``python -m benchmarks.operators``."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported
