"""Solvers to compare with."""
