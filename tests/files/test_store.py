"""Trained priors: written whole, read only when sound, found by name."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from invkit.contracts.trainer import Trainer
from invkit.errors import OutputError, WeightsError
from invkit.files.store import (
    CARD_KEYS,
    find,
    install,
    load,
    names,
    read_card,
    read_prior,
    user_store,
    write_prior,
)
from invkit.plugin.registry import Registry

CARD: dict[str, Any] = {
    "format": 1,
    "kind": "vae",
    "name": "tiny",
    "architecture": {"name": "mlp", "options": {"latent": 2}},
    "recipe": {"seed": 0, "rate": 1e-3},
    "data": {"fingerprint": "abc"},
    "metrics": {"ncc": 0.99},
    "licence": "MIT",
    "versions": {"torch": "2"},
}
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]


def tensors() -> dict[str, torch.Tensor]:
    weight = torch.arange(6.0).reshape(2, 3)
    # A view, not contiguous, of shared memory; a scalar; an empty one: all occur in a state_dict.
    return {"weight": weight, "tied": weight.T, "steps": torch.tensor(7), "empty": torch.zeros(0, 3)}


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "sound.safetensors"
    write_prior(path, tensors(), CARD)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INVKIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def shipping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry with a package that ships `vae:shipped`, and that nobody should import."""
    package = tmp_path / "site" / "heavy_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    write_prior(package / "weights" / "vae" / "shipped.safetensors", tensors(), CARD | {"name": "shipped"})
    monkeypatch.syspath_prepend(str(package.parent))
    registry = Registry()
    with registry.registering(plugin="heavy", distribution="heavy"):
        registry.weights("vae", "heavy_package:weights/vae")
        registry.weights("vae", "package_that_is_gone:weights")
    return registry


# The file ----------------------------------------------------------------------------------------------


def test_round_trip(sound: Path) -> None:
    prior = read_prior(sound)
    assert prior.card == CARD == read_card(sound)
    assert prior.path == sound
    assert prior.sha256 == hashlib.sha256(sound.read_bytes()).hexdigest()
    assert prior.tensors.keys() == tensors().keys()
    for name, tensor in tensors().items():
        assert torch.equal(prior.tensors[name], tensor) and prior.tensors[name].dtype == tensor.dtype


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=6).filter(lambda name: name != "__metadata__" and name.isascii()),
        st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 3), max_size=3)),
        min_size=1,
        max_size=4,
    ),
    st.randoms(use_true_random=False),
)
def test_round_trip_of_any_dtype_shape_and_order(layout: dict[str, Any], order: Any) -> None:
    rng = torch.Generator().manual_seed(0)
    state = {
        name: torch.randint(0, 2, shape, generator=rng).to(dtype) for name, (dtype, shape) in layout.items()
    }
    shuffled = list(state.items())
    order.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "a.safetensors"), Path(folder, "b.safetensors")
        write_prior(first, state, CARD)
        write_prior(second, dict(shuffled), dict(reversed(CARD.items())))
        assert first.read_bytes() == second.read_bytes(), "the same prior is the same file"
        result = read_prior(first).tensors
    assert result.keys() == state.keys()
    assert all(
        torch.equal(result[name], state[name]) and result[name].dtype == state[name].dtype for name in state
    )


def test_every_altered_byte_is_noticed_by_card_and_prior(sound: Path) -> None:
    content = bytearray(sound.read_bytes())
    for position in range(0, len(content), 7):
        changed = bytearray(content)
        changed[position] ^= 1
        sound.write_bytes(changed)
        for read in (read_prior, read_card):
            with pytest.raises(WeightsError, match="sound"):
                read(sound)


def test_every_truncation_is_noticed_by_card_and_prior(sound: Path) -> None:
    content = sound.read_bytes()
    for length in [*range(0, len(content), 11), len(content) - 1]:
        sound.write_bytes(content[:length])
        for read in (read_prior, read_card):
            with pytest.raises(WeightsError, match=r"truncated|not a safetensors"):
                read(sound)


def test_a_header_that_is_no_object_is_refused(sound: Path) -> None:
    sound.write_bytes((2).to_bytes(8, "little") + b"[]")
    with pytest.raises(WeightsError, match="cannot be parsed: it is no JSON object"):
        read_card(sound)


def test_a_file_longer_than_its_header_says_is_refused_unread(sound: Path) -> None:
    os.truncate(sound, 1 << 36)  # of holes; all of it would not go into the memory
    for read in (read_prior, read_card, lambda path: install(path, "vae", "mine")):
        with pytest.raises(WeightsError, match="too long"):
            read(sound)


def altered(path: Path, **changes: Any) -> None:
    """Write the file again with another header, as a hand that edits it would."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    card = json.loads(header["__metadata__"]["invkit_card"]) | changes
    header["__metadata__"]["invkit_card"] = json.dumps(card)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])


def test_an_altered_card_is_noticed(sound: Path) -> None:
    altered(sound)
    assert read_prior(sound).card == CARD, "another spelling of the same header is the same content"
    altered(sound, metrics={"ncc": 1.0})
    with pytest.raises(WeightsError, match="altered"):
        read_prior(sound)
    altered(sound, metrics={"ncc": float("nan")})
    with pytest.raises(WeightsError, match=r"card .* cannot be parsed"):
        read_prior(sound)


def test_a_newer_card_asks_for_an_upgrade(sound: Path) -> None:
    altered(sound, format=2)
    for read in (read_prior, read_card):
        with pytest.raises(WeightsError, match=r"format 2.*pip install --upgrade"):
            read(sound)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_non_finite_values_are_neither_written_nor_read(
    tmp_path: Path, value: float, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bad.safetensors"
    bad = {"good": torch.zeros(2), "bad": torch.tensor([0, value], dtype=dtype)}
    with pytest.raises(WeightsError, match="1 NaN or infinite values in tensor 'bad'"):
        write_prior(path, bad, CARD)
    assert not list(tmp_path.iterdir())
    with monkeypatch.context() as patch:  # as a writer that does not look would
        patch.setattr("invkit.files.store._check_finite", lambda path, tensors: None)
        write_prior(path, bad, CARD)
    with pytest.raises(WeightsError, match=r"1 NaN or infinite values in tensor 'bad' of .*bad\.safetensors"):
        read_prior(path)


def test_each_unfit_file_has_its_own_message(tmp_path: Path, sound: Path) -> None:
    messages = set()
    content = sound.read_bytes()
    broken = len(b"{oops").to_bytes(8, "little") + b"{oops"
    for name, data in {
        "short": b"abc",
        "pickle": b"\x80\x02}q\x00.......",
        "header": broken,
        "long": content + b"x",
    }.items():
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(data)
        with pytest.raises(WeightsError, match=name) as caught:
            read_prior(path)
        messages.add(caught.value.message.replace(str(path), ""))
        assert caught.value.hint
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(WeightsError, match="no invkit card"):
        read_prior(tmp_path / "foreign.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "empty.safetensors", metadata={"invkit_card": "[]"})
    with pytest.raises(WeightsError, match="no valid format"):
        read_card(tmp_path / "empty.safetensors")
    with pytest.raises(WeightsError, match=r"cannot read the weights .*none"):
        read_prior(tmp_path / "none.safetensors")
    with pytest.raises(WeightsError, match=r"cannot read the weights .*none"):
        read_card(tmp_path / "none.safetensors")
    assert len(messages) == 3, "short and pickle are both no safetensors file; the others differ"


@pytest.mark.parametrize("missing", CARD_KEYS)
def test_an_incomplete_card_is_not_written(tmp_path: Path, missing: str) -> None:
    card = {key: value for key, value in CARD.items() if key != missing}
    with pytest.raises(WeightsError, match=missing):
        write_prior(tmp_path / "a.safetensors", tensors(), card)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"a\.pt"):
        write_prior(tmp_path / "a.pt", tensors(), CARD)
    with pytest.raises(WeightsError, match="no tensors"):
        write_prior(tmp_path / "a.safetensors", {}, CARD)
    for value in (Path("x"), float("nan")):
        with pytest.raises(WeightsError, match="JSON"):
            write_prior(tmp_path / "a.safetensors", tensors(), CARD | {"data": {"x": value}})
    with pytest.raises(WeightsError, match="format 2"):
        write_prior(tmp_path / "a.safetensors", tensors(), CARD | {"format": 2})
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        write_prior(tmp_path / "file" / "a.safetensors", tensors(), CARD)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


# Names -------------------------------------------------------------------------------------------------


def test_shipped_then_user_then_path(shipping: Registry, home: Path, sound: Path) -> None:
    assert names(shipping, "vae") == ("shipped",)
    shipped = find(shipping, "vae", "shipped")
    assert read_card(shipped)["name"] == "shipped"
    mine = install(sound, "vae", "mine")
    assert mine == home / "vae" / "mine.safetensors" == find(shipping, "vae", "mine")
    assert mine.read_bytes() == sound.read_bytes()
    install(sound, "vae", "shipped")
    assert find(shipping, "vae", "shipped") == shipped, "the shipped one goes first"
    assert names(shipping, "vae") == ("mine", "shipped")
    assert find(shipping, "vae", str(sound)) == sound


def test_a_relative_path_needs_a_separator_or_the_suffix(
    shipping: Registry, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sound.parent)
    assert find(shipping, "vae", "sound.safetensors") == Path("sound.safetensors")
    assert find(shipping, "vae", "./sound.safetensors") == Path("sound.safetensors")
    with pytest.raises(WeightsError, match="no trained prior vae:sound"):
        find(shipping, "vae", "sound")


def test_unknown_names_get_the_nearest_the_list_and_the_way_to_train(shipping: Registry, home: Path) -> None:
    for name in ["shiped", "./shiped.safetensors"]:
        with pytest.raises(WeightsError) as caught:
            find(shipping, "vae", name)
        hint = str(caught.value.hint)
        assert "'shipped'" in hint and "known: shipped" in hint and "invkit train vae" in hint
    with pytest.raises(WeightsError, match="known: none"):
        find(shipping, "gan", "shipped")
    assert names(shipping, "gan") == ()


def test_weights_of_another_kind_are_refused(sound: Path) -> None:
    registry = Registry()
    assert load(registry, "vae", str(sound), called="VAE").card["name"] == "tiny"
    with pytest.raises(WeightsError, match=f"holds a 'vae' prior, not a network; write vae:{sound}"):
        load(registry, "net", str(sound), called="network")


def test_a_recipe_without_weights_says_how_to_train_it(home: Path, sound: Path) -> None:
    registry = Registry()
    registry.trainer("net", "tests.files.test_store:Baker", summary="a trainer")
    registry.trainer("broken", "tests.files.test_store:Nothing", summary="a trainer that is not there")
    with pytest.raises(WeightsError, match=r"net\?weights=bread is a recipe.*train net --recipe bread "):
        find(registry, "net", "bread")
    with pytest.raises(WeightsError, match=r"no trained prior net\?weights=cake"):
        find(registry, "net", "cake")
    with pytest.raises(WeightsError, match="no trained prior broken:cake"):
        find(registry, "broken", "cake")


class Baker(Trainer):
    """Has one recipe, and its own way to name weights."""

    def recipes(self) -> dict[str, dict[str, Any]]:
        return {"bread": {}}

    def usage(self, kind: str, name: str) -> str:
        return f"{kind}?weights={name}"

    def train(self, *_: Any, **__: Any) -> Path:
        raise NotImplementedError


def test_user_store_follows_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert user_store() == home
    monkeypatch.delenv("INVKIT_HOME")
    assert user_store().name == "invkit" and user_store().is_absolute()


def test_what_is_not_installed(tmp_path: Path, home: Path, sound: Path) -> None:
    with pytest.raises(WeightsError, match="kind 'vae', not 'gan'"):
        install(sound, "gan", "mine")
    for name in ["", "../up", "a/b", ".hidden", "mine.safetensors"]:
        with pytest.raises(WeightsError, match="cannot name"):
            install(sound, "vae", name)
    altered(sound, metrics={})
    with pytest.raises(WeightsError, match="altered"):
        install(sound, "vae", "mine")
    assert not home.exists()


def test_another_prior_is_replaced_only_when_asked(tmp_path: Path, home: Path, sound: Path) -> None:
    other = tmp_path / "other.safetensors"
    write_prior(other, {"a": torch.ones(1)}, CARD)
    target = install(sound, "vae", "mine")
    assert install(sound, "vae", "mine") == target
    with pytest.raises(WeightsError, match="another trained prior vae:mine"):
        install(other, "vae", "mine")
    assert target.read_bytes() == sound.read_bytes()
    assert install(other, "vae", "mine", overwrite=True).read_bytes() == other.read_bytes()


def test_names_and_cards_import_neither_torch_nor_numpy(sound: Path, home: Path) -> None:
    program = (
        "import sys; from invkit.files.store import names, read_card;"
        "from invkit.plugin.registry import Registry;"
        f"names(Registry(), 'vae'); read_card({str(sound)!r});"
        "print([m for m in ('torch', 'numpy', 'PIL') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
