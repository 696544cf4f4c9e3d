"""Checks that every generator must pass: one line in a plugin's tests.

    from invkit.testing import check_generator

    def test_my_prior():
        check_generator(MyPrior())
        check_generator(AnyShape(), signal_shape=(3, 16, 16))

Each check is a property of the contract (:class:`invkit.Generator`); the first that fails raises an
AssertionError that names it. Gradients are compared with finite differences in double precision, on a copy:
the generator itself is not touched.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import get_args

import attrs
import torch
from torch import Tensor

from invkit.contracts.generator import Generator
from invkit.contracts.linear import Role
from invkit.errors import InputError, ShapeError
from invkit.testing._assertions import require, require_close

#: candidates a batch, and directions in which gradients are compared
_BATCH, _DIRECTIONS = 3, 7
#: the relative error allowed between a gradient and a finite difference
_GRADIENT = 1e-4


def check_generator(
    generator: Generator, *, signal_shape: tuple[int, ...] | None = None, seed: int = 0
) -> None:
    """Raise AssertionError, naming the property, where a generator breaks its contract.

    Checked are: shapes; that latents are drawn from the given ``rng`` alone; dtype; that calls repeat, change
    neither their inputs nor the generator, and treat each candidate of a batch alone; that the penalty is one
    finite number ≥ 0 a candidate; the gradients of signal and penalty; that an encoder comes closer than
    chance; that parameters are constants; that a candidate that diverges (NaN, infinite or huge) raises
    nothing and leaves its neighbours as they are; that the role is one there is.

    Args:
        generator: what to check, in the mode and precision it is used in; must survive ``copy.deepcopy``.
        signal_shape: ``(channels, *dims)`` to tie it to where it has no shape of its own; ``(1, 16, 16)`` if
            None.
        seed: of all random numbers used.
    """
    require(
        isinstance(generator, Generator), "type", f"{type(generator).__name__} is not an invkit.Generator"
    )
    generator = _tied(generator, signal_shape or (1, 16, 16))
    require(generator.role in get_args(Role), "role", f"{generator.role!r}, expected kernel, image or any")
    _check_constants(generator)
    _check_sampling(generator, seed)
    for check, dtype in (
        *((check, torch.float32) for check in _BASICS),
        *((c, torch.float64) for c in _CHECKS),
    ):
        case = _Case.of(generator, dtype, seed)
        before = case.state()
        check(case)
        _assert_equal_states(before, case.state())


@attrs.frozen(eq=False)
class _Case:
    """A generator in some precision, with latents to try it on."""

    generator: Generator
    latent: Tensor
    rng: torch.Generator

    @classmethod
    def of(cls, generator: Generator, dtype: torch.dtype, seed: int) -> _Case:
        rng = torch.Generator().manual_seed(seed)
        own: Generator = copy.deepcopy(generator).to(dtype)
        latent = own.sample_latent(_BATCH, rng, dtype=dtype)
        require(latent.dtype == dtype, "dtype", f"latents asked for as {dtype} are {latent.dtype}")
        return cls(own, latent, rng)

    def signal(self, latent: Tensor) -> Tensor:
        result: Tensor = self.generator(latent)
        return result

    def penalty(self, latent: Tensor) -> Tensor:
        return self.generator.penalty(latent, self.signal(latent))

    def another_latent(self) -> Tensor:
        return self.generator.sample_latent(_BATCH, self.rng, dtype=self.latent.dtype)

    def state(self) -> dict[str, Tensor]:
        """All tensors the generator holds, copied; also the buffers that are not saved."""
        held = {**dict(self.generator.named_parameters()), **dict(self.generator.named_buffers())}
        return {name: tensor.detach().clone() for name, tensor in held.items()}


def _tied(generator: Generator, shape: tuple[int, ...]) -> Generator:
    """The generator tied to a shape, where it has none; checks ``shaped`` on the way."""
    if generator.signal_shape is None:
        shaped = generator.shaped(shape)
        require(
            shaped.signal_shape == shape, "shaped", f"shaped({shape}) has signal_shape {shaped.signal_shape}"
        )
        require(generator.signal_shape is None, "shaped", "the unshaped generator itself was changed")
        generator = shaped
    require(
        generator.latent_shape is not None, "shaped", "a generator with a signal_shape needs a latent_shape"
    )
    own = tuple(generator.signal_shape or ())
    again = generator.shaped(own)
    require(
        tuple(again.signal_shape or ()) == own,
        "shaped",
        f"shaped(its own shape {own}) gives {again.signal_shape}",
    )
    other = (own[0] + 1, *own[1:])
    try:
        generator.shaped(other)
    except ShapeError:
        return generator
    raise AssertionError(
        f"shaped: shape {other} was accepted by a generator of shape {own}; raise ShapeError"
    )


def _check_constants(generator: Generator) -> None:
    learning = [name for name, parameter in generator.named_parameters() if parameter.requires_grad]
    require(
        not learning, "constants", f"parameters require gradients: {learning}; call requires_grad_(False)"
    )


def _check_sampling(generator: Generator, seed: int) -> None:
    def draw(from_seed: int) -> Tensor:
        return generator.sample_latent(_BATCH, torch.Generator().manual_seed(from_seed))

    everyone = torch.random.get_rng_state()
    first, again, other = draw(seed), draw(seed), draw(seed + 1)
    require(
        torch.equal(everyone, torch.random.get_rng_state()),
        "sampling",
        "torch's global random state was used, not rng",
    )
    expected = (_BATCH, *(generator.latent_shape or ()))
    require(
        tuple(first.shape) == expected,
        "sampling",
        f"latents of shape {tuple(first.shape)}, expected {expected}",
    )
    require(bool(torch.isfinite(first).all()), "sampling", "latents are not finite")
    require(torch.equal(first, again), "sampling", "the same seed drew other latents")
    if first.numel():
        require(not torch.equal(first, other), "sampling", "another seed drew the same latents")
        require(not torch.equal(first[0], first[1]), "sampling", "the candidates of a batch are all the same")


def _check_dtype(case: _Case) -> None:
    dtype, signal = case.latent.dtype, case.signal(case.latent)
    require(signal.dtype == dtype, "dtype", f"latents of {dtype} made signals of {signal.dtype}")
    penalty = case.generator.penalty(case.latent, signal)
    require(penalty.dtype == dtype, "dtype", f"latents of {dtype} made penalties of {penalty.dtype}")
    if case.generator.can_encode:
        encoded = case.generator.encode(signal)
        require(encoded.dtype == dtype, "dtype", f"signals of {dtype} were encoded as {encoded.dtype}")


def _check_shapes(case: _Case) -> None:
    signal = case.signal(case.latent)
    expected = (_BATCH, *(case.generator.signal_shape or ()))
    require(
        tuple(signal.shape) == expected,
        "shapes",
        f"signals of shape {tuple(signal.shape)}, expected {expected}",
    )
    require(bool(torch.isfinite(signal).all()), "shapes", "signals are not finite")


def _check_repeats(case: _Case) -> None:
    first = case.signal(case.latent)
    require(torch.equal(first, case.signal(case.latent)), "repeats", "the same latents made other signals")
    penalty = case.generator.penalty(case.latent, first)
    require(
        torch.equal(penalty, case.generator.penalty(case.latent, first)), "repeats", "the penalty changed"
    )


def _check_untouched(case: _Case) -> None:
    latent, signal = case.latent.clone(), case.signal(case.latent)
    kept = signal.clone()
    case.generator.penalty(latent, signal)
    if case.generator.can_encode:
        case.generator.encode(signal)
    require(torch.equal(latent, case.latent), "inputs untouched", "the latents were changed")
    require(torch.equal(signal, kept), "inputs untouched", "the signals were changed")


def _check_memory(case: _Case) -> None:
    """A caller may write to what it gets: nothing else may change by that."""
    latent, kept = case.latent.clone(), case.signal(case.latent).clone()
    case.signal(latent).detach()[:1].add_(1)
    require(
        torch.equal(latent, case.latent), "inputs untouched", "signals share memory with latents; clone them"
    )
    require(
        torch.equal(kept, case.signal(latent)), "state", "signals share memory with the generator; clone them"
    )


def _check_batch(case: _Case) -> None:
    """Candidates are independent: a batch gives what a loop over batches of one gives."""
    signal = case.signal(case.latent)
    parts = [case.latent[index : index + 1] for index in range(_BATCH)]
    require_close(signal, torch.cat([case.signal(part) for part in parts]), "batch = loop", "signals")
    alone = torch.cat([case.penalty(part) for part in parts])
    require_close(case.generator.penalty(case.latent, signal), alone, "batch = loop", "penalties")
    if case.generator.can_encode:
        encoded = torch.cat([case.generator.encode(signal[index : index + 1]) for index in range(_BATCH)])
        require_close(case.generator.encode(signal), encoded, "batch = loop", "encoded latents")


def _check_divergence(case: _Case) -> None:
    """A candidate that diverges raises nothing, and those beside it stay the same to the bit: their signals,
    penalties, gradients and encoded latents. What becomes of itself is free.
    """
    values = (torch.nan, torch.inf, -torch.inf, 1e30)
    fine = [0, 3, 7]
    sound = case.generator.sample_latent(8, case.rng, dtype=case.latent.dtype)
    latent = sound.clone()
    for row, value in zip((1, 2, 4, 5), values, strict=True):
        latent[row] = value
    latent[6].flatten()[:1] = torch.nan
    expected = _outcomes(case, sound)
    try:
        found = _outcomes(case, latent)
    except Exception as error:
        raise AssertionError(f"divergence: latents of {values} raise {error!r}") from error
    for name, tensor in found.items():
        same = torch.equal(tensor[fine], expected[name][fine])
        require(same, "divergence", f"latents of {values} change the {name} of others")


def _outcomes(case: _Case, latent: Tensor) -> dict[str, Tensor]:
    """What a generator makes of latents, one row a candidate, by name."""
    latent = latent.clone().requires_grad_()
    signal = case.signal(latent)
    penalty = case.generator.penalty(latent, signal)
    total = signal.flatten(1).sum(1) + penalty
    gradient = torch.zeros_like(latent)
    if total.requires_grad:
        (gradient,) = torch.autograd.grad(total.sum(), latent, allow_unused=True, materialize_grads=True)
    made = {"signals": signal.detach(), "penalties": penalty.detach(), "gradients": gradient}
    if case.generator.can_encode:
        made["encoded latents"] = case.generator.encode(made["signals"])
    return made


def _check_penalty(case: _Case) -> None:
    penalty = case.penalty(case.latent)
    require(
        tuple(penalty.shape) == (_BATCH,), "penalty", f"shape {tuple(penalty.shape)}, expected ({_BATCH},)"
    )
    require(bool(torch.isfinite(penalty).all()), "penalty", "not finite")
    require(bool((penalty >= 0).all()), "penalty", f"negative, {penalty.min().item():.3g}")


def _check_signal_gradient(case: _Case) -> None:
    weights = torch.randn(case.signal(case.latent).shape, generator=case.rng, dtype=case.latent.dtype)
    _assert_gradient(case, lambda latent: (case.signal(latent) * weights).sum(), "signal gradient")


def _check_penalty_gradient(case: _Case) -> None:
    _assert_gradient(case, lambda latent: case.penalty(latent).sum(), "penalty gradient")


def _check_encoder(case: _Case) -> None:
    signal = case.signal(case.latent)
    if not case.generator.can_encode:
        try:
            case.generator.encode(signal)
        except InputError:
            return
        raise AssertionError("encoder: encode works although can_encode is False")
    encoded = case.generator.encode(signal)
    expected = (_BATCH, *(case.generator.latent_shape or ()))
    require(
        tuple(encoded.shape) == expected,
        "encoder",
        f"latents of shape {tuple(encoded.shape)}, expected {expected}",
    )
    require(bool(torch.isfinite(encoded).all()), "encoder", "latents are not finite")
    if not encoded.numel():
        return
    error = (case.signal(encoded) - signal).flatten(1).norm(dim=1).mean()
    chance = (case.signal(case.another_latent()) - signal).flatten(1).norm(dim=1).mean()
    require(
        bool(error < chance), "encoder", f"decodes to an error of {error:.3g}, random latents to {chance:.3g}"
    )


#: what must hold in single precision too, and before anything else is asked
_BASICS: tuple[Callable[[_Case], None], ...] = (_check_shapes, _check_penalty, _check_dtype)

_CHECKS: tuple[Callable[[_Case], None], ...] = (
    *_BASICS,
    _check_untouched,
    _check_repeats,
    _check_memory,
    _check_batch,
    _check_signal_gradient,
    _check_penalty_gradient,
    _check_encoder,
    _check_divergence,
)


def _assert_gradient(case: _Case, function: Callable[[Tensor], Tensor], what: str) -> None:
    """Automatic against central differences along random directions.

    The median of the errors counts: a piecewise smooth generator (ReLU, ℓ1) may have a kink on some of the
    ways.
    """
    latent = case.latent.clone().requires_grad_()
    value = function(latent)
    gradient = torch.zeros_like(latent)
    if value.requires_grad:  # what does not is constant, or should be
        (gradient,) = torch.autograd.grad(value, latent, allow_unused=True, materialize_grads=True)
    require(bool(torch.isfinite(gradient).all()), what, "not finite")
    if latent.numel() == 0:
        return
    step, errors = 1e-6, []
    for _ in range(_DIRECTIONS):
        direction = torch.randn(latent.shape, generator=case.rng, dtype=latent.dtype)
        with torch.no_grad():
            ahead, behind = function(latent + step * direction), function(latent - step * direction)
        difference, exact = (ahead - behind).item() / (2 * step), (gradient * direction).sum().item()
        # Differences of large values cannot resolve more than their own rounding.
        rounding = 1e-15 * abs(ahead.item()) / step
        errors.append(max(abs(difference - exact) - rounding, 0.0) / max(abs(difference), abs(exact), 1e-8))
    error = sorted(errors)[_DIRECTIONS // 2]
    graph = "" if value.requires_grad else "; it is cut off from the latent (detached?)"
    require(error < _GRADIENT, what, f"off by {error:.2g} (relative) from finite differences{graph}")


def _assert_equal_states(before: dict[str, Tensor], after: dict[str, Tensor]) -> None:
    require(before.keys() == after.keys(), "state", "calls added or removed tensors of the generator")
    changed = [name for name, tensor in before.items() if not torch.equal(tensor, after[name])]
    require(not changed, "state", f"calls changed {changed}")
