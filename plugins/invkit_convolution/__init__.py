"""Convolutions as bilinear operators: ``circconv`` and ``linconv``, in one and two dimensions, ``filterflow``.

op = invkit.operator("circconv")            # y = w * x, wrapping around
op = invkit.operator("linconv?mode=valid")  # no wrapping
op = invkit.operator("filterflow?tiles=3x3")  # nine kernels, interpolated between
"""
