"""A second-order finish: quasi-Newton steps of the best candidates, by what they are compared by.

    candidates, value = finish(fine, candidates, value, steps=24, curvature=…)      # one row a measurement

A search follows a coarse objective, whose minimum is near that of the fine one and not at it; a gradient of
the fine one takes as long as many of the coarse. With g the gradient of the fine one and H = UΛUᵀ its
curvature, a step is

    −U (|Λ| ∨ 1 + λ)⁻¹ Uᵀ g.

H is at first the Hessian of the coarse objective, by central differences of gradients. Every step, taken or
not, says more of it, by the formula of Broyden, Fletcher, Goldfarb and Shanno. Curvatures below 1, the
prior's own, count as 1, and negative ones as their size, so that a step always goes down where it is short
enough (Nocedal and Wright, *Numerical Optimization*, 2006, section 3.4 and chapter 6). λ falls where a step
has bettered the candidate, and rises where it has not, which leaves the candidate as it is.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from invkit_evidence.posterior import Parameters, Posterior

__all__ = ["finish", "hessian", "moved", "repeated", "slopes"]

#: λ at first, by what it falls, and rises
_DAMPING, _EASED, _RAISED = 10.0, 0.25, 8.0
#: in nats: a candidate that is bettered by less stays there
_ENOUGH = 0.1
#: what a step says of the curvature is believed where it is at least this part of what was thought
_BELIEVED = 0.01
#: half the distance of the gradients whose difference is a second derivative
_STEP = 1e-2
#: gradients at a time
_TOGETHER = 64


def finish(
    fine: Posterior,
    candidates: Parameters,
    value: Float[Tensor, "n"],
    steps: int,
    curvature: Float64[Tensor, "n d d"],
) -> tuple[Parameters, Float[Tensor, "n"]]:
    """Parameters of lower value, and their values.

    Args:
        fine: the objective to be made less, one row a candidate.
        candidates: from where.
        value: of the candidates by ``fine``; infinite where it is no number.
        steps: at most.
        curvature: Hessians at the candidates, or about them.
    """
    if not steps or not sum(part[0].numel() for part in candidates.parts):
        return candidates, value
    gradient = slopes(fine, candidates)[1]
    damping = torch.full_like(value, _DAMPING, dtype=torch.float64)
    moving = torch.ones_like(value, dtype=torch.bool)
    for _ in range(steps):
        sizes, axes = torch.linalg.eigh(curvature)
        along = (axes.mT @ gradient[:, :, None])[:, :, 0] / (sizes.abs().clamp(min=1) + damping[:, None])
        move = -(axes @ along[:, :, None])[:, :, 0]
        tried = moved(candidates, move)
        other, slope = slopes(fine, tried)
        curvature = _updated(curvature, move, slope - gradient)
        better = moving & (other < value)  # never where it is no number
        moving &= ~better | (value - other >= _ENOUGH)
        candidates = Parameters(
            *(
                torch.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old)
                for new, old in zip(tried.parts, candidates.parts, strict=True)
            )
        )
        value = torch.where(better, other, value)
        gradient = torch.where(better[:, None], slope, gradient)
        damping = torch.where(better, damping * _EASED, damping * _RAISED)
        if not moving.any():
            break
    return candidates, value


def _updated(
    curvature: Float64[Tensor, "n d d"], move: Float64[Tensor, "n d"], change: Float64[Tensor, "n d"]
) -> Float64[Tensor, "n d d"]:
    """Every curvature after a move that has changed the gradient by so much, positive along it as before."""
    bent = (curvature @ move[:, :, None])[:, :, 0]
    along, now = (move * bent).sum(1), (move * change).sum(1)
    sound = (now > _BELIEVED * along) & (along > 0)  # never where it is no number
    new = change[:, :, None] * change[:, None] / now[:, None, None]
    new = new - bent[:, :, None] * bent[:, None] / along[:, None, None]
    return torch.where(sound[:, None, None], curvature + new, curvature)


def hessian(objective: Posterior, candidate: Parameters) -> Float64[Tensor, "d d"]:
    """Of the objective of one candidate, in latent, nuisance and level; zeros for what is no number."""
    count = sum(part.numel() for part in candidate.parts)
    steps = _STEP * torch.eye(count, dtype=torch.float64, device=candidate.h.device)
    if not count:  # a known kernel, known noise
        return steps
    gradients = [
        slopes(repeated(objective, len(part)), moved(candidate, part))[1]
        for part in torch.cat([steps, -steps]).split(_TOGETHER)
    ]
    gradient = torch.cat(gradients)
    found = (gradient[:count] - gradient[count:]) / (2 * _STEP)
    return ((found + found.T) / 2).nan_to_num(0, 0, 0)


def moved(candidates: Parameters, moves: Float64[Tensor, "k d"]) -> Parameters:
    """The candidates, or one as often as there are rows, by so much changed."""
    parts = moves.to(candidates.h).split([part[0].numel() for part in candidates.parts], 1)
    return Parameters(
        *(
            part + move.reshape(len(moves), *part.shape[1:])
            for part, move in zip(candidates.parts, parts, strict=True)
        )
    )


def repeated(objective: Posterior, count: int) -> Posterior:
    """One measurement's objective, of so many candidates."""
    return objective.select(torch.zeros(count, dtype=torch.long, device=objective.noise.device))


def slopes(
    objective: Posterior, candidates: Parameters
) -> tuple[Float[Tensor, "n"], Float64[Tensor, "n d"]]:
    """The objective and its gradient in all parameters."""
    parts = [part.detach().requires_grad_() for part in candidates.parts]
    with torch.enable_grad():
        value = objective(Parameters(*parts))
        gradients = torch.autograd.grad(value.sum(), parts, allow_unused=True, materialize_grads=True)
    return value.detach(), torch.cat([each.flatten(1).double() for each in gradients], 1)
