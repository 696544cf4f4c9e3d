"""Solve measurements by `evidence`, with whatever invkit the interpreter has: `_worker.py METHOD`.

The first line on stdin names a measurement's file (npy), which is solved in a hurry; the first line on stdout
is the CPU time of that, of imports and of priors, in seconds. Every other line on stdin names a file of a
measurement and one for the image found; the answer is the CPU time that it took.
"""

import sys
import time

import numpy as np
import torch

import invkit

torch.set_num_threads(1)
method = invkit.method(sys.argv[1])
warm = np.load(sys.stdin.readline().strip())
prior_w, prior_x = method.priors
small = "evidence?starts=8,keep=4x2,steps=8,leaps=0,retries=0"
invkit.compose(method.operator, [prior_w, prior_x], small)(torch.from_numpy(warm))
solve = invkit.compose(method.operator, [prior_w, prior_x], "evidence")  # alone, whatever the method does
sys.stdout.write(f"{time.process_time()}\n")  # since the process began
sys.stdout.flush()
for line in sys.stdin:
    source, target = line.rstrip("\n").split("\t")
    y = torch.from_numpy(np.load(source))
    before = time.process_time()
    x = solve(y).x
    took = time.process_time() - before
    np.save(target, x.numpy())
    sys.stdout.write(f"{took}\n")
    sys.stdout.flush()
