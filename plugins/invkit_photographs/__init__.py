"""Photographs: the evidence of a kernel, and the sparse prior behind it."""
