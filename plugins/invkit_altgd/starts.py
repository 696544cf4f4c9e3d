"""Where the latents of every restart begin.

``random``   h and m drawn from their priors (the paper's experiments).
``image``    m₀ = argmin ‖y − C(m)‖², h₀ drawn: the initialisation printed in Algorithm 1.
``encoder``  h₀ drawn; m₀ = E(z), the encoder's latent of the regularised inverse z = argmin ‖y − A(B(h₀),
z)‖² + ρ‖z‖².
             Each drawn kernel so gets the image that goes with it, and a wrong one shows at once: its z is no
             signal of the class, and the residual says so.
``evidence`` see :mod:`invkit_altgd.evidence_start`: one start, from a search that integrates x out.
``auto``     ``evidence`` where the prior of x can encode and knows a prior of its class for this
             (`invkit.Generator.class_prior`), and the operator makes it cheap: with w frozen, it is diagonal
             in the DFT. Else ``encoder`` where the prior of x can encode, else ``random``.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.contracts.problem import Problem
from invkit.errors import InputError
from invkit_altgd.ridge import ridge_inverse
from invkit_altgd.updates import Adam

#: the ridge of the regularised inverse
RIDGE = 1e-2
#: steps and rate of the descent of ``image``
IMAGE_STEPS, IMAGE_RATE = 200, 0.1


def kind_of_start(start: str, problem: Problem) -> str:
    """``auto`` resolved; raises :class:`InputError` where the priors do not allow the start asked for."""
    _, prior_x = problem.priors
    if start == "auto":
        if not prior_x.can_encode:
            return "random"
        return "evidence" if prior_x.class_prior and _diagonal(problem) else "encoder"
    if start == "encoder" and not prior_x.can_encode:
        raise InputError(
            "start=encoder, but the prior of x has no encoder",
            hint="use start=auto, start=image or start=random",
        )
    return start


def _diagonal(problem: Problem) -> bool:
    """Whether w is to be found, and the operator, with any w frozen, is diagonal in the DFT."""
    prior_w, prior_x = problem.priors
    assert prior_w.latent_shape is not None
    assert prior_x.signal_shape is not None
    if 0 in prior_w.latent_shape:
        return False
    with torch.no_grad():
        w = prior_w(prior_w.sample_latent(1, torch.Generator().manual_seed(0)))
    return problem.operator.given(w=w, x_shape=prior_x.signal_shape).spectrum() is not None


def draw(
    problem: Problem, measurements: int, restarts: int, rng: torch.Generator, like: Tensor
) -> tuple[Float[Tensor, "m r *h"], Float[Tensor, "m r *k"]]:
    """Latents drawn from both priors, (measurements, restarts, …).

    One measurement after another, so that the starts of the first do not depend on how many follow.
    """
    pairs = [
        tuple(
            prior.sample_latent(restarts, rng, dtype=like.dtype, device=like.device)
            for prior in problem.priors
        )
        for _ in range(measurements)
    ]
    return torch.stack([h for h, _ in pairs]), torch.stack([m for _, m in pairs])


def improve(
    kind: str, problem: Problem, y: Float[Tensor, "n *y"], h: Float[Tensor, "n *h"], m: Float[Tensor, "n *k"]
) -> Float[Tensor, "n *k"]:
    """The start of ``m`` for candidates whose latents were drawn."""
    if kind == "encoder":
        return _encoded(problem, y, h)
    if kind == "image":
        return _closest_image(problem, y, m)
    return m


def _encoded(problem: Problem, y: Tensor, h: Tensor) -> Tensor:
    prior_w, prior_x = problem.priors
    assert prior_x.signal_shape is not None
    with torch.no_grad():
        given = problem.operator.given(w=prior_w(h), x_shape=prior_x.signal_shape)
        inverse = ridge_inverse(given, y, RIDGE)
        return prior_x.encode(inverse.clamp(*prior_x.bounds) if prior_x.bounds else inverse)


def _closest_image(problem: Problem, y: Tensor, m: Tensor) -> Tensor:
    _, prior_x = problem.priors
    if tuple(y.shape[1:]) != tuple(prior_x.signal_shape or ()):
        raise InputError(
            f"start=image compares y with C(m), but their shapes are {tuple(y.shape[1:])} "
            f"and {prior_x.signal_shape}",
            hint="use start=auto or start=random",
        )
    return closest(prior_x, y, m)


def closest(prior: Generator, x: Float[Tensor, "n *x"], m: Float[Tensor, "n *k"]) -> Float[Tensor, "n *k"]:
    """Latents whose signals are close to given ones, from given latents, by a fixed number of steps."""
    update = Adam(m)
    for _ in range(IMAGE_STEPS):
        with torch.enable_grad():
            m = m.detach().requires_grad_()
            error = (prior(m) - x).square().sum()
            (gradient,) = torch.autograd.grad(error, m, allow_unused=True, materialize_grads=True)
        m = m.detach() - IMAGE_RATE * update(gradient)
    return m
