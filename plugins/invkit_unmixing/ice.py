"""``ice``: iterated constrained endmembers, non-negative factorisation for unmixing.

    unmix = invkit.compose("matmul?rank=4", w="nonnegative", x="nonnegative", solver=["purest", "ice"])
    solution = unmix(y)                              # y: (bands, pixels), any unit
    fractions = solution.x / solution.x.sum(0)       # the illumination of each pixel is divided out

Many factorisations ``Y ≈ W X`` without negative numbers fit alike; the endmembers wanted are those that lie
together as closely as the pixels permit. With ``z_j = y_j / √b_j``, b_j the brightness of pixel j, the solver
minimises

    Σ_j φ(‖z_j − W x_j‖) + λ V(W),      W ≥ 0 with columns of unit mean, X ≥ 0,

where ``V(W) = Σ_k ‖w_k − w̄‖²`` is the spread of the endmembers about their mean w̄, in units of their mean
square, times what no matrix of this rank can fit (what Z has outside its leading singular vectors): so λ =
2 suits much noise and little. φ is the norm itself, rounded off below 3 % of the root mean square of the
z_j: a few pixels of other materials then have little pull. It turns into squares with weights (iteratively
reweighted least squares), so X and W are least-squares solutions in turn. X is not bound to unit sums, so
illumination may differ between pixels: ``Σ_k x_kj`` is that of pixel j. The columns of W have the maximum 1
in the end.

Everything is worked out in the span of the leading ``rank + 6`` singular vectors of Z, which costs little;
the objective told of is that within the span. Entries that were not measured, or count less, are completed
first (:mod:`invkit_unmixing.scenes`).

Source: M. Berman et al., "ICE: a statistical approach to identifying endmembers in hyperspectral images",
IEEE Transactions on Geoscience and Remote Sensing 42(10), 2004. Deviations: brightness (there abundances
sum to one), φ (there squares; ℓ2,1 norms of factorisations: D. Kong, C. Ding and H. Huang, CIKM 2011), W ≥
0, the unit of λ. The default λ was chosen on the scene Samson.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import torch
from attrs.validators import ge
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Solver
from invkit.errors import InputError
from invkit.solving import Found, Record, encoded, start_latents
from invkit_unmixing.scenes import (
    BEYOND,
    Scene,
    brightness,
    leading,
    nonnegative_abundances,
    scenes,
    solved,
)

__all__ = ["ConstrainedEndmembers"]

#: where φ bends, in units of the mean of ‖z‖²
_BEND = 1e-3
#: sweeps over the abundances in each alternation, and at the ends
_SWEEPS, _THOROUGH = 5, 100


@attrs.frozen
class ConstrainedEndmembers(Solver):
    """Alternate weighted least squares in X ≥ 0 and in W with its spread penalised.

    Args:
        steps: alternations.
        weight_w: λ, the weight of the spread of the endmembers. Spectra of real materials vary, and a weight
            of 1 to 4 does well; where mixtures are exact, 0.1.
    """

    steps: int = attrs.field(default=300, validator=ge(1))
    weight_w: float = attrs.field(default=2.0, validator=ge(0))

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Factorise every measurement; see :meth:`invkit.contracts.solver.Solver.solve`.

        Starts from the W of ``start``; without one, from a W drawn from its prior, the same for all
        measurements: give it a stage that chooses pixels before it.

        Raises:
            InputError: the operator is no matrix product, the noise is not Gaussian, or a prior does not
                allow just the signals without negative values.
        """
        problem, y = problem.bound(y)
        prior_w, prior_x = problem.priors
        for name, prior in zip("wx", problem.priors, strict=True):
            require_nonnegative(name, prior, y)
        with torch.no_grad():
            if start is None:
                first = prior_w(prior_w.sample_latent(1, rng, dtype=y.dtype, device=y.device))
                first = first.expand(len(y), *first.shape[1:])
            else:
                first = prior_w(start_latents(start, problem, 0, rng))
            w, x = first.clone(), torch.zeros(len(y), *(prior_x.signal_shape or ())).to(y)
            record = Record(y, monitors, steps=self.steps, passes=len(y), points=25, waiting=lambda: (w, x))
            for row, scene in enumerate(scenes(problem, y, "ice")):
                self.solve_one(record, scene, row, w, x)
                own = torch.tensor([row], device=y.device)
                h, m = (
                    encoded(prior, each[own], rng) for prior, each in zip(problem.priors, (w, x), strict=True)
                )
                made = prior_w(h), prior_x(m)
                residual = problem.select(own).residual(*made, y[own])
                record.settle(record.objective[own], residual[:, None], [[record.ended()]])
                record.end(Found(x=made[1], w=made[0], latents=(h, m), residual=residual))
        return record.solution()

    def solve_one(self, record: Record, scene: Scene, row: int, w: Tensor, x: Tensor) -> None:
        """Factorise one measurement, and write its signals into ``w[row]`` and ``x[row]``."""
        record.begin(torch.tensor([row], device=w.device))
        factors = Factors(scene, w[row, 0], self.weight_w)
        with record:
            if not record.interrupted:
                for step in range(1, self.steps + 1):
                    factors.alternate()
                    if record.due(step):
                        told = (factors.objective * scene.size**2)[None, None]
                        record.tell(step, told, told, factors.batch, "ice")
        w[row, 0], x[row, 0] = factors.signals(_THOROUGH)


class Factors:
    """W and X of one scene under way."""

    def __init__(self, scene: Scene, w: Float[Tensor, "bands rank"], weight: float) -> None:
        self.scene, self.weight = scene, weight
        root = brightness(scene.values).sqrt()
        z = scene.values / root
        self.basis = leading(z, scene.rank + BEYOND)
        self.z = self.basis.T @ z
        self.noise = (z.square().sum(0) - self.z[: scene.rank].square().sum(0)).clamp_min(0)
        self.bend = _BEND * self.z.square().sum(0).mean()
        self.w = self.scaled(w)
        right = self.w.T @ self.z
        self.x = nonnegative_abundances(self.w.T @ self.w, right, right.clamp_min(0), sweeps=_THOROUGH)
        self.objective = self.bend.new_full((), torch.nan)

    def alternate(self) -> None:
        """X, then W."""
        self.x = nonnegative_abundances(self.w.T @ self.w, self.w.T @ self.z, self.x, sweeps=_SWEEPS)
        misfit = (self.z - self.w @ self.x).square().sum(0)
        pull = (misfit + self.bend).rsqrt()
        weighted = self.x * pull
        rank, size = len(self.x), self.w.square().sum() / len(self.x)
        spread = torch.eye(rank).to(self.w) - 1 / rank
        spread = spread * self.weight * (pull * self.noise).sum() / size
        self.objective = (pull * misfit).sum() + (self.w @ spread * self.w).sum()
        gram = weighted @ self.x.T + spread
        self.w = self.scaled(self.basis @ solved(gram, weighted @ self.z.T).T)

    def scaled(self, w: Float[Tensor, "bands rank"]) -> Float[Tensor, "k rank"]:
        """W ≥ 0 with columns of unit mean, in the span; a column of zeros becomes a flat spectrum."""
        w = w.clamp_min(0)
        mean = w.mean(0)
        w = torch.where(mean > 0, w / mean.clamp_min(torch.finfo(w.dtype).tiny), 1.0)
        return self.basis.T @ w

    def batch(self) -> tuple[Tensor, Tensor]:
        """The signals as a batch of one, as monitors see them."""
        w, x = self.signals()
        return w[None, None], x[None, None]

    def signals(self, sweeps: int = _SWEEPS) -> tuple[Tensor, Tensor]:
        """W with columns of maximum 1, and the X that fits it best, in units of the measurement."""
        w = (self.basis @ self.w).clamp_min(0)
        top = w.amax(0).clamp_min(torch.finfo(w.dtype).tiny)
        w = w / top
        right = w.T @ self.scene.values
        start = solved(w.T @ w, right).clamp_min(0)
        x = nonnegative_abundances(w.T @ w, right, start, sweeps=sweeps)
        return w, x * self.scene.size


def require_nonnegative(name: str, prior: object, like: Tensor) -> None:
    """Raise unless the prior allows just the signals without negative values. No prior is asked which it is.

    Raises:
        InputError: another prior.
    """
    shape = getattr(prior, "signal_shape", None) or ()
    if getattr(prior, "has_prox", False):
        probe = torch.linspace(-1, 1, 1 + torch.Size(shape).numel(), dtype=torch.float64)[1:].reshape(
            1, *shape
        )
        probe = probe.to(like)
        made = prior.prox(probe, torch.finfo(like.dtype).tiny)  # type: ignore[attr-defined]
        if torch.equal(made, probe.clamp_min(0)):
            return
    raise InputError(
        f"ice needs a prior of {name} that allows just the signals without negative values",
        hint="name the prior of non-negative signals (see `invkit list priors`), or choose another solver",
    )
