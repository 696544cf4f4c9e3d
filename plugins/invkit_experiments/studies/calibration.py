"""What ``invkit calibrate`` blurs pictures with by default, and the solvers that it judges."""

from __future__ import annotations

__all__ = ["KERNELS", "KERNEL_PRIOR", "OPERATOR", "SOLVERS"]

OPERATOR, KERNELS, KERNEL_PRIOR = "circconv", "shake", "trajectory"
SOLVERS = ("evidence", "evidence?starts=24,keep=8x4x2,leaps=0,retries=0")
"""The solver that is meant, and a hurried one, which fails more often."""
