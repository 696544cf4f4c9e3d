"""What a part says of itself: the call that makes it, where it was built by name."""

from __future__ import annotations

from torch import nn

__all__ = ["Called"]


class Called(nn.Module):
    """A module that was built by name prints as a call of its class: ``Gaussian('celeba', rank=64)``.

    What it was built from is noted by :mod:`invkit.plugin.building`. Any other module prints its layers.
    """

    def __repr__(self) -> str:
        what = self.__dict__.get("_invkit_named")
        return getattr(what, "called", "") or super().__repr__()
