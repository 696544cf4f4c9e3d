"""Alternating gradient descent in the latents of two generators, as a plugin of invkit."""
