"""Independent parts of one prior, by name: ``product:trajectory?count=3``.

kernels = invkit.prior("product:trajectory?count=3")        # three kernels, along the channels
"""

from __future__ import annotations

from invkit.contracts.combined import Product
from invkit.contracts.generator import Generator
from invkit.errors import SpecError
from invkit.plugin.building import build
from invkit.plugin.registry import Registry
from invkit.plugin.specs import Spec


class EqualParts(Product):
    """``count`` independent parts of one prior, side by side along the channels."""

    @classmethod
    def from_spec(cls, name: str, registry: Registry, count: int = 2) -> EqualParts:
        """The parts.

        Args:
            name: the prior's spec; its own options are percent-encoded.
            count: how many there are, at least 1.

        Raises:
            SpecError: a count below 1.
        """
        if count < 1:
            raise SpecError(f"product: count={count}", hint="write count=1 or more")
        one: Generator = build(registry, "prior", Spec.parse(name))
        return cls([one] * count)
