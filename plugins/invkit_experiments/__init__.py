"""The demonstration and the benchmarks, as a plugin of invkit."""
