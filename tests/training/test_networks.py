"""Networks by name: drawn from a seed, read from a file, and refused before anything is allocated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_module_registration_hook

from invkit.errors import WeightsError
from invkit.files.store import TrainedPrior
from invkit.training.networks import build, require_finite, trained, untrained, zeroed
from invkit.training.recipes import Recipe


class Line(nn.Module):
    """A linear map with a statistic that no file holds."""

    def __init__(self, size: int = 3) -> None:
        super().__init__()
        self.map = nn.Linear(size, 1)
        self.register_buffer("scale", torch.tensor([1.0, 2.0]).norm(), persistent=False)
        self.register_buffer("seen", torch.tensor(0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.scale * self.map(x)
        return result


LINES: dict[str, type[Line]] = {"line": Line}


def stored(options: Any, tensors: dict[str, torch.Tensor] | None = None, name: Any = "line") -> TrainedPrior:
    card = {"architecture": {"name": name, "options": options}}
    return TrainedPrior(card, Line(3).state_dict() if tensors is None else tensors, "", Path("a.safetensors"))


def test_what_is_read_is_what_was_stored_in_single_precision_and_constant() -> None:
    network = Line(3)
    network.seen.fill_(5)
    halves = {key: t.half() if t.is_floating_point() else t for key, t in network.state_dict().items()}
    found = trained(LINES, stored({}, halves))
    assert not found.training and not any(parameter.requires_grad for parameter in found.parameters())
    assert torch.equal(found.map.weight, network.map.weight.half().float()) and found.seen == 5
    x = torch.rand(4, 3)
    torch.testing.assert_close(found(x), network(x), atol=1e-2, rtol=0)


def test_neither_reading_nor_drawing_moves_torchs_own_stream() -> None:
    recipe = Recipe(data="numbers", architecture="line", architecture_options={"size": 4})
    prior = stored({})
    state = torch.random.get_rng_state()
    first, second, other = (untrained(LINES, recipe, seed) for seed in (1, 1, 2))
    trained(LINES, prior)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first.map.weight, second.map.weight)
    assert not torch.equal(first.map.weight, other.map.weight)


@pytest.mark.parametrize("size", [4, -1, 2**50, 3.5, None, "3"])
def test_options_that_are_not_those_of_the_tensors(size: Any) -> None:
    with pytest.raises(WeightsError, match=r"a\.safetensors"):
        trained(LINES, stored({"size": size}))


@pytest.mark.parametrize("change", [{"more": torch.zeros(1)}, {"map.bias": torch.zeros(2)}])
def test_tensors_that_are_not_those_of_the_architecture(change: dict[str, torch.Tensor]) -> None:
    with pytest.raises(WeightsError, match="not those of the architecture line"):
        trained(LINES, stored({}, Line(3).state_dict() | change))


@pytest.mark.parametrize(("name", "options"), [("line", ["size"]), (3, {}), (None, None)])
def test_a_card_without_name_and_options(name: Any, options: Any) -> None:
    with pytest.raises(WeightsError, match=r"a\.safetensors.*expected its name and options"):
        trained(LINES, stored(options, name=name))


def test_what_cannot_be_built() -> None:
    with pytest.raises(WeightsError, match="unknown architecture 'curve'; choose one of line"):
        build(LINES, "curve")
    with pytest.raises(WeightsError, match=r"does not take the options \{'width': 3\}"):
        build(LINES, "line", {"width": 3})
    with pytest.raises(WeightsError, match=r"a\.safetensors: unknown architecture 'curve'"):
        trained(LINES, stored({}, name="curve"))


def test_a_zeroed_layer_gives_zeros() -> None:
    assert not zeroed(nn.Linear(3, 2))(torch.rand(4, 3)).any()


class Chain(nn.Module):
    """As many layers as a card says."""

    def __init__(self, layers: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(2, 2) for _ in range(layers)))


def test_a_card_of_a_million_layers_is_refused_before_they_are_made() -> None:
    made: list[nn.Module] = []
    chains = {"chain": Chain}
    prior = stored({"layers": 10**6}, Chain(1).state_dict(), "chain")
    with (
        register_module_module_registration_hook(lambda *each: made.append(each[0])),
        pytest.raises(WeightsError, match="not those of the architecture chain"),
    ):
        trained(chains, prior)
    assert len(made) < 1000
    assert len(trained(chains, stored({"layers": 50}, Chain(50).state_dict(), "chain")).layers) == 50


def test_whole_numbers_for_floats_are_refused() -> None:
    tensors = Line(3).state_dict()
    tensors["map.bias"] = tensors["map.bias"].to(torch.int64)
    with pytest.raises(WeightsError, match="not those of the architecture"):
        trained(LINES, stored({}, tensors))


def test_signals_that_are_not_finite_are_refused() -> None:
    require_finite(stored({}), torch.zeros(3))
    with pytest.raises(WeightsError, match=r"weights in a\.safetensors make signals with NaN"):
        require_finite(stored({}), torch.tensor([0.0, torch.inf]))
