"""Gaussian priors of image classes."""
