"""Noise models, as a plugin of invkit."""
