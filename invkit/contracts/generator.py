"""Generators: priors that tie a signal to a small latent, ``x = C(m)``, with a penalty on it.

    prior = invkit.prior("vae:mnist")
    rng = torch.Generator().manual_seed(0)
    m = prior.sample_latent(4, rng)            # (4, 100)
    x = prior(m)                               # (4, 1, 28, 28), values in [0, 1]
    prior.penalty(m, x)                        # (4,): here the squared norm of the latent

Everything that constrains a signal is a generator: a trained decoder, wavelet synthesis, a subspace, the
identity with a total-variation penalty, a known signal (an empty latent). So every solver takes all of them,
and asks none which it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from invkit.contracts.called import Called
from invkit.contracts.linear import Role, Shape
from invkit.errors import InputError, ShapeError


class Generator(Called, ABC):
    """A map from latents to signals and a penalty; the candidates of a batch are independent of each other.

    ``latent_shape`` and ``signal_shape`` are without the batch axis. A generator that fits any shape
    (``identity``, ``wavelet``) has ``signal_shape`` and ``latent_shape`` None until :meth:`shaped` returns
    one that is tied to a shape. Parameters of a trained generator are constants: ``requires_grad`` is off and
    the mode is ``eval``.
    """

    latent_shape: Shape | None
    signal_shape: Shape | None

    #: whether :meth:`encode` is there
    can_encode: bool = False

    #: whether the numbers of latents and signals are real, complex, or as the measurement's are (``any``)
    field: Literal["real", "complex", "any"] = "real"

    #: whether the signal follows from the other unknown's, by :meth:`tied`; only a prior of w may
    ties: bool = False

    #: whether :meth:`prox` is there
    has_prox: bool = False

    #: whether the signal is affine in the latent, ``C(m) = C(0) + B m`` with ``B`` linear over the real
    #: numbers: least-squares solvers then find the latent in closed form, or by conjugate gradients
    affine: bool = False

    #: what the signals are; convolutions refuse a prior of images for their kernel
    role: Role = "any"

    #: the closed interval that the values of a signal lie in, where there is one; images in [0, 1], say
    bounds: tuple[float, float] | None = None

    #: the weight that this prior's penalty should have beside ``‖y − A(w, x)‖²``, where it is known from
    #: validation data; solvers may take it where the user gives none
    penalty_weight: float | None = None

    @abstractmethod
    def forward(self, latent: Inexact[Tensor, "n *latent"]) -> Inexact[Tensor, "n *signal"]:
        """The signal of every latent of the batch."""

    def sample_latent(
        self,
        n: int,
        rng: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Inexact[Tensor, "n *latent"]:
        """``n`` latents drawn from the prior, by default N(0, I). ``rng`` is a CPU generator: the same seed
        draws the same latents on every device. ``dtype`` is the measurement's; the latents are real or
        complex as :attr:`field` says.
        """
        if self.latent_shape is None:
            raise ShapeError(
                "this prior has no shape yet",
                hint="give it one first: prior.shaped((channels, height, width))",
            )
        dtype = self.latent_dtype(dtype)
        return torch.randn(n, *self.latent_shape, generator=rng, dtype=dtype).to(device)

    def latent_dtype(self, dtype: torch.dtype) -> torch.dtype:
        """The dtype of latents beside measurements of ``dtype``: of the same precision."""
        if self.field == "any":
            return dtype
        return dtype.to_complex() if self.field == "complex" else dtype.to_real()

    def penalty(
        self, latent: Inexact[Tensor, "n *latent"], signal: Inexact[Tensor, "n *signal"]
    ) -> Float[Tensor, "n"]:
        """What the objective (6) adds per candidate, before its weight λ or γ; by default ``‖latent‖²``."""
        return squared_norm(latent)

    def prox(
        self, signal: Inexact[Tensor, "n *signal"], t: float | Float[Tensor, "n"]
    ) -> Inexact[Tensor, "n *signal"]:
        """``argmin t·f(u) + ½‖u − signal‖²`` over the signals u, f the penalty; only where ``has_prox``.

        Where the prior allows some signals alone, the closest of those that minimise this. ``t`` is positive,
        one number or one for each signal.
        """
        raise InputError(
            "this prior has no proximal map", hint="choose one that has one, e.g. identity?penalty=l1"
        )

    def tied(self, other: Inexact[Tensor, "n *other"]) -> Inexact[Tensor, "n *signal"]:
        """The signal that follows from the other unknown's; only where :attr:`ties` is True."""
        raise InputError("this prior is not tied to the other unknown", hint="write prior(latent)")

    def numbers(self, latent: Inexact[Tensor, "n *latent"]) -> dict[str, Float[Tensor, "n"]]:
        """What describes the signals of a family of few numbers in words of the field, by name: ``radius`` in
        pixels, ``angle`` in degrees. By default nothing.
        """
        return {}

    def shaped(self, signal_shape: Shape) -> Generator:
        """This prior for signals of the given shape: itself where it has it, a new one where it fits any.

        Raises :class:`ShapeError` where the prior has another shape.
        """
        if self.signal_shape is None or tuple(self.signal_shape) != tuple(signal_shape):
            raise ShapeError(
                f"this prior makes signals of shape {self.signal_shape}, "
                f"but shape {tuple(signal_shape)} is needed",
                hint="choose a prior trained for that shape, or resize the measurement",
            )
        return self

    def instead(self, signal_shape: Shape) -> str | None:
        """Advice for a user whose signals have another shape than this prior's: what to type in place of it.
        None where there is no such advice.
        """
        return None

    def select(self, index: Tensor) -> Generator:
        """The prior of the measurements ``index``: itself, unless it differs between measurements."""
        return self

    def encode(self, signal: Inexact[Tensor, "n *signal"]) -> Inexact[Tensor, "n *latent"]:
        """A latent whose signal is close to the given one; only where ``can_encode`` is True."""
        raise InputError(
            "this prior has no encoder", hint="choose start=random or start=image, or a prior with an encoder"
        )

    def _taken(self, method: str) -> Shape | None:
        which = {"__call__": "latent_shape", "encode": "signal_shape"}.get(method, "")
        return getattr(self, which, None)  # a prior that breaks its contract may have none


def squared_norm(signal: Inexact[Tensor, "n *signal"]) -> Float[Tensor, "n"]:
    """``‖s‖² = Σ |s|²`` of every signal of a batch."""
    flat = signal.flatten(1)
    return (flat.conj() * flat).real.sum(1) if flat.is_complex() else flat.square().sum(1)
