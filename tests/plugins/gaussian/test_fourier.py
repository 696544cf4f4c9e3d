"""Blocks: the table and the plain Gram matrices agree, and spectra keep lengths."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given

from invkit_gaussian import fourier
from invkit_gaussian.fourier import Block
from invkit_gaussian.moments import Moments, half_spectrum, signal_of
from tests.plugins.gaussian.classes import Case, classes, moments_of


@pytest.mark.parametrize("limit", [{}, {"_TABLE_LIMIT": 0}, {"_READ_LIMIT": 0}], ids=str)
@pytest.mark.parametrize("strip", [2, 3, 128])
@pytest.mark.parametrize("count", [1, 4])
def test_gram_matrices_and_forms_with_a_table_and_without(
    limit: dict[str, int], strip: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"_STRIP": strip, **limit}.items():
        monkeypatch.setattr(fourier, name, value)
    moments = moments_of("joint", 3, (5, 6), 7)
    block, rng = Block(moments.basis, moments.spectrum, 0.0), torch.Generator().manual_seed(0)
    weights = torch.rand(count, 3 * 5 * 4, generator=rng, dtype=torch.float64)
    v = block.rows
    expected = torch.einsum("nf,fr,fs->nrs", weights.to(v.dtype), v.conj(), v).real
    torch.testing.assert_close(block.gram(weights), expected)
    matrices = torch.rand(count, 7, 7, generator=rng, dtype=torch.float64)
    matrices = matrices + matrices.mT
    torch.testing.assert_close(
        block.forms(matrices), torch.einsum("nrs,fr,fs->nf", matrices.to(v.dtype), v.conj(), v).real
    )


@pytest.mark.parametrize("limit", [{}, {"_TABLE_LIMIT": 0}], ids=str)
@pytest.mark.parametrize("colour", ["joint", "axes"])
def test_components_are_zero_where_they_hold_little(
    colour: str, limit: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in limit.items():
        monkeypatch.setattr(fourier, name, value)
    moments = moments_of(colour, 3, (5, 6), 4)
    block = Block(moments.basis, moments.spectrum, 0.3)
    share = block.rows.abs().square().sum(1) / block.counts.repeat(block.channels)
    share = share / (block.power + block.free).flatten()
    sparse = block.concentrated(float(share.median()))
    here = share >= share.median()
    # the same written out: rows of zeros where there are no components
    plain = Block(moments.basis, moments.spectrum, 0.3)
    plain.rows = plain.rows * here[:, None]
    plain._real = fourier._parts(plain.rows)
    z, weights, a, v = _numbers(2, 4), _numbers(2, len(here)), _numbers(2), _numbers(2, 2 * len(here))
    spectra = torch.view_as_complex(v.view(2, -1, 2)).unflatten(1, (block.channels, -1))
    square, each = z[:, :, None] * z[:, None], weights.view(spectra.shape)
    torch.testing.assert_close(sparse.span(z, a), plain.span(z, a))
    torch.testing.assert_close(sparse.project(spectra, each), plain.project(spectra, each))
    torch.testing.assert_close(sparse.gram(weights), plain.gram(weights))
    torch.testing.assert_close(sparse.forms(square), plain.forms(square))
    # what components held elsewhere is the remainder's
    one, counts = torch.eye(4, dtype=z.dtype)[None], block.counts.repeat(block.channels)
    found, expected = (it.power.flatten() + it.forms(one)[0] / counts for it in (sparse, block))
    torch.testing.assert_close(found, expected)


def _numbers(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)


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
def test_half_spectra_lead_back_to_their_signals(size: tuple[int, int]) -> None:
    x = torch.randn(2, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    half = half_spectrum(x)
    torch.testing.assert_close(half, torch.fft.fft2(x, norm="ortho")[..., : half.shape[-1]])
    torch.testing.assert_close(signal_of(half, size), x)
