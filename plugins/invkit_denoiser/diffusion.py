"""``diffusion``: posterior samples of the image, from a network that takes noise off, for a given ``w``.

    prior = "denoiser:faces"
    solver = ["evidence?draws=16 x=gaussian:celeba", "diffusion hold=w"]
    solution = invkit.compose("circconv", ["trajectory", prior], solver)(y)
    solution.x, solution.x_std                  # mean and standard deviation of the samples
    solution.samples().x                        # (16, n, 3, 64, 64)

A denoiser D of least mean squared error knows the score of the noisy prior, and by it the prior can be
sampled. For the posterior the prior and the measurement are split: all samples go through levels ρ_k that
fall from ``first`` to ``last`` along a geometric row, and at each of them

    x ~ exp(−‖y − A(w, x)‖² / 2σ² − ‖x − z‖² / 2ρ_k²)        a Gaussian
    z ~ p(z) exp(−‖z − x‖² / 2ρ_k²)                          the prior, given a picture with noise ρ_k

The first is drawn by noise on y and z and least squares. The second is diffusion that begins at the level ρ_k
with x, and goes down by ``inner`` calls of D,

    z ← (1 − q) D(z, s) + q z + s' √(1 − q) n,      q = (s'/s)²,      s' the next level; the last one is 0.

With all levels equal that is a Gibbs sampler, whose samples become those of the posterior as ρ → 0; falling
levels let it find its way. The z of the last level are the samples.

``first`` is at most what the denoiser was trained for. The noise's σ is that of the noise model, else it is
estimated.

Where an earlier stage has drawn kernels from their posterior, each sample has one of them, in turn. So what
is not known of the kernel is in the samples and in ``x_std``. Otherwise all have the kernel that is held.

Source: M. Vono, N. Dobigeon, P. Chainais, "Split-and-augmented Gibbs sampler", IEEE Trans. Signal Processing
67(6), 2019; Z. Wu and others, "Principled probabilistic imaging using diffusion models as plug-and-play
priors", NeurIPS 2024. The way down: J. Ho, A. Jain, P. Abbeel, arXiv 2006.11239, for noise that adds up.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import torch
from attrs.validators import ge, gt
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.denoiser import Denoiser
from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Samples, Solution
from invkit.contracts.solver import Solver
from invkit.solving import Found, Record, given_signals, noise_level
from invkit_denoiser.data_step import ByDivision, ByGradients, DataStep
from invkit_denoiser.posed import posed, require_w

__all__ = ["Diffusion"]

_DESCENT = 0.1
"""The last level of the diffusion, over the first: from there one call of D takes all noise off."""

_MOST = 1e6


@attrs.frozen
class Diffusion(Solver):
    """Samples of the posterior of ``x`` for a given ``w``; their mean is the result.

    Args:
        draws: samples of each measurement.
        steps: levels ρ.
        first: the first level, for images in [0, 1].
        last: the last level.
        inner: calls of the denoiser at a level. Few of them make samples that are too alike: for independent
            pixels and a tenth of noise, 8 calls give 0.88 of the deviation, 20 give 0.95.
    """

    draws: int = attrs.field(default=16, validator=ge(2))
    steps: int = attrs.field(default=30, validator=ge(1))
    first: float = attrs.field(default=1.0, validator=gt(0))
    last: float = attrs.field(default=0.01, validator=gt(0))
    inner: int = attrs.field(default=8, validator=ge(1))

    def solve(
        self,
        problem: Problem,
        y: Float[Tensor, "n *y"],
        rng: torch.Generator,
        monitors: Sequence[Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        """Sample every measurement's ``x``; all of them use the same random numbers.

        ``start`` gives the kernels that an earlier stage has drawn, where it has.

        Raises:
            InputError: ``w`` is not given, the prior of ``x`` is no denoiser, or the noise is not Gaussian.
        """
        problem, y = problem.bound(y)
        require_w(problem, "diffusion", '["evidence x=gaussian:celeba", "diffusion hold=w"]')
        problem, prior_x, noise = posed(problem, y, "diffusion", "denoiser:faces")
        w, seed = given_signals(problem.priors[0], y), int(torch.randint(2**62, (), generator=rng))
        x_shape = tuple(prior_x.signal_shape or ())
        record = Record(
            y, monitors, steps=self.steps, passes=len(y), waiting=lambda: (w, y.new_zeros(len(y), *x_shape))
        )
        told = noise.sigma
        level = noise_level(y) if told is None else told.to(y).expand(len(y))
        drawn = w[None]
        if start is not None and start.drawn is not None:
            drawn = torch.as_tensor(start.drawn.w).to(y).reshape(-1, *w.shape)
        turn = torch.arange(self.draws) % len(drawn)
        for row in torch.arange(len(y), device=y.device).split(1):
            record.begin(row)
            kernels, own = drawn[turn, row], torch.Generator().manual_seed(seed)
            these, sigma = problem.select(row), float(level[row])
            self._sample(record, these, prior_x, y[row], w[row], kernels, sigma, own)
        return record.solution()

    def _sample(
        self,
        record: Record,
        problem: Problem,
        prior: Denoiser,
        y: Float[Tensor, "1 *y"],
        w: Float[Tensor, "1 *w"],
        kernels: Float[Tensor, "draws *w"],
        sigma: float,
        rng: torch.Generator,
    ) -> None:
        """One measurement."""
        x_shape = tuple(prior.signal_shape or ())
        first = min(self.first, prior.noisiest)
        last = min(self.last, first)
        with torch.no_grad():
            z = _data_step(problem, y, w, x_shape).first().expand(self.draws, *x_shape)
        nothing, weights = y.new_full((1, 1), torch.nan), problem.noise.weights
        each = sigma if weights is None else sigma / weights.to(y).where(weights > 0, torch.inf).sqrt()
        with record:
            for step in range(1, self.steps + 1):
                if record.interrupted:
                    break
                rho = first * (last / first) ** ((step - 1) / max(self.steps - 1, 1))
                with torch.no_grad():
                    seen = y + each * _normal(y.expand(self.draws, *y.shape[1:]), rng)
                    data = _data_step(problem, seen, kernels, x_shape)
                    x = data(z + rho * _normal(z, rng), min(sigma / rho, _MOST) ** 2)
                    z = self._diffuse(prior, x, rho, rng)
                record.tell(step, nothing, nothing, lambda: (w, z.mean(0, keepdim=True)))  # noqa: B023
        low, high = prior.bounds
        z = z.clamp(low, high)
        x = z.mean(0, keepdim=True)
        with torch.no_grad():
            residual = problem.residual(w, x, y)
        ended = record.ended(bool(torch.isfinite(x).all()))
        record.settle(residual[:, None], residual[:, None], [[ended]])
        latents = (x.new_zeros(1, *(problem.priors[0].latent_shape or ())), prior.encode(x))
        record.end(
            Found(
                x=x,
                w=w,
                latents=latents,
                residual=residual,
                noise=y.new_tensor([sigma]),
                x_std=z.std(0, keepdim=True),
                drawn=Samples(kernels[:, None], z[:, None]),
            )
        )

    def _diffuse(
        self, prior: Denoiser, x: Float[Tensor, "n c *x"], rho: float, rng: torch.Generator
    ) -> Float[Tensor, "n c *x"]:
        """Samples of the prior given pictures with noise of the level ρ."""
        levels = [rho * _DESCENT ** (number / self.inner) for number in range(self.inner)]
        for s, after in zip(levels, [*levels[1:], 0.0], strict=True):
            made, q = prior.denoise(x, x.new_full((len(x),), s)), (after / s) ** 2
            x = (1 - q) * made + q * x
            if after:
                x = x + after * (1 - q) ** 0.5 * _normal(x, rng)
        return x


def _data_step(
    problem: Problem, y: Float[Tensor, "n *y"], w: Float[Tensor, "n *w"], x_shape: tuple[int, ...]
) -> DataStep:
    """How measurements are met: exactly where that is a division, else nearly."""
    linear = problem.operator.given(w=w, x_shape=x_shape)
    window = linear.window()
    if window is not None and problem.noise.weights is None:
        step = ByDivision(window, x_shape, y)
        if step.exact:
            return step
    weights = problem.noise.weights
    return ByGradients(linear, y, None if weights is None else weights.to(y).expand(y.shape))


def _normal(like: Tensor, rng: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=rng, dtype=like.dtype).to(like.device)
