"""Trained decoders as priors, and their training, as a plugin of invkit."""
