"""Draws from the posterior of both unknowns: chains over the kernel, and an image for every kernel.

    drawn = kernels(coarse, candidates, value, curvature, count=50, rng=rng)      # Parameters, 50 rows
    w, x = signals(fine, drawn, rng)                                              # 50 of each

The posterior of the first unknown, the second integrated out, is

    p(θ | y) ∝ exp(−E(θ)),      θ = (h, ν, u),

with E the objective of the search (:mod:`invkit_evidence.posterior`). A Gaussian about its minimum says
little of it: E is rugged, and its curvatures differ by a hundred thousand. So Markov chains walk over it, by
Metropolis-adjusted Langevin steps (Roberts and Tweedie, *Bernoulli* 2(4), 1996),

    θ' = θ − ½ε² M ∇E(θ) + ε M^½ n,      n ~ N(0, I),

accepted with the probability that leaves exp(−E) as it is. M is the inverse of the Hessian at the winner,
curvatures below 1 counted as 1 and negative ones as their size. Every chain has an ε of its own. In the
first half of the steps before the first draw it is adapted so that 57 % are accepted, the share that is best
in many dimensions (Roberts and Rosenthal, *J. R. Stat. Soc. B* 60(1), 1998); from then on it is kept.

Chains start at the last candidates of the searches, at each as often as exp(−E) says. They are of the coarse
prior, whose gradient costs little; images are of the fine one.

The model is not true: images are no Gaussians, and kernels are not quite those of their prior. A posterior by
a model that is not true is too narrow. So the likelihood may count less, by its power β ≤ 1
(:class:`invkit_evidence.posterior.Posterior`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from invkit_evidence.newton import moved, repeated, slopes
from invkit_evidence.posterior import Parameters, Posterior

__all__ = ["POWER", "kernels", "signals"]

POWER = 0.2
"""β of draws. Of 1, 0.3 and 0.1 on a dozen house numbers, and 1 and 0.3 on five faces, 90 % intervals held
most nearly that share of the truth at 0.3 or a little less (``invkit bench coverage`` measures it); with 1
they held seven of ten entries of a kernel."""

#: chains at most, and their steps from one draw to the next
_CHAINS, _BETWEEN = 16, 20
#: ε at first, and the share of steps to be accepted
_LENGTH, _ACCEPTED = 0.3, 0.574


def kernels(
    coarse: Posterior,
    candidates: Parameters,
    value: Float[Tensor, "k"],
    curvature: Float64[Tensor, "d d"],
    *,
    count: int,
    rng: torch.Generator,
    before: int = 80,
) -> Parameters:
    """Draws from the posterior of one measurement's kernel, nuisance and noise.

    Args:
        coarse: the objective E, one row: the measurement.
        candidates: where chains may start.
        value: E of the candidates; infinite where it is no number.
        curvature: the Hessian of E at the best candidate, or about it.
        count: how many draws.
        rng: a CPU generator.
        before: steps of every chain before its first draw; half of them adapt ε.
    """
    if not curvature.numel():  # a known kernel, known noise
        return candidates.select(value.argmin().expand(count))
    chains = min(count, _CHAINS)
    share = torch.softmax(-(value - value.min()).double().cpu(), 0).nan_to_num()
    share[0] += float(share.sum() <= 0)  # where none is a number, neither are the draws
    start = torch.multinomial(share, chains, replacement=True, generator=rng).to(value.device)
    draws = [candidates.select(start[:0])]
    rounds = -(-count // chains)
    steps = before + _BETWEEN * (rounds - 1)
    walk = _walk(coarse, candidates.select(start), curvature, steps, before // 2, rng)
    for step, state in enumerate(walk, 1):
        if step >= before and (step - before) % _BETWEEN == 0:
            draws.append(state)
    joined = Parameters(*(torch.cat(parts) for parts in zip(*(each.parts for each in draws), strict=True)))
    return joined.select(torch.arange(count, device=value.device))


def signals(fine: Posterior, drawn: Parameters, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """The kernels of one measurement's draws, and for each kernel an image drawn from its posterior."""
    w, x = [], []
    with torch.no_grad():
        for row in torch.arange(len(drawn.h), device=drawn.h.device).split(1):
            one = drawn.select(row)
            w.append(fine.problem.priors[0](one.h))
            linear, variance = fine.linear(w[-1]), fine.variance(one)
            x.append(fine.marginal.sample(linear, one.nuisance, variance, rng))
    return torch.cat(w), torch.cat(x)


def _walk(
    objective: Posterior,
    at: Parameters,
    curvature: Float64[Tensor, "d d"],
    steps: int,
    adapting: int,
    rng: torch.Generator,
) -> Iterator[Parameters]:
    """The states of the chains after every step, the first of which adapt their lengths."""
    curvatures, axes = torch.linalg.eigh(curvature)
    root = axes * curvatures.abs().clamp(min=1).rsqrt()  # M = root rootᵀ
    count, chains = len(curvatures), len(at.h)
    energies = repeated(objective, chains)
    length = torch.full((chains,), _LENGTH, dtype=torch.float64, device=root.device)

    def measured(state: Parameters) -> tuple[Tensor, Tensor]:
        """E and its gradient in the coordinates in which M is the identity."""
        value, slope = slopes(energies, state)
        return value.double(), slope @ root

    value, slope = measured(at)
    for step in range(steps):
        white = torch.randn(chains, count, generator=rng, dtype=torch.float64, device="cpu").to(root.device)
        chance = torch.rand(chains, generator=rng, dtype=torch.float64, device="cpu").to(root.device)
        far = length[:, None]
        move = far * white - far.square() / 2 * slope
        tried = moved(at, move @ root.T)
        other, steepness = measured(tried)
        back = (far.square() / 2 * steepness - move) / far
        log_ratio = value - other - (back.square() - white.square()).sum(1) / 2
        log_ratio = log_ratio.nan_to_num(nan=-math.inf)  # never where it is no number
        taken = chance.log() < log_ratio
        at = Parameters(
            *(
                torch.where(taken.reshape(-1, *[1] * (new.ndim - 1)), new, old)
                for new, old in zip(tried.parts, at.parts, strict=True)
            )
        )
        value, slope = torch.where(taken, other, value), torch.where(taken[:, None], steepness, slope)
        if step < adapting:
            surplus = log_ratio.exp().clamp(max=1) - _ACCEPTED
            length = length * (surplus / (2 * (1 + step) ** 0.3)).exp()
        yield at
