"""What a signal is for an operator: a blur kernel, an image, or anything.

    check_roles(operator, priors)           # InputError where the image's prior was given for the kernel

A convolution's arguments are a kernel and an image. Their shapes may agree, and convolution commutes, so
exchanged priors run well and write the kernel as the image. Hence operators and priors say what they are for.
"""

from __future__ import annotations

from collections.abc import Sequence

from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.generator import Generator
from invkit.contracts.linear import Role
from invkit.errors import InputError

__all__ = ["check_roles"]

_ARTICLE = {"kernel": "a kernel", "image": "an image"}


def check_roles(
    operator: BilinearOperator, priors: Sequence[Generator], names: Sequence[str] | None = None
) -> None:
    """Check that each prior makes what the operator takes in its place.

    Args:
        operator: says by :attr:`~invkit.BilinearOperator.roles` what ``w`` and ``x`` are.
        priors: that of ``w`` and that of ``x``; each says its :attr:`~invkit.Generator.role`.
        names: how messages call the priors, their specs for instance; None: by their classes.

    Raises:
        InputError: a prior of images stands where a kernel is taken, or the reverse. Where the two would fit
            exchanged, the message says so and how to write it.
    """
    called = [type(prior).__name__ for prior in priors] if names is None else list(names)
    wrong = [
        f"the prior of {argument}, {name}, makes {_ARTICLE[prior.role]}, but {argument} is {_ARTICLE[role]}"
        for argument, name, prior, role in zip("wx", called, priors, operator.roles, strict=True)
        if not _fits(prior, role)
    ]
    if not wrong:
        return
    first, second = operator.roles
    if all(_fits(prior, role) for prior, role in zip(reversed(priors), operator.roles, strict=True)):
        pair = ", ".join(f'"{name}"' if names else name for name in reversed(called))
        hint = f"exchange them: priors=[{pair}], first w (the {first}), then x (the {second})"
    else:
        hint = f"priors are given first for w ({first}), then for x ({second})"
    raise InputError("; ".join(wrong), hint=hint)


def _fits(prior: Generator, role: Role) -> bool:
    return "any" in (role, prior.role) or prior.role == role
