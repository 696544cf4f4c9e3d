"""Convolutions as bilinear operators: ``circconv``, ``linconv``, and ``filterflow``, whose kernel varies.

op = invkit.operator("circconv")            # y = w * x, wrapping around
op = invkit.operator("linconv?mode=valid")  # no wrapping
op = invkit.operator("filterflow?tiles=3x3")  # nine kernels, interpolated between
"""
