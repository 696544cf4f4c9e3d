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

import attrs
import torch
from torch import Tensor

from invkit.contracts.ambient import following
from invkit.contracts.generator import Generator, squared_norm
from invkit.errors import InputError, ShapeError
from invkit.testing._assertions import (
    naming,
    property_of,
    require,
    require_close,
    require_part,
    require_shape,
)

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
    finite number ≥ 0 a candidate, and so, but for the sign, is each of ``numbers``; the gradients of signal
    and penalty; that an encoder comes closer than chance; that parameters are constants; that a candidate
    that diverges (NaN, infinite or huge) raises nothing and leaves its neighbours as they are; that the role
    and the field are ones there are, and complex numbers are taken where the field says so; that the signal
    is affine in the latent where the generator says so; that a proximal map minimises what it says.

    Args:
        generator: what to check, in the mode and precision it is used in; must survive ``copy.deepcopy``.
        signal_shape: ``(channels, *dims)`` to tie it to where it has no shape of its own; ``(1, 16, 16)`` if
            None.
        seed: of all random numbers used.
    """
    require_part(generator, Generator, "check_generator")
    where = f"{type(generator).__name__}, seed {seed}"
    with naming("shaped", where):
        generator = _tied(generator, signal_shape or (1, 16, 16))
    with naming("constants", where):
        _check_constants(generator)
    if generator.ties:
        with naming("tied", where):
            _check_tie(generator, seed)
        return
    with naming("sampling", where):
        _check_sampling(generator, seed)
    precisions = [(torch.float32, _BASICS), (torch.float64, _CHECKS)]
    if generator.field == "any":
        precisions.append((torch.complex128, _CHECKS))
    for dtype, checks in precisions:
        with naming("copy", where):
            own: Generator = following(copy.deepcopy(generator), torch.empty(0, dtype=dtype))
        before = {name: tensor.detach().clone() for name, tensor in _tensors(own).items()}
        for check in checks:
            with naming(property_of(check), where):
                check(_Case.of(own, dtype, seed))
                _assert_equal_states(before, _tensors(own))


@attrs.frozen(eq=False)
class _Case:
    """A generator in some precision, with latents to try it on."""

    generator: Generator
    latent: Tensor
    rng: torch.Generator

    @classmethod
    def of(cls, generator: Generator, dtype: torch.dtype, seed: int) -> _Case:
        rng = torch.Generator().manual_seed(seed)
        latent = generator.sample_latent(_BATCH, rng, dtype=dtype)
        wanted = generator.latent_dtype(dtype)
        require(latent.dtype == wanted, "dtype", f"latents asked for as {dtype} are {latent.dtype}")
        return cls(generator, latent, rng)

    def signal(self, latent: Tensor) -> Tensor:
        result: Tensor = self.generator(latent)
        return result

    def penalty(self, latent: Tensor) -> Tensor:
        return self.generator.penalty(latent, self.signal(latent))

    def made(self, latent: Tensor, encoded: Tensor | None = None) -> dict[str, Tensor]:
        """All that the generator makes of latents, by name; ``encoded`` are the signals, unless given."""
        signal = self.signal(latent)
        made = {"signals": signal, "penalties": self.generator.penalty(latent, signal)}
        if self.generator.can_encode:
            made["encoded latents"] = self.generator.encode(signal.detach() if encoded is None else encoded)
        numbers = self.generator.numbers(latent.detach())
        return made | {f"numbers[{name!r}]": value for name, value in numbers.items()}

    def another_latent(self) -> Tensor:
        return self.generator.sample_latent(_BATCH, self.rng, dtype=self.latent.dtype)


def _tensors(generator: Generator) -> dict[str, Tensor]:
    """All tensors that a generator holds, by name; also the buffers that are not saved."""
    return {**dict(generator.named_parameters()), **dict(generator.named_buffers())}


def _tied(generator: Generator, shape: tuple[int, ...]) -> Generator:
    """The generator tied to a shape, where it has none; checks ``shaped`` on the way."""
    if generator.signal_shape is None:
        try:
            shaped = generator.shaped(shape)
        except ShapeError as error:
            hint = "give one that it takes: check_generator(prior, signal_shape=(…))"
            raise AssertionError(f"shaped: {shape} is refused: {error}; {hint}") from error
        require_part(shaped, Generator, "check_generator")
        require(shaped.signal_shape == shape, "shaped", f"shaped({shape}) has shape {shaped.signal_shape}")
        require(generator.signal_shape is None, "shaped", "the unshaped generator itself was changed")
        generator = shaped
    require(generator.latent_shape is not None, "shaped", "with a signal_shape, a latent_shape is needed")
    own = tuple(generator.signal_shape or ())
    again = generator.shaped(own).signal_shape
    require(tuple(again or ()) == own, "shaped", f"shaped(its own shape {own}) gives {again}")
    other = (own[0] + 1, *own[1:])
    try:
        generator.shaped(other)
    except ShapeError:
        return generator
    raise AssertionError(f"shaped: {other} was accepted by a generator of shape {own}; raise ShapeError")


def _check_constants(generator: Generator) -> None:
    learning = [name for name, parameter in generator.named_parameters() if parameter.requires_grad]
    explanation = f"parameters require gradients: {learning}; call requires_grad_(False)"
    require(not learning, "constants", explanation)


def _check_tie(generator: Generator, seed: int) -> None:
    """A tied prior makes its signal of the other unknown's, in its dtype, and has no latent of its own."""
    own = generator.latent_shape
    require(own == (0,), "tied", f"its latent has the shape {own}, not (0,)")
    shape = (_BATCH, *(generator.signal_shape or ()))
    for dtype in (torch.float64, torch.complex128):
        other = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
        kept, made = other.clone(), generator.tied(other)
        require_shape(made, shape, "tied", "its signal is")
        require(made.dtype == dtype, "tied", f"of {dtype} it makes {made.dtype}")
        penalty = generator.penalty(other.new_zeros(_BATCH, 0), made)
        require_shape(penalty, (_BATCH,), "penalty", "one number a candidate,")
        made.add_(1)
        require(torch.equal(other, kept), "inputs untouched", "its signal shares memory with the other's")


def _check_sampling(generator: Generator, seed: int) -> None:
    def draw(from_seed: int) -> Tensor:
        return generator.sample_latent(_BATCH, torch.Generator().manual_seed(from_seed))

    everyone = torch.random.get_rng_state()
    first, again, other = draw(seed), draw(seed), draw(seed + 1)
    untouched = torch.equal(everyone, torch.random.get_rng_state())
    require(untouched, "sampling", "torch's global random state was used, not rng")
    require_shape(first, (_BATCH, *(generator.latent_shape or ())), "sampling", "latents")
    require(bool(torch.isfinite(first).all()), "sampling", "latents are not finite")
    require(torch.equal(first, again), "sampling", "the same seed drew other latents")
    if first.numel():
        require(not torch.equal(first, other), "sampling", "another seed drew the same latents")
        require(not torch.equal(first[0], first[1]), "sampling", "the candidates of a batch are all the same")


def _check_dtype(case: _Case) -> None:
    dtype = case.latent.dtype
    for name, made in case.made(case.latent).items():
        real = name == "penalties" or name.startswith("numbers")
        wanted = dtype.to_real() if real else dtype
        require(made.dtype == wanted, "dtype", f"latents of {dtype} made {name} of {made.dtype}")


def _check_shapes(case: _Case) -> None:
    signal = case.signal(case.latent)
    require_shape(signal, (_BATCH, *(case.generator.signal_shape or ())), "shapes", "signals")
    require(bool(torch.isfinite(signal).all()), "shapes", "signals are not finite")


def _check_repeats(case: _Case) -> None:
    first, again = case.made(case.latent), case.made(case.latent)
    for name, made in first.items():
        require(torch.equal(made, again[name]), "repeats", f"the same latents made other {name}")


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
    shared = "signals share memory with {}; clone them"
    require(torch.equal(latent, case.latent), "inputs untouched", shared.format("latents"))
    require(torch.equal(kept, case.signal(latent)), "state", shared.format("the generator"))


def _check_batch(case: _Case) -> None:
    """Candidates are independent: a batch gives what a loop over batches of one gives."""
    whole = case.made(case.latent)
    rows = [slice(index, index + 1) for index in range(_BATCH)]
    alone = [case.made(case.latent[row], whole["signals"][row]) for row in rows]
    for name, made in whole.items():
        require_close(made, torch.cat([one[name] for one in alone]), "batch = loop", name)


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
    """What a generator makes of latents, and its gradients, one row a candidate, by name."""
    latent = latent.clone().requires_grad_()
    made = case.made(latent)
    total = made["signals"].flatten(1).sum(1).real + made["penalties"]
    made["gradients"] = _gradient(total.sum(), latent)
    return {name: each.detach() for name, each in made.items()}


def _gradient(value: Tensor, latent: Tensor) -> Tensor:
    """The gradient of a number; zero where it does not depend on the latent."""
    if not value.requires_grad:
        return torch.zeros_like(latent)
    return torch.autograd.grad(value, latent, allow_unused=True, materialize_grads=True)[0]


def _check_penalty(case: _Case) -> None:
    penalty = case.penalty(case.latent)
    require_shape(penalty, (_BATCH,), "penalty", "one number a candidate,")
    require(bool(torch.isfinite(penalty).all()), "penalty", "not finite")
    require(bool((penalty >= 0).all()), "penalty", f"negative, {penalty.min().item():.3g}")


def _check_numbers(case: _Case) -> None:
    for name, values in case.generator.numbers(case.latent).items():
        require(isinstance(name, str), "numbers", f"the name {name!r} is no string")
        require_shape(values, (_BATCH,), "numbers", f"{name}, one a candidate,")
        require(bool(torch.isfinite(values).all()), "numbers", f"{name} is not finite")


def _check_signal_gradient(case: _Case) -> None:
    weights = torch.randn(case.signal(case.latent).shape, generator=case.rng, dtype=case.latent.dtype)
    _assert_gradient(case, lambda latent: (case.signal(latent) * weights).sum().real, "signal gradient")


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
    require_shape(encoded, (_BATCH, *(case.generator.latent_shape or ())), "encoder", "latents")
    require(bool(torch.isfinite(encoded).all()), "encoder", "latents are not finite")
    if not encoded.numel():
        return
    error = (case.signal(encoded) - signal).flatten(1).norm(dim=1).mean()
    chance = (case.signal(case.another_latent()) - signal).flatten(1).norm(dim=1).mean()
    explanation = f"decodes to an error of {error:.3g}, random latents to {chance:.3g}"
    exact = error <= 1e-9 * (1 + signal.flatten(1).norm(dim=1).mean())  # as are random latents of one signal
    require(bool(exact or error < chance), "encoder", explanation)


def _check_affine(case: _Case) -> None:
    """``C(a u + b v) − C(0) = a (C(u) − C(0)) + b (C(v) − C(0))``, where the generator says so."""
    if not case.generator.affine:
        return
    u, v, a, b = case.latent, case.another_latent(), 0.7, -1.6
    origin = case.signal(torch.zeros_like(u))
    expected = origin + a * (case.signal(u) - origin) + b * (case.signal(v) - origin)
    error = (case.signal(a * u + b * v) - expected).abs().amax()
    size = expected.abs().amax()
    explanation = f"the signal is not linear in the latent, up to a constant: {error:.3g} off of {size:.3g}"
    require(bool(error <= 1e-9 * (1 + size)), "affine", explanation)


def _check_prox(case: _Case) -> None:
    """No signal nearby has a smaller ``t·f(u) + ½‖u − s‖²`` than the proximal map's, of those it may make."""
    signal, t = case.signal(case.another_latent()), 0.3
    if not case.generator.has_prox:
        try:
            case.generator.prox(signal, t)
        except InputError:
            return
        raise AssertionError("prox: it works although has_prox is False")

    def cost(u: Tensor) -> Tensor:
        latent = case.generator.encode(u) if case.generator.can_encode else case.latent
        return t * case.generator.penalty(latent, u) + 0.5 * squared_norm(u - signal)

    made = case.generator.prox(signal, t)
    require_shape(made, tuple(signal.shape), "prox", "its result")
    each = case.generator.prox(signal, torch.full((_BATCH,), t, dtype=signal.real.dtype))
    require(torch.equal(each, made), "prox", "one t for each signal does not do what one number does")
    least = cost(made)
    for size in (1e-1, 1e-3):
        away = torch.randn(signal.shape, generator=case.rng, dtype=signal.dtype) * size
        near = case.generator.prox(made + away, 1e-12)  # among the signals that it may make
        lower = cost(near) < least - 1e-9 * (1 + least.abs())
        require(not bool(lower.any()), "prox", "a signal nearby is better than the one it gives")


#: what must hold in single precision too, and before anything else is asked
_BASICS: tuple[Callable[[_Case], None], ...] = (_check_shapes, _check_penalty, _check_numbers, _check_dtype)

_CHECKS: tuple[Callable[[_Case], None], ...] = (
    *_BASICS,
    _check_untouched,
    _check_repeats,
    _check_memory,
    _check_batch,
    _check_signal_gradient,
    _check_penalty_gradient,
    _check_encoder,
    _check_affine,
    _check_prox,
    _check_divergence,
)


def _assert_gradient(case: _Case, function: Callable[[Tensor], Tensor], what: str) -> None:
    """Automatic against central differences along random directions.

    The median of the errors counts: a piecewise smooth generator (ReLU, ℓ1) may have a kink on some of the
    ways.
    """
    latent = case.latent.clone().requires_grad_()
    value = function(latent)
    gradient = _gradient(value, latent)  # zero of what is constant, or should be
    require(bool(torch.isfinite(gradient).all()), what, "not finite")
    if latent.numel() == 0:
        return
    step, errors = 1e-6, []
    for _ in range(_DIRECTIONS):
        direction = torch.randn(latent.shape, generator=case.rng, dtype=latent.dtype)
        with torch.no_grad():
            ahead, behind = function(latent + step * direction), function(latent - step * direction)
        difference = (ahead - behind).item() / (2 * step)
        exact = (gradient.conj() * direction).sum().real.item()
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
