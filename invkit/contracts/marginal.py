"""Priors whose signal can be integrated out: the marginal likelihood of everything else.

    prior = invkit.prior("gaussian:celeba")               # an IntegrableGenerator
    marginal = prior.marginal(y, rank=64)                 # measurements bound, one row a candidate
    blur = operator.given(w=kernels, x_shape=(3, 64, 64))
    marginal(blur, nuisance, variance)                    # −log p(y | A, nuisance, σ²), (n,), in nats
    marginal.mean(blur, nuisance, variance)               # E[x | y], (n, 3, 64, 64)

Joint minimisation over both unknowns of ``y = A(w, x) + noise`` prefers a wrong ``w`` with an ``x`` to match:
x has so many more numbers. With x integrated out,

    p(y | w) = ∫ p(y | w, x) p(x) dx,

what is left is a function of w alone, and its maximum is where it should be (Levin, Weiss, Durand and
Freeman, CVPR 2009 and 2011). A prior that can do this integral for a linear operator with white Gaussian
noise derives from :class:`IntegrableGenerator`; a solver that needs it asks for that and for no prior by
name.

The integral may be approximate: of a prior that is no Gaussian, an upper bound of −log p, say, or one of a
function of y that determines w (``sparse``: of y's derivatives). Its gradient, the mean and the samples may
then be approximate, too. The prior's own documentation says how. What must hold is that values are comparable
between all candidates of one measurement.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.calibration import Calibration
from invkit.contracts.generator import Generator
from invkit.contracts.linear import LinearOperator


class Marginal(ABC):
    """``−log p(y | A, ν, σ²)`` with x integrated out, for measurements bound to it, one row a candidate.

    A prior may have parameters of its own that are found rather than integrated: a contrast, say. They are
    the **nuisance** ν, ``nuisances`` numbers a candidate, N(0, I) a priori, so that zeros are their most
    probable value. Everything is differentiable in what the operator holds, in ν and in σ².
    """

    #: how many numbers of nuisance a candidate has; may be 0
    nuisances: int = 0

    @abstractmethod
    def __call__(
        self,
        linear: LinearOperator,
        nuisance: Float[Tensor, "n k"],
        variance: Float[Tensor, "n"],
    ) -> Float[Tensor, "n"]:
        """The negative log-density of each measurement in nats, all constants included, or a bound of it.

        Args:
            linear: ``A``, one frozen argument a candidate.
            nuisance: ν.
            variance: σ² of the noise, above 0, in squared units of y.
        """

    @abstractmethod
    def mean(
        self,
        linear: LinearOperator,
        nuisance: Float[Tensor, "n k"],
        variance: Float[Tensor, "n"],
    ) -> Float[Tensor, "n *x"]:
        """The posterior mean ``E[x | y, A, ν, σ²]``."""

    @abstractmethod
    def sample(
        self,
        linear: LinearOperator,
        nuisance: Float[Tensor, "n k"],
        variance: Float[Tensor, "n"],
        rng: torch.Generator,
    ) -> Float[Tensor, "n *x"]:
        """One draw of ``x`` from each posterior; ``rng`` is a CPU generator."""

    @abstractmethod
    def select(self, index: Tensor) -> Marginal:
        """The same of the measurements ``y[index]``: drops, repeats or reorders candidates."""


class IntegrableGenerator(Generator):
    """A generator whose signal can be integrated out, given a linear operator and white Gaussian noise:
    exactly, or by an approximation that it documents.
    """

    #: how sure a solver may be of what it finds with this prior, as ``invkit calibrate`` has found it out;
    #: None where nobody has
    calibration: Calibration | None = None
    #: the weights file that the prior was read from, where ``invkit calibrate`` writes that down
    file: Path | None = None

    @abstractmethod
    def marginal(self, y: Float[Tensor, "n *y"], *, rank: int | None = None) -> Marginal:
        """The marginal likelihood of measurements.

        Args:
            y: one measurement a row, of any shape that the operator to come makes.
            rank: how fine the prior is at most, where it can be had cheaper for a search: of a Gaussian, the
                number of principal components, and of few components low frequencies alone; of a bound, the
                effort of minimising it. None: as fine as it is.
        """
