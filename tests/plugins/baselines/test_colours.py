"""The colours that total variation is taken of."""

from __future__ import annotations

import pytest
import torch

from invkit_baselines.colours import opponent, recoloured, unchanged
from tests.plugins.baselines.known import draw


@pytest.mark.parametrize("channels", [2, 3, 7])
def test_luma_is_the_sum_and_chroma_is_what_channels_differ_by(channels: int) -> None:
    like = draw(0, 1, channels, 4, 5)
    palette = opponent(channels, 3.0, like)
    torch.testing.assert_close(recoloured(recoloured(like, palette.matrix), palette.inverse), like)
    z = recoloured(like, palette.matrix)
    torch.testing.assert_close(z[:, 0], like.sum(1) / channels**0.5)
    apart = like - like.mean(1, keepdim=True)
    torch.testing.assert_close(z[:, 1:].square().sum(1), 9 * apart.square().sum(1))
    assert not palette.plain


def test_unchanged_colours_are_plain() -> None:
    assert unchanged(3, draw(0, 1, 3, 2, 2)).plain
