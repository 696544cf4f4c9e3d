"""Regularised nonlinear inversion by Newton's method, as a plugin of invkit."""
