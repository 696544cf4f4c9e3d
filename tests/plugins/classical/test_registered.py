"""The classical priors by name, with their options as text, and the plugin's lightness."""

from __future__ import annotations

import subprocess
import sys

import pytest

import invkit
from invkit.errors import SpecError
from invkit.plugin.building import build, spec_of
from invkit.plugin.loading import default_manager
from invkit.plugin.specs import Spec


@pytest.mark.parametrize(
    ("text", "resolved", "shape"),
    [
        ("identity", "identity?penalty=l2,eps=0.001", None),
        (
            "identity?penalty=tv,shape=3x4x5,eps=1e-2",
            "identity?penalty=tv,eps=0.01",
            (3, 4, 5),
        ),
        ("wavelet", "wavelet:db4?level=2", None),
        ("wavelet:bior4.4?level=3", "wavelet:bior4.4?level=3", None),
        ("wavelet:haar?shape=1x64", "wavelet:haar?level=2", (1, 64)),
    ],
)
def test_options_arrive(text: str, resolved: str, shape: tuple[int, ...] | None) -> None:
    prior = build(default_manager().registry, "prior", Spec.parse(text))
    assert isinstance(prior, invkit.Generator)
    assert prior.signal_shape == shape
    spec = spec_of(prior)
    assert spec is not None
    # How a shape is spelled out is the plugin system's affair; that the spec builds the same prior counts.
    again = build(default_manager().registry, "prior", spec)
    assert spec_of(again) == spec
    assert again.signal_shape == shape
    for key, value in Spec.parse(resolved).options.items():
        assert spec.options[key] == value


@pytest.mark.parametrize(
    "text", ["known", "subspace", "identity?penalty=tvv", "wavelet:db4?levels=3", "wavelet:db?level=2"]
)
def test_bad_specs_are_refused(text: str) -> None:
    with pytest.raises(SpecError):
        build(default_manager().registry, "prior", Spec.parse(text))


def test_the_hooks_import_nothing_heavy() -> None:
    code = (
        "import sys, invkit_classical.plugin, invkit_monitors.plugin\n"
        "print(*sorted({'torch', 'numpy', 'pywt', 'rich', 'tensorboard'} & set(sys.modules)))"
    )
    path = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=path)
    assert found.stdout.strip() == ""
