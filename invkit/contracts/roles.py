"""What a signal is for an operator: a blur kernel, an image, or anything.

    check_roles(operator, priors)           # InputError where the image's prior was given for the kernel
    check_kernels(operator, data, "mnist")  # InputError where it blurs, and the data set holds no kernels

A convolution's arguments are a kernel and an image. Their shapes may agree, and convolution commutes, so
exchanged priors run well and write the kernel as the image. Hence operators and priors say what they are for.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.dataset import Dataset
from invkit.contracts.generator import Generator
from invkit.contracts.linear import Role
from invkit.errors import InputError

__all__ = ["check_kernels", "check_roles", "require_kernels"]

_ARTICLE = {"kernel": "a kernel", "image": "an image"}
_LOOKED_AT = 4
"""Signals of a data set that are looked at."""
_LEAST_SUM, _LARGEST_SUM = 0.5, 2.0
"""Between these lies the sum of a kernel's values. It is 1, but for what was cut off at the rim."""


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


def check_kernels(operator: BilinearOperator, data: Dataset, name: str) -> None:
    """Check that a data set holds kernels, where an operator takes them. Digits, say, would blur as well, to
    pictures a hundred times too bright.

    Args:
        operator: says by :attr:`~invkit.BilinearOperator.roles` what ``w`` is.
        data: a few of its signals are read.
        name: how the message calls it, its spec for instance.

    Raises:
        InputError: it holds other signals.
    """
    if operator.roles[0] == "kernel":
        require_kernels(data, name)


def require_kernels(data: Dataset, name: str) -> None:
    """Check that a data set holds kernels: no value is negative, and their sum is about 1.

    Raises:
        InputError: it holds other signals.
    """
    split = next((each for each, count in data.splits.items() if count), None)
    if split is None:
        return
    signals = data.take(torch.arange(min(_LOOKED_AT, data.splits[split])), split)
    for signal in signals:
        total, least = float(signal.sum()), float(signal.min())
        if least < 0 or not _LEAST_SUM <= total <= _LARGEST_SUM:
            raise InputError(
                f"{name} holds no kernels: the values of one of its signals go from {least:.3g} and sum to "
                f"{total:.4g}, those of a kernel are not negative and sum to 1",
                hint="choose a data set of kernels: blurA, blurB, blur30, shake, motion, disk, gaussian",
            )


def _fits(prior: Generator, role: Role) -> bool:
    return "any" in (role, prior.role) or prior.role == role
