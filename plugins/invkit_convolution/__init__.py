"""Convolutions as bilinear operators: ``circconv`` and ``linconv``, in one and two dimensions.

op = invkit.operator("circconv")            # y = w * x, wrapping around
op = invkit.operator("linconv?mode=valid")  # no wrapping
"""
