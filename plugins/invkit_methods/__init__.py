"""Named compositions of the other plugins' operators, priors and solvers, as a plugin of invkit."""
