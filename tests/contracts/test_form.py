"""The form of a part: an author's slips are told by name, by the checks and where it enters a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
import torch
from torch import Tensor

import invkit
from invkit import PluginError
from invkit.contracts.form import check_form, faults
from invkit.testing import check_generator, check_linear, check_noise, check_operator, check_solver


class Product(invkit.BilinearOperator):
    def forward(self, w: Tensor, x: Tensor) -> Tensor:
        return w * x


class Plain(invkit.Generator):
    def __init__(self, **attributes: Any) -> None:
        super().__init__()
        self.latent_shape = self.signal_shape = (1, 4, 4)
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, latent: Tensor) -> Tensor:
        return latent.clone()


class Quartic(invkit.Noise):
    def entries(self, z: Tensor, y: Tensor) -> Tensor:
        return (y - z) ** 4


class Same(invkit.LinearOperator):
    input_shape = output_shape = (1, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x.clone()

    def adjoint(self, r: Tensor) -> Tensor:
        return r.clone()


class Off(invkit.Denoiser):
    def denoise(self, signal: Tensor, sigma: Tensor) -> Tensor:
        return signal.clone()


@attrs.frozen
class Lazy(invkit.Solver):
    def solve(self, problem, y, rng, monitors=(), *, start=None):
        return None


@attrs.frozen
class Deaf(invkit.Solver):
    def solve(self, problem, y, rng):
        raise NotImplementedError


class Shapeless(Plain):
    def __init__(self) -> None:
        super().__init__()
        del self.signal_shape


class OwnDraws(Plain):
    def sample_latent(self, n, rng):
        return torch.randn(n, *self.latent_shape, generator=rng)


class Forgetful(Product):
    def __init__(self) -> None:
        self.gain = 2.0


class ForgetfulNoise(Quartic):
    def __init__(self) -> None:
        self.scale = 2.0


class ShortAdjoint(Product):
    def adjoint_w(self, x, r):
        return x * r


def with_attributes(part: Any, **attributes: Any) -> Any:
    for name, value in attributes.items():
        setattr(part, name, value)
    return part


@attrs.frozen
class Says(Lazy):
    finds_w = "yes"


WRONG: list[tuple[Callable[..., None], Callable[[], Any], str]] = [
    (check_generator, lambda: Plain(role="kernle"), "role: .*'kernle'; set it to 'kernel' or 'image' or"),
    (check_generator, lambda: Plain(latent_shape=2), r"latent_shape: .* = 2; set it to a tuple of whole"),
    (check_generator, lambda: Plain(signal_shape=(1, 4.0)), "signal_shape: "),
    (check_generator, lambda: Plain(bounds=1.0), "bounds: .*set it to a tuple of 2, each item a number"),
    (check_generator, lambda: Plain(affine="no"), "affine: .*set it to True or False"),
    (check_generator, lambda: Plain(penalty_weight="1"), "penalty_weight: .*a number or None"),
    (check_generator, lambda: Plain(field="quaternion"), "field: "),
    (check_generator, lambda: Plain(penalty=0.0), "penalty: .*no method; write def penalty"),
    (check_generator, lambda: Plain(can_encode=True), r"encode: .*write def encode\(self, signal\)"),
    (check_generator, lambda: Plain(has_prox=True), "prox: .*write def prox"),
    (check_generator, lambda: Plain(ties=True), "tied: .*write def tied"),
    (check_generator, Shapeless, "signal_shape: Shapeless has no signal_shape; set it in __init__"),
    (check_generator, OwnDraws, r"sample_latent: .*write def sample_latent\(self, n, rng, \*, dtype"),
    (check_generator, lambda: with_attributes(Off(3), channels=3), "channels: "),
    (check_generator, lambda: with_attributes(Off(3), noisiest="loud"), "noisiest: .*a number"),
    (check_operator, Forgetful, r"__init__: .*write super\(\).__init__\(\)"),
    (check_operator, lambda: with_attributes(Product(), roles="kernel"), "roles: "),
    (check_operator, lambda: with_attributes(Product(), measurement_dims=2.0), "measurement_dims: "),
    (check_operator, lambda: with_attributes(Product(), ambiguities=None), "ambiguities: "),
    (check_operator, ShortAdjoint, r"adjoint_w: .*write def adjoint_w\(self, x, r, w_shape=None\)"),
    (check_linear, lambda: with_attributes(Same(), input_shape=3), "input_shape: "),
    (check_noise, ForgetfulNoise, "__init__: "),
    (check_noise, lambda: with_attributes(Quartic(), residual=None), "residual: "),
    (check_solver, Deaf, "solve: .*write def solve"),
    (check_solver, Says, "finds_w: .*'yes'; set it to True or False"),
]


@pytest.mark.parametrize(("check", "made", "says"), WRONG)
def test_a_slip_is_named_by_the_check_and_refused_in_use(check: Any, made: Any, says: str) -> None:
    with pytest.raises(AssertionError, match=f"^{says}"):
        check(made())
    with pytest.raises(PluginError) as refusal:
        check_form(made())
    assert refusal.value.hint


@pytest.mark.parametrize("made", [Product, Plain, Quartic, Same, lambda: Off(3), Lazy])
def test_right_forms_have_no_faults(made: Any) -> None:
    assert list(faults(made())) == []


def test_numbers_of_numpy_are_whole_numbers() -> None:
    import numpy as np

    part = Plain(latent_shape=(np.int64(3),), penalty_weight=np.float32(1), signal_shape=torch.Size([1, 2]))
    assert list(faults(part)) == []
    assert [fault.name for fault in faults(Plain(latent_shape=(True,)))] == ["latent_shape"]


@pytest.mark.parametrize(
    ("check", "cls"),
    [
        (check_generator, Plain),
        (check_linear, Same),
        (check_noise, Quartic),
        (check_operator, Product),
        (check_solver, Lazy),
    ],
)
def test_a_class_in_place_of_an_object_is_told(check: Any, cls: type) -> None:
    with pytest.raises((AssertionError, TypeError), match=cls.__name__):
        check(cls)


# In use


def test_a_part_of_the_wrong_form_does_not_enter_a_pipeline() -> None:
    for role, operator in (
        ("kernle", "circconv"),
        ("any", with_attributes(Product(), roles=("kernle", "any"))),
    ):
        with pytest.raises(PluginError, match=r"kernle.*set it to"):
            invkit.compose(operator, [Plain(role=role), "identity"], "altgd")


def test_a_part_of_the_wrong_form_is_not_built_by_name() -> None:
    invkit.register("operator", "forgetful", Forgetful)
    with pytest.raises(PluginError, match=r"Forgetful\.__init__"):
        invkit.operator("forgetful")


def test_a_solver_that_returns_no_solution_is_told() -> None:
    pipeline = invkit.compose("circconv", [Plain(), "identity"], Lazy())
    with pytest.raises(PluginError, match=r"Lazy.solve returned None.*write return invkit.solving.run"):
        pipeline(torch.rand(1, 1, 8, 8))
    with pytest.raises(AssertionError, match=r"^contract: Lazy.solve returned None"):
        check_solver(Lazy())


def test_a_noise_model_that_sums_too_early_is_told() -> None:
    class Summed(Quartic):
        def entries(self, z: Tensor, y: Tensor) -> Tensor:
            return super().entries(z, y).flatten(1).sum(1)

    with pytest.raises(AssertionError, match=r"^entries: .*\(3,\), expected \(3, 2, 4, 5\)"):
        check_noise(Summed())
    with pytest.raises(PluginError, match=r"Summed\.entries has shape"):
        Summed()(torch.rand(3, 2, 2), torch.rand(3, 2, 2))


def test_what_raises_inside_a_check_names_the_property() -> None:
    class Raises(Plain):
        def penalty(self, latent: Tensor, signal: Tensor) -> Tensor:
            raise RuntimeError("not today")

    with pytest.raises(AssertionError, match=r"^penalty: it raises RuntimeError\('not today'\).*Raises"):
        check_generator(Raises())
    with pytest.raises(AssertionError, match=r"shaped: .*signal_shape="):
        check_generator(Off(3))
