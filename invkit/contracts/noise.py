"""Noise models: what a measurement says of the noise-free one, ``−log p(y | z)`` with ``z = A(w, x)``.

    noise = invkit.noise("gaussian")                  # the default: ‖y − z‖²
    noise = invkit.noise("poisson")                   # counts
    noise = invkit.noise("robust", delta=0.05)        # a few entries are grossly wrong
    noise = Gaussian(weights=mask)                    # entries of weight 0 were not measured
    noise(z, y)                                       # one number per measurement

A noise model is the fourth part of a :class:`~invkit.contracts.problem.Problem`. It knows nothing of where
``z`` comes from. Its cost is ``−log p(y | z)`` up to a constant and a positive factor. The factor is chosen
so that Gaussian noise costs the squared residual ``‖y − z‖²`` whatever its standard deviation σ, since the
weights of the penalties are given relative to that. σ is carried along for the solvers that use it.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from invkit.contracts.called import Called
from invkit.errors import InputError, PluginError, ShapeError, counted
from invkit.files.arrays import read_array

__all__ = ["Gaussian", "Noise"]


class Noise(Called, ABC):
    """The cost of a noise-free measurement ``z``, entry by entry, given what was measured.

    Args:
        weights: non-negative weights of the entries, ``(n, *y)``, or ``(*y)`` for all measurements alike;
            0 leaves an entry out. A boolean array is a mask: True was measured. A path names an npy file.
        sigma: standard deviation of the noise in units of ``y``, above 0, where it is known; a number, or one
            for each measurement.
        missing: ``nan`` means that NaN in a measurement stands for an entry that was not measured.

    Raises:
        InputError: weights that are no numbers, negative or not finite, a file that cannot be read, or a
            ``sigma`` that is not positive.
    """

    weights: Tensor | None
    sigma: Tensor | None

    def __init__(
        self,
        weights: Any = None,
        sigma: Any = None,
        missing: Literal["refuse", "nan"] = "refuse",
    ) -> None:
        super().__init__()
        if missing not in ("refuse", "nan"):
            raise InputError(f"missing={missing!r}", hint="write missing=nan, or leave it out")
        self.missing = missing
        #: digest of the file of the weights; a configuration records it
        self.sha256: str | None = None
        if isinstance(weights, str | os.PathLike):
            weights, self.sha256 = read_array(Path(weights), "weights")
        self.register_buffer("weights", _numbers("weights", weights, zero=True), persistent=False)
        self.register_buffer("sigma", _numbers("sigma", sigma, zero=False), persistent=False)

    @abstractmethod
    def entries(self, z: Inexact[Tensor, "n *y"], y: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *y"]:
        """The cost of every entry without its weight; differentiable in ``z``, least where ``z = y``."""

    def forward(self, z: Inexact[Tensor, "n *y"], y: Inexact[Tensor, "n *y"]) -> Float[Tensor, "n"]:
        """The cost of every measurement: the weighted sum of :meth:`entries`.

        Raises:
            PluginError: a class's own ``entries`` are not one number for each entry.
        """
        entries = self.entries(z, y)
        if entries.shape not in (z.shape, y.shape):
            raise PluginError(
                f"{type(self).__name__}.entries has shape {tuple(entries.shape)} for {tuple(y.shape)}",
                hint="return the cost of every entry; it is summed for each measurement by the base class",
            )
        return self._summed(entries)

    def slope(self, z: Inexact[Tensor, "n *y"], y: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *y"]:
        """The gradient of the cost in ``z``."""
        with torch.enable_grad():
            at = z.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self(at, y).sum(), at)
        return gradient

    def residual(self, z: Inexact[Tensor, "n *y"], y: Inexact[Tensor, "n *y"]) -> Float[Tensor, "n"]:
        """The squared residual ``‖y − z‖²`` over the entries that were measured (weight above 0)."""
        apart = y - z
        apart = apart.abs().square() if apart.is_complex() else apart.square()
        if self.weights is not None:
            apart = apart.where(self._weights_of(y) > 0, 0.0)
        return apart.flatten(1).sum(1)

    @property
    def plain(self) -> bool:
        """Whether the cost is the squared residual of all entries: an operator's own misfit serves it."""
        return False

    def select(self, index: Tensor) -> Noise:
        """The noise of the measurements ``index``: drops, repeats or reorders them.

        Raises:
            InputError: there are weights, and no measurements that :meth:`prepared` bound them to.
        """
        chosen = self.weights
        if chosen is not None:
            if not self._bound:
                raise InputError(
                    "weights are selected before it is known which measurements they belong to",
                    hint="bind them first: noise, y = noise.prepared(y)",
                )
            chosen = chosen[index]
        sigma = self.sigma[index] if self.sigma is not None and self.sigma.ndim else self.sigma
        return self._with(chosen, sigma)

    def known(self, sigma: Float[Tensor, "n"] | None) -> Noise:
        """The same noise with the standard deviation of each measurement's noise."""
        return self._with(self.weights, sigma)

    def prepared(self, y: Inexact[Tensor, "n *y"]) -> tuple[Noise, Inexact[Tensor, "n *y"]]:
        """This noise bound to measurements, and the measurements with nothing in them that is not finite.

        The weights get an axis for the measurements. With ``missing=nan``, entries that are NaN get the
        weight 0 and the value 0.

        Raises:
            InputError: NaN or infinite values, or no entry of a measurement was measured.
            ShapeError: the weights do not have the shape of the measurements, or ``sigma`` is neither one
                number nor one for each.
        """
        if self.sigma is not None and tuple(self.sigma.shape) not in ((), (len(y),)):
            raise ShapeError(
                f"sigma of shape {tuple(self.sigma.shape)} for {counted(len(y), 'measurement')}",
                hint="give one number, or one for each measurement",
            )
        gone = y.isnan() if self.missing == "nan" else torch.zeros_like(y, dtype=torch.bool)
        weights = self._fitted(y)
        if weights is not None or gone.any():
            weights = torch.ones_like(y.real) if weights is None else weights.to(y.real)
            weights = weights.masked_fill(gone, 0.0)
            y = y.masked_fill(weights == 0, 0.0)
            if not (weights.flatten(1).amax(1) > 0).all():
                raise InputError(
                    "a measurement has no entry that was measured", hint="leave that measurement out"
                )
        if not torch.isfinite(y).all():
            raise InputError(
                "the measurement has NaN or infinite values",
                hint="replace them before solving, or write noise='gaussian?missing=nan' where NaN means "
                "that an entry was not measured",
            )
        return self._with(weights, self.sigma), y

    #: whether the weights have an axis for the measurements
    _bound = False

    def _with(self, weights: Tensor | None, sigma: Tensor | None) -> Noise:
        """A copy with other weights and another sigma; nothing of this one is changed."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._buffers = {**self._buffers, "weights": weights, "sigma": sigma}
        other._bound = weights is not None and (self._bound or weights is not self.weights)
        return other

    def _fitted(self, y: Tensor) -> Tensor | None:
        """The weights with an axis for the measurements."""
        if self.weights is None:
            return None
        found = self.weights
        for shape in (tuple(y.shape), tuple(y.shape[1:]), tuple(y.shape[2:])):
            if tuple(found.shape) == shape:
                return found.expand(y.shape)
        raise ShapeError(
            f"weights of shape {tuple(found.shape)} for measurements of shape {tuple(y.shape)}",
            hint=f"give one weight for each entry: {tuple(y.shape[1:])}, or {tuple(y.shape)} for each "
            "measurement's own",
        )

    def _weights_of(self, y: Tensor) -> Tensor:
        weights = self._fitted(y)
        assert weights is not None
        return weights.to(y.real)

    def _summed(self, entries: Tensor) -> Float[Tensor, "n"]:
        if self.weights is not None:
            weights = self._weights_of(entries)
            entries = torch.where(weights > 0, entries * weights, 0.0)
        return entries.flatten(1).sum(1)


class Gaussian(Noise):
    """White Gaussian noise; the cost is ``Σ weight · |y − z|²``, that is ``−2σ² log p`` up to a constant."""

    @classmethod
    def from_spec(
        cls, sigma: float | None = None, weights: str = "", missing: Literal["refuse", "nan"] = "refuse"
    ) -> Gaussian:
        """The noise that a spec names; ``weights`` is the path of an npy file."""
        return cls(weights or None, sigma, missing)

    def entries(self, z: Inexact[Tensor, "n *y"], y: Inexact[Tensor, "n *y"]) -> Inexact[Tensor, "n *y"]:
        return (y - z).abs().square()

    @property
    def plain(self) -> bool:
        return self.weights is None


def _numbers(name: str, given: Any, *, zero: bool) -> Tensor | None:
    """Finite positive numbers, or zeros where they are allowed, as a tensor of their own."""
    if given is None:
        return None
    hint = "give numbers of 0 or more" if zero else f"give a positive number, e.g. {name}=0.01"
    if isinstance(given, Tensor):
        values = given.detach().clone()
    else:
        array = np.asarray(given)
        if array.dtype.kind not in "buif":
            raise InputError(f"{name} holds {array.dtype}, expected real numbers", hint=hint)
        values = torch.from_numpy(array.astype("f8" if array.dtype.kind == "f" else "f4"))
    if values.is_complex():
        raise InputError(f"{name} is complex, expected real numbers", hint=hint)
    values = values if values.is_floating_point() else values.float()
    if not torch.isfinite(values).all():
        raise InputError(f"{name} has NaN or infinite values", hint=hint)
    if not ((values >= 0) if zero else (values > 0)).all():
        raise InputError(
            f"{name} has negative values" if zero else f"{name}={given} is not positive", hint=hint
        )
    return values
