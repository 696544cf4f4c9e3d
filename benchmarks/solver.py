"""How fast is a step of `altgd`? Ratios to plainer ways of doing the same, side by side in one run.

    OMP_NUM_THREADS=1 python -m benchmarks.solver

Three things are measured with the paper's networks for kernels and digits (28×28, untrained: the weights do
not matter for the time), on restarts of one measurement:

- a step against a **straightforward** one, which evaluates the loss, its gradient in h and its gradient in m
  one after another, by autograd and complex FFTs;
- a step against the **bare** forward and backward pass of the two generators, below which no gradient method
  can go;
- ten restarts in one batch against the same ten in a **loop**.

All ways start from the same latents, and what they find is compared before anything is timed.
"""

from __future__ import annotations

import attrs
import click
import torch
from torch import Tensor

import invkit
from benchmarks._measuring import Report, agreeing, convolved, medians, reported
from invkit_generative.architectures import build
from invkit_generative.decoder import VAE

RATE, WEIGHT = 0.01, 1e-3
"""Step size, and the weight of both penalties."""

ALIKE = 1e-2
"""How far, relatively, residuals may differ: single precision grows apart over the steps of a descent."""

Pair = tuple[Tensor, Tensor]


class Replayed(invkit.Generator):
    """A prior whose random latents are given, so that every way starts from the same ones."""

    def __init__(self, prior: invkit.Generator, starts: Tensor) -> None:
        super().__init__()
        self.prior, self.starts, self.used = prior, starts, 0
        self.latent_shape, self.signal_shape = prior.latent_shape, prior.signal_shape

    def forward(self, latent: Tensor) -> Tensor:
        signal: Tensor = self.prior(latent)
        return signal

    def sample_latent(
        self,
        n: int,
        rng: torch.Generator,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        self.used += n
        return self.starts[self.used - n : self.used].to(dtype=dtype, device=device)


@attrs.frozen(eq=False)
class Setting:
    """Two priors, one measurement of theirs with 1 % noise, and starts for a number of restarts."""

    priors: tuple[invkit.Generator, invkit.Generator]
    y: Tensor
    starts: Pair
    steps: int

    @classmethod
    def draw(cls, restarts: int, steps: int) -> Setting:
        """Untrained networks, always the same."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            priors = VAE(build("paper-blur"), "unit-sum"), VAE(build("paper-mnist"))
        rng = torch.Generator().manual_seed(1)
        w, x = (prior(prior.sample_latent(1, rng)) for prior in priors)
        clean: Tensor = invkit.operator("circconv")(w, x)
        y = clean + 0.01 * torch.randn(clean.shape, generator=rng)
        h, m = (prior.sample_latent(restarts, rng) for prior in priors)
        return cls(priors, y, (h, m), steps)

    def solver(self, restarts: int) -> invkit.Solver:
        """`altgd` with Adam and a constant step, and nothing before or after the descent."""
        plain = "altgd?start=random,slack=0,keep=,decay=constant,anneal=1,update=adam"
        weights = {"weight_w": WEIGHT, "weight_x": WEIGHT}
        return invkit.solver(plain, steps=self.steps, restarts=restarts, rate=RATE, **weights)

    def batched(self) -> Tensor:
        """The residual of every restart after all steps, all restarts in one batch."""
        return self._solve(*self.starts)

    def looped(self) -> Tensor:
        """The same, one restart after another."""
        parts = (self._solve(h[None], m[None]) for h, m in zip(*self.starts, strict=True))
        return torch.cat(list(parts))

    def _solve(self, h: Tensor, m: Tensor) -> Tensor:
        priors = Replayed(self.priors[0], h), Replayed(self.priors[1], m)
        problem = invkit.Problem(invkit.operator("circconv"), priors)
        solution = self.solver(len(h)).solve(problem, self.y, torch.Generator())
        return solution.restarts.residual.flatten()

    def straightforward(self) -> Tensor:
        """The same steps by the textbook: loss and both gradients apart, complex FFTs, torch's own Adam."""
        h, m = (start.clone().requires_grad_() for start in self.starts)
        optimiser = torch.optim.Adam([h, m], lr=RATE, betas=(0.9, 0.99))
        for _ in range(self.steps):
            with torch.no_grad():
                self._loss(h, m)
            h.grad = torch.autograd.grad(self._loss(h, m.detach())[0].sum(), h)[0]
            m.grad = torch.autograd.grad(self._loss(h.detach(), m)[0].sum(), m)[0]
            optimiser.step()
        with torch.no_grad():
            return self._loss(h, m)[1]

    def _loss(self, h: Tensor, m: Tensor) -> Pair:
        """The objective and the residual of every candidate."""
        w, x = self.priors[0](h), self.priors[1](m)
        residual = (convolved(w, x) - self.y).square().sum((1, 2, 3))
        penalties = h.square().sum(1) + m.square().sum(1)
        return residual + WEIGHT * penalties, residual

    def bare(self) -> None:
        """As many forward and backward passes of the generators as there are steps, and nothing else."""
        h, m = (start.clone().requires_grad_() for start in self.starts)
        ones: list[Tensor] | None = None
        for _ in range(self.steps):
            signals = [prior(latent) for prior, latent in zip(self.priors, (h, m), strict=True)]
            ones = ones or [torch.ones_like(signal) for signal in signals]
            torch.autograd.grad(signals, (h, m), ones)


def difference(found: Tensor, expected: Tensor) -> float:
    """The largest difference of two residuals, relative to the expected one."""
    return float(((found - expected).abs() / expected).max())


@reported
@click.option("--candidates", default=100, show_default=True, help="Candidates of the step that is timed.")
@click.option("--restarts", default=10, show_default=True, help="Restarts batched and looped.")
@click.option("--steps", default=20, show_default=True, help="Steps of each solve.")
@click.option("--repeats", default=7, show_default=True, help="Timed turns; the median counts.")
def main(candidates: int, restarts: int, steps: int, repeats: int) -> Report:
    """Time a step of altgd against a straightforward one, the bare generators, and a loop over restarts."""
    many, few = Setting.draw(candidates, steps), Setting.draw(restarts, steps)
    step = {"altgd": many.batched, "straightforward": many.straightforward, "bare generators": many.bare}
    loop = {"batched": few.batched, "looped": few.looped}
    differences = {
        "straightforward": difference(many.batched(), many.straightforward()),
        "looped": difference(few.batched(), few.looped()),
    }
    agreeing(differences, ALIKE)
    took = {**medians(step, repeats, steps), **medians(loop, repeats, steps)}
    return {
        "size": f"{candidates} candidates, {restarts} restarts, {steps} steps",
        "milliseconds a step": took,
        "largest relative difference": differences,
        "ratios": {
            "straightforward / altgd": took["straightforward"] / took["altgd"],
            "altgd / bare generators": took["altgd"] / took["bare generators"],
            "looped / batched": took["looped"] / took["batched"],
        },
    }


if __name__ == "__main__":
    main()
