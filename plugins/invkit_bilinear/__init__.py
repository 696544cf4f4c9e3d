"""Generic solvers of bilinear problems, as a plugin of invkit: least squares and proximal steps."""
