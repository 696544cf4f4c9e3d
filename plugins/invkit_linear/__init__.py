"""Linear maps by name: what is measured of an operator's output, and what its arguments are made of.

op = invkit.operator("circconv | downsample?factor=2")     # A(w, x), then every second pixel
"""
