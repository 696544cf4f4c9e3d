"""Pages of text: seeded, of 8 bits, of two values but for the rims of strokes, in the size asked for."""

from __future__ import annotations

import pytest
import torch

import invkit
from invkit.errors import InputError
from invkit_datasets.pages import Pages


def test_a_seed_is_a_page() -> None:
    first = Pages(64).draw(6, torch.Generator().manual_seed(0))
    assert first.shape == (6, 1, 64, 64) and torch.equal((first * 255).round() / 255, first)
    assert torch.equal(Pages(64).draw(3, torch.Generator().manual_seed(0)), first[:3])
    assert not torch.equal(Pages(64).draw(3, torch.Generator().manual_seed(1)), first[:3])
    assert torch.pdist(first.flatten(1)).min() > 1


def test_most_pixels_have_one_of_two_values_far_apart() -> None:
    for page in Pages(128).draw(8, torch.Generator().manual_seed(2)):
        low, high = page.min(), page.max()
        assert high - low > 0.6
        rims = ((page > low + 0.1) & (page < high - 0.1)).float().mean()
        ink = (page < (low + high) / 2).float().mean()
        assert rims < 0.25 and 0.03 < ink < 0.97


def test_some_pages_are_light_on_dark() -> None:
    means = Pages(64).draw(40, torch.Generator().manual_seed(3)).mean((1, 2, 3))
    assert 1 <= (means < 0.5).sum() <= 20


def test_it_is_found_by_name_and_refuses_what_is_too_small() -> None:
    assert invkit.dataset("pages?size=40").take(torch.tensor([5]), "test").shape == (1, 1, 40, 40)
    with pytest.raises(InputError, match="size=15 is too small for text; give 16 or more"):
        Pages(15)
