"""Synthetic house numbers: seeded, of 8 bits, with every digit, in scale and contrast like SVHN's crops."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import invkit
from invkit.errors import InputError
from invkit_datasets.fonts import Font, find_fonts
from invkit_datasets.housenumbers import HouseNumbers


@pytest.fixture(scope="module")
def numbers() -> HouseNumbers:
    return HouseNumbers()


@pytest.fixture(scope="module")
def drawn(numbers: HouseNumbers) -> torch.Tensor:
    return numbers.draw(300, torch.Generator().manual_seed(0))


def test_a_seed_is_a_picture(numbers: HouseNumbers, drawn: torch.Tensor) -> None:
    again = HouseNumbers().draw(20, torch.Generator().manual_seed(0))
    assert torch.equal(again, drawn[:20])  # and the first do not depend on how many follow
    assert not torch.equal(numbers.draw(20, torch.Generator().manual_seed(1)), drawn[:20])


def test_they_are_pictures_of_8_bits(numbers: HouseNumbers, drawn: torch.Tensor) -> None:
    assert drawn.shape == (300, 3, 32, 32) and drawn.min() >= 0 and drawn.max() <= 1
    assert torch.equal((drawn * 255).round() / 255, drawn)
    assert numbers.draw(0, torch.Generator()).shape == (0, 3, 32, 32)


def test_a_split_gives_what_was_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HouseNumbers, "chunk", 10)
    data = HouseNumbers()
    first = data.take(torch.tensor([3, 12, 3]), "train")
    assert torch.equal(first[0], first[2]) and not torch.equal(first[0], first[1])
    assert torch.equal(first, HouseNumbers().take(torch.tensor([3, 12, 3]), "train"))
    assert not torch.equal(data.take(torch.tensor([3]), "validation"), first[:1])
    seed = data._seed("train", 0)
    assert torch.equal(data.draw(10, torch.Generator().manual_seed(seed))[3], first[0])


def test_no_picture_is_blank_and_they_differ(drawn: torch.Tensor) -> None:
    grey = drawn.mean(1).flatten(1)
    assert (grey.std(1) > 0.005).all() and (grey.std(1) > 0.03).float().mean() > 0.9
    assert torch.pdist(drawn.flatten(1)).min() > 0.5


def statistics(images: torch.Tensor) -> dict[str, float]:
    grey = images.mean(1)
    return {
        "mean": grey.mean().item(),
        "contrast": grey.flatten(1).std(1).median().item(),
        "slope": (grey[..., 1:] - grey[..., :-1]).abs().mean().item(),
        "colour": (images - grey[:, None]).square().mean().sqrt().item(),
    }


def test_they_are_like_crops_of_svhn(drawn: torch.Tensor, data_folder: Path) -> None:
    if not (data_folder / "svhn").is_dir():
        pytest.skip("no svhn in the data folder")
    svhn = invkit.dataset(f"svhn?path={data_folder / 'svhn'}")
    crops = torch.cat([svhn.take(torch.arange(size), split) for split, size in svhn.splits.items()])
    ours, theirs = statistics(drawn), statistics(crops)
    assert ours["mean"] == pytest.approx(theirs["mean"], abs=0.1)
    for key in ("contrast", "slope", "colour"):
        assert theirs[key] / 1.6 < ours[key] < theirs[key] * 1.6, key
    centre = crops.flatten(1).mean(0)
    own = torch.pca_lowrank(drawn.flatten(1), q=150)[2]
    ours_centre = drawn.flatten(1).mean(0)
    rest = crops.flatten(1) - ours_centre
    left = (rest - rest @ own @ own.T).square().mean()
    assert left < 0.06 * (crops.flatten(1) - centre).square().mean()  # components of ours explain theirs


def test_every_digit_is_drawn_by_every_font() -> None:
    for font in find_fonts():
        masks = font.draw("0123456789", 2)
        assert len({mask.shape[0] for mask in masks}) == 1 and all(mask.max() > 200 for mask in masks)


def test_there_is_always_a_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invkit_datasets.fonts._system_folders", lambda: [Path("nowhere")])
    assert find_fonts() == [Font()]
    alone = HouseNumbers()
    assert alone.draw(3, torch.Generator().manual_seed(0)).std() > 0.05


def test_fonts_are_part_of_the_fingerprint(monkeypatch: pytest.MonkeyPatch, numbers: HouseNumbers) -> None:
    if len(numbers.fonts) < 2:
        pytest.skip("the system has no fonts")
    monkeypatch.setattr("invkit_datasets.fonts._system_folders", lambda: [])
    assert HouseNumbers().fingerprint() != numbers.fingerprint()


def test_a_folder_of_fonts(tmp_path: Path, numbers: HouseNumbers) -> None:
    with pytest.raises(InputError, match=re.escape("holds no font with digits")):
        HouseNumbers(tmp_path)
    with pytest.raises(InputError, match=re.escape("is not a folder")):
        invkit.dataset(f"housenumbers?fonts={tmp_path / 'none'}")
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    with pytest.raises(InputError, match="holds no font"):
        HouseNumbers(tmp_path)
    files = [font.path for font in numbers.fonts if font.path is not None]
    if files:
        (tmp_path / files[0].name).write_bytes(files[0].read_bytes())
        assert [font.path for font in HouseNumbers(tmp_path).fonts] == [tmp_path / files[0].name]
