"""Priors know what their signals are, and an operator refuses those in the wrong place."""

from __future__ import annotations

import itertools
from typing import ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit import InputError
from invkit.contracts.dataset import Dataset
from invkit.contracts.roles import check_kernels, check_roles
from invkit.plugin.loading import default_manager
from tests.strategies import operator_specs

ROLES = {
    "trajectory": "kernel",
    "motion": "kernel",
    "gaussian-blur": "kernel",
    "disk": "kernel",
    "simplex": "kernel",
    "widefield": "kernel",
    "blind": "kernel",
    "vae:blurA": "kernel",
    "vae:mnist": "image",
    "gan:celeba": "image",
    "darkchannel": "image",
    "sparse": "image",
    "spectrum": "image",
    "gaussian:mnist": "image",
    "denoiser:photographs": "image",
    "bounded:gaussian:mnist": "image",
    "patches:gaussian:mnist": "image",
    "mixture:gaussian:mnist+spectrum": "image",
    "identity": "any",
    "sobolev": "any",
    "squares": "any",
    "wavelet": "any",
    "nonnegative": "any",
    "fractions": "any",
    "atoms": "any",
    "product:identity": "any",
    "tied": "any",
}


@pytest.fixture(scope="module")
def priors() -> dict[str, invkit.Generator]:
    return {spec: invkit.prior(spec) for spec in ROLES}


def test_every_registered_prior_has_its_role(priors: dict[str, invkit.Generator]) -> None:
    assert {spec: prior.role for spec, prior in priors.items()} == ROLES
    registered = {entry.name for entry in default_manager().registry.entries("prior")}
    files = {"known", "subspace", "signs"}  # of any signal, read from a file
    assert registered - files == {spec.partition(":")[0] for spec in ROLES}


def suits(names: tuple[str, ...], roles: tuple[str, str]) -> bool:
    return all("any" in (role, ROLES[n]) or role == ROLES[n] for n, role in zip(names, roles, strict=True))


@pytest.mark.parametrize("spec", operator_specs())
def test_a_pair_is_refused_where_a_role_contradicts(spec: str, priors: dict[str, invkit.Generator]) -> None:
    operator = invkit.operator(spec)
    for names in itertools.product(ROLES, repeat=2):
        fits = suits(names, operator.roles)
        pair = [priors[name] for name in names]
        if fits:
            check_roles(operator, pair, names)
            continue
        with pytest.raises(InputError) as refusal:
            check_roles(operator, pair, names)
        exchanged = suits(names[::-1], operator.roles)
        assert (f'priors=["{names[1]}", "{names[0]}"]' in str(refusal.value)) == exchanged


def test_convolutions_take_a_kernel_and_an_image_and_products_anything() -> None:
    for spec in operator_specs():
        expected = ("kernel", "image") if "conv" in spec or "filterflow" in spec else ("any", "any")
        assert invkit.operator(spec).roles == expected


def test_swapped_priors_are_told_how_to_stand(priors: dict[str, invkit.Generator]) -> None:
    names = ["vae:mnist", "vae:blurA"]
    with pytest.raises(InputError) as refusal:
        check_roles(invkit.operator("circconv"), [priors[name] for name in names], names)
    assert str(refusal.value) == (
        "the prior of w, vae:mnist, makes an image, but w is a kernel; "
        "the prior of x, vae:blurA, makes a kernel, but x is an image; "
        'exchange them: priors=["vae:blurA", "vae:mnist"], first w (the kernel), then x (the image)'
    )


def test_two_images_are_refused_without_an_exchange(priors: dict[str, invkit.Generator]) -> None:
    with pytest.raises(InputError, match=r"prior of w, VAE, makes an image.*for w \(kernel\)") as refusal:
        check_roles(invkit.operator("circconv"), [priors["vae:mnist"], priors["spectrum"]])
    assert "exchange" not in str(refusal.value)


@given(st.sampled_from(["kernel", "image"]), st.booleans())
def test_a_mixture_has_the_role_of_its_components(role: str, same: bool) -> None:
    parts = [invkit.prior("spectrum"), invkit.prior("spectrum")]
    parts[0].role = role
    parts[1].role = role if same else "any"
    mixture = type(invkit.prior("mixture:spectrum+spectrum"))(parts)
    assert mixture.role == (role if same else "any")


def test_a_gan_of_kernels_is_for_kernels() -> None:
    gan = invkit.prior("gan:celeba")
    assert gan.role == "image" and type(gan)(gan.network, "unit-sum").role == "kernel"


@pytest.mark.parametrize("name", ["blurA", "blurB", "blur30", "shake", "motion", "disk", "gaussian"])
@pytest.mark.parametrize("operator", ["circconv", "linconv", "filterflow?tiles=2x2"])
def test_laws_of_kernels_are_kernels(name: str, operator: str) -> None:
    check_kernels(invkit.operator(operator), invkit.dataset(name), name)


@pytest.mark.parametrize("name", ["mnist-sample", "objects", "housenumbers"])
def test_images_are_no_kernels(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} holds no kernels: .* choose a data set of kernels: blurA"):
        check_kernels(invkit.operator("circconv"), invkit.dataset(name), name)
    check_kernels(invkit.operator("pointwise"), invkit.dataset(name), name)  # takes any two signals


class Signed(Dataset):
    """Signals of sum 1 with a negative value."""

    name, signal_shape = "signed", (1, 1, 3)
    splits: ClassVar[dict[str, int]] = {"train": 0, "validation": 1, "test": 0}

    def take(self, indices: Tensor, split: str) -> Tensor:
        return torch.tensor([[[[0.75, -0.5, 0.75]]]]).expand(len(indices), -1, -1, -1)

    def fingerprint(self) -> str:
        return "none"


def test_a_kernel_has_no_negative_values() -> None:
    with pytest.raises(InputError, match=r"signed holds no kernels: .* go from -0\.5 and sum to 1"):
        check_kernels(invkit.operator("circconv"), Signed(), "signed")
