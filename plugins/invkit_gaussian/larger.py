"""The advice in the refusal of a picture that is larger than its class."""

from __future__ import annotations

from invkit.contracts.generator import Generator
from invkit.contracts.linear import Shape
from invkit.plugin.building import spec_of
from invkit.plugin.specs import Spec

__all__ = ["by_patches"]


def by_patches(prior: Generator, signal_shape: Shape) -> str | None:
    """The advice to recover larger pictures by patches; None for others, or for other channels."""
    own, spec = prior.signal_shape, spec_of(prior)
    if own is None or spec is None or len(signal_shape) != len(own) or signal_shape[0] != own[0]:
        return None
    if any(length < side for length, side in zip(signal_shape, own, strict=True)):
        return None
    half = min(own[1:]) // 2
    return (
        f"name patches:{Spec(spec.kind, spec.name)}, which recovers larger pictures by overlapping patches, "
        f"and a prior of kernels of about {half} pixels, e.g. trajectory?size={half},longest={half}"
    )
