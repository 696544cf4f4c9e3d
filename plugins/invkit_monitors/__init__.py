"""Monitors: watch a solve as a progress bar, as arrays, or in TensorBoard.

    history = invkit_monitors.history.History(every=10)
    solver.solve(problem, y, rng, monitors=[ProgressBar(), history, TensorBoard("runs/first")])
    history.steps, history.residual              # (k,), (k, measurements, restarts)

A monitor reads and never changes; numbers reach it only every ``every`` steps, so nothing waits for the
device in between.
"""
