"""Blocks: the table and the plain Gram matrices agree, and spectra keep lengths."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given

from invkit_gaussian import fourier
from invkit_gaussian.fourier import Block
from invkit_gaussian.moments import Moments, bin_weights, half_spectrum, signal_of
from tests.plugins.gaussian.classes import Case, classes, moments_of


def test_the_table_gives_the_gram_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = moments_of("joint", 3, (5, 6), 7)
    tabulated = Block(moments.basis, moments.spectrum, 0.0)
    monkeypatch.setattr(fourier, "_TABLE_LIMIT", 0)
    direct = Block(moments.basis, moments.spectrum, 0.0)
    weights = torch.rand(4, 3 * 5 * 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    v = tabulated.rows
    expected = torch.einsum("nf,fr,fs->nrs", weights.to(v.dtype), v.conj(), v).real
    torch.testing.assert_close(tabulated.gram(weights), expected)
    torch.testing.assert_close(direct.gram(weights), expected)


@pytest.mark.parametrize("colour", ["joint", "axes"])
def test_evidence_and_mean_are_the_same_without_a_table(colour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case.draw(moments_of(colour, 3, (4, 4), 5), "circconv")
    arguments = (case.linear, case.nuisance, case.variance)
    with_table = case.marginal(*arguments), case.marginal.mean(*arguments)
    monkeypatch.setattr(fourier, "_TABLE_LIMIT", 0)
    torch.testing.assert_close((case.marginal(*arguments), case.marginal.mean(*arguments)), with_table)


@given(classes())
def test_spectra_keep_lengths_and_come_back(moments: Moments) -> None:
    block = Block(moments.basis, moments.spectrum, 0.0)
    shape = (2, block.channels, *block.size)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    bins = block.spectra(x)
    torch.testing.assert_close(bins.abs().square().sum((1, 2)), x.square().sum((1, 2, 3)))
    torch.testing.assert_close(block.signals(bins), x)


@pytest.mark.parametrize("size", [(4, 5), (5, 4), (1, 1), (3, 2)])
def test_half_spectra_count_every_bin_once(size: tuple[int, int]) -> None:
    x = torch.randn(2, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    half, full = half_spectrum(x), torch.fft.fft2(x, norm="ortho")
    weights = bin_weights(size, x)
    assert weights.sum() == x[0].numel()
    torch.testing.assert_close((half.abs().square() * weights).sum((1, 2)), full.abs().square().sum((1, 2)))
    torch.testing.assert_close(signal_of(half, size), x)
