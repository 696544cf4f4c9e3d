"""How fast is the evidence of a Gaussian prior? Ratios to the bare products of matrices in it, in one run.

    OMP_NUM_THREADS=1 python -m benchmarks.evidence

The cost of a candidate is a Gram matrix of the prior's components, weighted by its kernel's spectrum. Of
``Block.gram`` and ``Block.evidence``, with 64 components of 3×64×64 images by chance (which do not matter for
the time), these are measured, each with its gradient unless it says otherwise:

- the Gram matrices of all candidates against the **bare** products of matrices of the same sizes, weights ×
  table and its transposed for the gradient;
- a **whole** evaluation, from kernels to the gradient in kernels and noise, against the bare products;
- the same without a gradient, of as many candidates as a search scores first;
- the Gram matrices by the table against **direct** ones, a weighted product of the components for every
  candidate.

The ways are compared before anything is timed.
"""

from __future__ import annotations

import attrs
import click
import torch
from torch import Tensor

import invkit
from benchmarks._measuring import Report, agreeing, medians, reported
from invkit.contracts.marginal import Marginal
from invkit_gaussian.fourier import Block
from invkit_gaussian.gaussian import Gaussian
from invkit_gaussian.moments import Moments

ALIKE = 1e-4
"""How far, relatively, Gram matrices in single precision may differ."""


@attrs.frozen(eq=False)
class Setting:
    """A prior, and kernels with measurements: one row a candidate."""

    block: Block
    marginal: Marginal
    w: Tensor
    weights: Tensor
    lookup: Tensor

    @classmethod
    def draw(cls, candidates: int, rank: int, side: int) -> Setting:
        """Always the same."""
        rng = torch.Generator().manual_seed(0)
        shape = (3, side, side)
        moments = Moments(
            colour="joint",
            mean=torch.rand(shape, generator=rng),
            basis=torch.randn(rank, *shape, generator=rng) / rank**0.5,
            spectrum=torch.full((3, side, side // 2 + 1), 1e-3),
            rotation=torch.eye(3),
            level=0.0,
            contrasts=torch.zeros(0),
            spread=0.0,
        )
        w = torch.rand(candidates, 1, 28, 28, generator=rng)
        block = Block(moments.basis, moments.spectrum, 0.0)
        weights = torch.rand(candidates, len(block.rows), generator=rng)
        # what the table holds, made here by other means
        row, column = torch.triu_indices(rank, rank)
        lookup = (block.rows[:, row].conj() * block.rows[:, column]).real.contiguous()
        # bound to the measurements once, as a search does
        marginal = Gaussian(moments).marginal(torch.rand(candidates, *shape, generator=rng))
        return cls(block, marginal, w / w.sum((1, 2, 3), keepdim=True), weights, lookup)

    def gram(self) -> Tensor:
        """Gram matrices by the table, and their gradient."""
        return self._with_gradient(self.block.gram)

    def direct(self) -> Tensor:
        """Gram matrices one product each, all in one batched call, and their gradient."""
        real = torch.view_as_real(self.block.rows).permute(0, 2, 1).flatten(0, 1)

        def batched(weights: Tensor) -> Tensor:
            return (real.T * weights.repeat_interleave(2, 1)[:, None]) @ real

        return self._with_gradient(batched)

    def whole(self) -> None:
        """The evidence of kernels, and its gradient in kernels and noise."""
        w = self.w.clone().requires_grad_()
        variance = torch.full((len(w),), 1e-4, requires_grad=True)
        torch.autograd.grad(self._evidence(w, variance).sum(), (w, variance))

    def scored(self) -> None:
        """The evidence alone."""
        with torch.no_grad():
            self._evidence(self.w, torch.full((len(self.w),), 1e-4))

    def _evidence(self, w: Tensor, variance: Tensor) -> Tensor:
        shape = (self.block.channels, *self.block.size)
        linear = invkit.operator("circconv").given(w=w, x_shape=shape)
        return self.marginal(linear, w.new_zeros(len(w), 0), variance)

    def _with_gradient(self, gram: object) -> Tensor:
        weights = self.weights.clone().requires_grad_()
        found: Tensor = gram(weights)  # type: ignore[operator]
        torch.autograd.grad(found, weights, torch.ones_like(found))
        return found.detach()


@reported
@click.option("--candidates", default=24, show_default=True, help="Candidates followed, with gradient.")
@click.option("--starts", default=768, show_default=True, help="Candidates scored, without.")
@click.option("--rank", default=64, show_default=True, help="Principal components.")
@click.option("--side", default=64, show_default=True, help="Pixels of an image's side.")
@click.option("--repeats", default=7, show_default=True, help="Timed turns; the median counts.")
def main(candidates: int, starts: int, rank: int, side: int, repeats: int) -> Report:
    """Time the evidence against its bare products of matrices, and the table against direct Gram matrices."""
    few, many = Setting.draw(candidates, rank, side), Setting.draw(starts, rank, side)
    found, expected = few.gram(), few.direct()
    differences = agreeing({"direct": float((found - expected).norm() / expected.norm())}, ALIKE)
    ways = {
        "whole evaluation": few.whole,
        "Gram, table": few.gram,
        "Gram, direct": few.direct,
        "bare products": lambda: few.weights @ few.lookup @ few.lookup.T,
    }
    took = medians(ways, repeats)
    scored = {"scored": many.scored, "bare product": lambda: many.weights @ many.lookup}
    took_many = medians(scored, max(1, repeats // 2))
    return {
        "size": f"{candidates} candidates, {starts} starts, {rank} components of 3×{side}×{side}",
        f"milliseconds, {candidates} candidates, with gradient": took,
        f"milliseconds, {starts} starts, without": took_many,
        "largest relative difference": differences,
        "ratios": {
            "Gram, table / bare products": took["Gram, table"] / took["bare products"],
            "whole / bare products": took["whole evaluation"] / took["bare products"],
            "scored / bare product": took_many["scored"] / took_many["bare product"],
            "Gram, direct / Gram, table": took["Gram, direct"] / took["Gram, table"],
        },
    }


if __name__ == "__main__":
    main()
