"""check_generator: every registered prior passes it, and one broken in any single way does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import invkit
from invkit.errors import ShapeError
from invkit.files import store
from invkit.plugin.building import build
from invkit.plugin.loading import default_manager
from invkit.plugin.specs import Spec
from invkit.testing import check_generator

SHAPE = (2, 3, 4)

#: priors that cannot be built from their kind alone: the arrays of a file, and how to name it
FILES = {
    "signs": ("signs.npy", {"": np.linspace(-1, 1, 24).reshape(SHAPE)}),
    "known": ("known.npy", {"": np.linspace(-1, 2, 24).reshape(SHAPE)}),
    "subspace": ("subspace.npz", {"basis": np.eye(5, 24).reshape(5, *SHAPE), "mean": np.ones(SHAPE)}),
}

#: priors that are made of others
NAMED = {
    "mixture": "mixture:gaussian:mnist+spectrum",
    "bounded": "bounded:gaussian:mnist",
    "patches": "patches:gaussian:mnist",
    "product": "product:identity",
}


def _registered() -> list[str]:
    """A spec of every registered prior: its bare kind, each of its weights, or a file to be written."""
    registry = default_manager().registry
    specs: list[str] = []
    for entry in registry.entries("prior"):
        shipped = store.names(registry, entry.name)
        if registry.weights_folders(entry.name):
            specs += [f"{entry.name}:{name}" for name in shipped]
        else:
            specs.append(NAMED.get(entry.name, entry.name))
    return specs


@pytest.mark.parametrize("spec", _registered())
def test_registered_priors_keep_the_contract(spec: str, tmp_path: object) -> None:
    if spec in FILES:
        name, arrays = FILES[spec]
        path = f"{tmp_path}/{name}"
        np.save(path, arrays[""]) if "" in arrays else np.savez(path, **arrays)
        spec = f"{spec}:{path}"
    prior = build(default_manager().registry, "prior", Spec.parse(spec))
    channels = 2 if spec.startswith("product") else min(getattr(prior, "channels", (1,)))  # a denoiser's
    size = (30, 33) if spec.startswith("patches") else (16, 16)  # no smaller than a patch
    check_generator(prior, signal_shape=(channels, *size))


@pytest.mark.parametrize("spec", ["simplex?size=1", "blind?size=1"])
def test_a_prior_of_one_signal_keeps_the_contract(spec: str) -> None:
    check_generator(invkit.prior(spec))


def test_the_first_party_priors_are_registered() -> None:
    names = {entry.name for entry in default_manager().registry.entries("prior")}
    assert {"known", "identity", "wavelet", "subspace", "vae"} <= names


class Right(invkit.Generator):
    """tanh of a linear map, with an exact encoder: keeps every promise. Below, each class breaks one."""

    can_encode = True

    def __init__(self) -> None:
        super().__init__()
        weights = torch.randn(24, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        self.register_buffer("weights", weights)
        self.latent_shape, self.signal_shape = (24,), SHAPE

    def forward(self, latent: Tensor) -> Tensor:
        return torch.tanh(0.1 * latent @ self.weights.to(latent)).unflatten(1, SHAPE)

    def encode(self, signal: Tensor) -> Tensor:
        return torch.linalg.solve(0.1 * self.weights.to(signal), torch.atanh(signal.flatten(1)), left=False)

    def numbers(self, latent: Tensor) -> dict[str, Tensor]:
        return {"radius": latent.flatten(1).sum(1)}


class WrongSignalShape(Right):
    def forward(self, latent: Tensor) -> Tensor:
        return super().forward(latent)[:, :1]


class NotFinite(Right):
    def forward(self, latent: Tensor) -> Tensor:
        return super().forward(latent) / 0


class LatentShape(Right):
    def sample_latent(self, n: int, rng: torch.Generator, **options: object) -> Tensor:
        return super().sample_latent(n, rng, **options)[:, 1:]  # type: ignore[arg-type]


class GlobalRandomness(Right):
    def sample_latent(self, n: int, rng: torch.Generator, **options: object) -> Tensor:
        return super().sample_latent(n, rng, **options) + 0 * torch.rand(1)  # type: ignore[arg-type]


class OwnRandomness(Right):
    def __init__(self) -> None:
        super().__init__()
        self.rng = torch.Generator().manual_seed(1)

    def __deepcopy__(self, memo: object) -> OwnRandomness:
        return type(self)()

    def sample_latent(self, n: int, rng: torch.Generator, **options: object) -> Tensor:
        return super().sample_latent(n, self.rng, **options)  # type: ignore[arg-type]


class FixedSeed(Right):
    def sample_latent(self, n: int, rng: torch.Generator, **options: object) -> Tensor:
        return super().sample_latent(n, torch.Generator().manual_seed(1), **options)  # type: ignore[arg-type]


class SameForAll(Right):
    def sample_latent(self, n: int, rng: torch.Generator, **options: object) -> Tensor:
        return super().sample_latent(1, rng, **options).expand(n, 24)  # type: ignore[arg-type]


class LatentDtype(Right):
    def sample_latent(self, n: int, rng: torch.Generator, **options: object) -> Tensor:
        return super().sample_latent(n, rng)


class SignalDtype(Right):
    def forward(self, latent: Tensor) -> Tensor:
        return super().forward(latent).float()


class PenaltyDtype(Right):
    def penalty(self, latent: Tensor, signal: Tensor) -> Tensor:
        return super().penalty(latent, signal).double()


class NotDeterministic(Right):
    def forward(self, latent: Tensor) -> Tensor:
        return super().forward(latent) + 1e-9 * torch.rand(1, dtype=latent.dtype)


class ChangesLatent(Right):
    def penalty(self, latent: Tensor, signal: Tensor) -> Tensor:
        latent.detach()[0, 0] += 1e-3
        return super().penalty(latent, signal)


class SharesLatent(Right):
    def __init__(self) -> None:
        super().__init__()
        self.latent_shape = SHAPE

    def forward(self, latent: Tensor) -> Tensor:
        return latent

    def encode(self, signal: Tensor) -> Tensor:
        return signal.clone()


class SharesState(Right):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("signal", torch.rand(SHAPE))
        self.latent_shape = (0,)

    def forward(self, latent: Tensor) -> Tensor:
        return self.signal.to(latent).expand(latent.shape[0], *SHAPE)

    def encode(self, signal: Tensor) -> Tensor:
        return signal.new_zeros(signal.shape[0], 0)


class CountsCalls(Right):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()), persistent=False)

    def forward(self, latent: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(latent)


class MixesCandidates(Right):
    def forward(self, latent: Tensor) -> Tensor:
        return super().forward(latent - latent.mean(0, keepdim=True) / 100)


class BatchNormInTraining(Right):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(24, affine=False, track_running_stats=False)

    def forward(self, latent: Tensor) -> Tensor:
        return super().forward(latent if len(latent) == 1 else self.norm(latent))


class MixedPenalty(Right):
    def penalty(self, latent: Tensor, signal: Tensor) -> Tensor:
        return super().penalty(latent, signal).mean().expand(latent.shape[0])


class ScalarPenalty(Right):
    def penalty(self, latent: Tensor, signal: Tensor) -> Tensor:
        return super().penalty(latent, signal).sum()


class NegativePenalty(Right):
    def penalty(self, latent: Tensor, signal: Tensor) -> Tensor:
        return -super().penalty(latent, signal)


class InfinitePenalty(Right):
    def penalty(self, latent: Tensor, signal: Tensor) -> Tensor:
        return super().penalty(latent, signal) / 0


class DetachedSignal(Right):
    def forward(self, latent: Tensor) -> Tensor:
        return super().forward(latent.detach())


class WrongGradient(Right):
    def forward(self, latent: Tensor) -> Tensor:
        return super().forward(latent * 0.5 + latent.detach() * 0.5)


class DetachedPenalty(Right):
    def penalty(self, latent: Tensor, signal: Tensor) -> Tensor:
        return super().penalty(latent.detach(), signal)


class NaNGradient(Right):
    def penalty(self, latent: Tensor, signal: Tensor) -> Tensor:
        return super().penalty(latent, signal) + (latent - latent).square().sum(1).sqrt()


class UselessEncoder(Right):
    def encode(self, signal: Tensor) -> Tensor:
        return -super().encode(signal)


class EncoderShape(Right):
    def encode(self, signal: Tensor) -> Tensor:
        return super().encode(signal)[:, :-1]


class UndeclaredEncoder(Right):
    can_encode = False


class Learning(Right):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))


class AnyShape(Right):
    def shaped(self, signal_shape: tuple[int, ...]) -> invkit.Generator:
        return self


class ShapedInPlace(Right):
    def __init__(self) -> None:
        super().__init__()
        self.signal_shape = self.latent_shape = None

    def shaped(self, signal_shape: tuple[int, ...]) -> invkit.Generator:
        if self.signal_shape not in (None, signal_shape):
            raise ShapeError("no")
        self.signal_shape, self.latent_shape = signal_shape, (24,)
        return self


class RaisesOnNaN(Right):
    def forward(self, latent: Tensor) -> Tensor:
        if not torch.isfinite(latent).all():
            raise ValueError("not finite")
        return super().forward(latent)


class SpreadsNaN(Right):
    def forward(self, latent: Tensor) -> Tensor:
        return super().forward(latent) + 0 * latent.sum()


class SpreadsNaNInPenalty(Right):
    def penalty(self, latent: Tensor, signal: Tensor) -> Tensor:
        return super().penalty(latent, signal) + 0 * signal.sum()


class NumbersShape(Right):
    def numbers(self, latent: Tensor) -> dict[str, Tensor]:
        return {"radius": latent[:, :1]}


class InfiniteNumbers(Right):
    def numbers(self, latent: Tensor) -> dict[str, Tensor]:
        return {"radius": latent[:, 0] / 0}


class NumbersDtype(Right):
    def numbers(self, latent: Tensor) -> dict[str, Tensor]:
        return {"radius": latent[:, 0].double()}


class MixedNumbers(Right):
    def numbers(self, latent: Tensor) -> dict[str, Tensor]:
        return {"radius": latent[:, 0] - latent[:, 0].mean()}


class SpreadsNaNInNumbers(Right):
    def numbers(self, latent: Tensor) -> dict[str, Tensor]:
        return {"radius": latent[:, 0] + 0 * latent.sum()}


class UnknownRole(Right):
    role = "picture"


class NotAffine(Right):
    affine = True


WRONG = {
    WrongSignalShape: "shapes",
    NotFinite: "shapes",
    LatentShape: "sampling",
    GlobalRandomness: "sampling",
    OwnRandomness: "sampling",
    FixedSeed: "sampling",
    SameForAll: "sampling",
    LatentDtype: "dtype",
    SignalDtype: "dtype",
    PenaltyDtype: "dtype",
    NotDeterministic: "repeats",
    ChangesLatent: "inputs untouched",
    SharesLatent: "inputs untouched",
    SharesState: "state",
    CountsCalls: "state",
    MixesCandidates: "batch = loop",
    BatchNormInTraining: "batch = loop",
    MixedPenalty: "batch = loop",
    ScalarPenalty: "penalty",
    NegativePenalty: "penalty",
    InfinitePenalty: "penalty",
    DetachedSignal: "signal gradient",
    WrongGradient: "signal gradient",
    DetachedPenalty: "penalty gradient",
    NaNGradient: "penalty gradient",
    UselessEncoder: "encoder",
    EncoderShape: "encoder",
    UndeclaredEncoder: "encoder",
    Learning: "constants",
    AnyShape: "shaped",
    ShapedInPlace: "shaped",
    RaisesOnNaN: "divergence",
    SpreadsNaN: "divergence",
    SpreadsNaNInPenalty: "divergence",
    NumbersShape: "numbers",
    InfiniteNumbers: "numbers",
    NumbersDtype: "dtype",
    MixedNumbers: "batch = loop",
    SpreadsNaNInNumbers: "divergence",
    UnknownRole: "role",
    NotAffine: "affine",
}


def test_a_right_generator_passes_and_stays_as_it_was() -> None:
    generator = Right()
    before = generator.weights.clone()
    check_generator(generator)
    check_generator(generator, seed=3)
    assert generator.weights.dtype == torch.float64
    assert torch.equal(generator.weights, before)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda cls: cls.__name__)
def test_a_wrong_generator_fails_by_name(wrong: type[invkit.Generator]) -> None:
    with pytest.raises(AssertionError, match=rf"^{WRONG[wrong]}: "):
        check_generator(wrong())


class Shrinks(invkit.Generator):
    """Free numbers with the penalty that every prior has, and its proximal map."""

    can_encode = has_prox = True
    latent_shape = signal_shape = SHAPE
    slope = 2.0

    def forward(self, latent: Tensor) -> Tensor:
        return latent.clone()

    def encode(self, signal: Tensor) -> Tensor:
        return signal.clone()

    def prox(self, signal: Tensor, t: float | Tensor) -> Tensor:
        t = torch.as_tensor(t, dtype=signal.real.dtype).reshape(-1, *[1] * (signal.ndim - 1))
        return signal / (1 + self.slope * t)


class ShrinksLess(Shrinks):
    slope = 1.0


def test_a_proximal_map_of_the_inherited_penalty_is_judged_by_it() -> None:
    check_generator(Shrinks())
    with pytest.raises(AssertionError, match="prox: a signal nearby is better"):
        check_generator(ShrinksLess())


def test_what_is_no_generator_fails() -> None:
    # An AssertionError; or, where types are checked at run time, theirs.
    with pytest.raises((AssertionError, TypeError), match="Generator"):
        check_generator(nn.Identity())  # type: ignore[arg-type]
