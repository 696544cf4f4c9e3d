"""Latents of given signals; Adam by rows; where a solve that starts from a solution begins."""

from __future__ import annotations

import attrs
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit import InputError, Problem, Solution
from invkit.contracts.noise import Gaussian
from invkit.solving import Adam, admissible, closest, descents, encoded, restated, start_latents
from invkit.testing._problems import Elementwise, Free, Kernels, Subspace, UnitSum
from tests.strategies import seeds


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plane(seed: int = 0) -> Subspace:
    return Subspace((1, 6), 2, torch.Generator().manual_seed(seed))


def solution(w: Tensor | None, x: Tensor, h: Tensor | None, m: Tensor | None) -> Solution:
    problem = Problem(Elementwise(), (Free((1, 6)), Free((1, 6))))
    made = invkit.solver("altgd?steps=1,restarts=1").solve(problem, x, torch.Generator().manual_seed(0))
    return attrs.evolve(made, w=w, x=x, latents=(h, m))


@given(seed=seeds, steps=st.integers(1, 8))
def test_adam_is_torchs_row_by_row(seed: int, steps: int) -> None:
    start, gradients = normal(seed, 3, 2, 2), normal(seed + 1, steps, 3, 2, 2)
    ours, adam = start, Adam(start)
    theirs = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([theirs], lr=0.1, betas=(0.9, 0.99))
    alone, own = start[1:2], Adam(start[1:2])
    for gradient in gradients:
        ours = ours - 0.1 * adam(gradient)
        alone = alone - 0.1 * own(gradient[1:2])
        theirs.grad = gradient.clone()
        optimiser.step()
    torch.testing.assert_close(ours, theirs.detach())
    torch.testing.assert_close(ours[1:2], alone)


def test_adam_goes_on_with_some_rows_and_without_numbers_that_are_not_finite() -> None:
    first, second = normal(0, 3, 4), normal(1, 3, 4)
    whole, some = Adam(first), Adam(first)
    whole(first), some(first)
    some.select(torch.tensor([2, 0]))
    torch.testing.assert_close(some(second[[2, 0]]), whole(second)[[2, 0]])
    spoilt = Adam(first)
    direction = spoilt(first.index_fill(0, torch.tensor([1]), torch.nan))
    assert torch.isfinite(direction).all() and (direction[1] == 0).all()


@given(seed=seeds)
@settings(max_examples=5)
def test_the_closest_point_of_a_plane_is_the_projection(seed: int) -> None:
    prior, signal = plane(seed), normal(seed + 1, 2, 1, 6)
    found = closest(prior, signal, normal(seed + 2, 2, 2))
    torch.testing.assert_close(found, prior.encode(signal), atol=2e-2, rtol=0)
    torch.testing.assert_close(encoded(prior, signal, torch.Generator()), prior.encode(signal))


def test_what_is_best_never_gets_worse_and_has_no_graph() -> None:
    prior, signal, starts = UnitSum((1, 6)), normal(0, 2, 1, 6).abs(), normal(1, 2, 3, 1, 6)
    path = list(descents(prior, signal, starts, steps=30, rate=5.0, weight=0.1))
    assert len(path) == 31 and torch.equal(path[0].latent, starts)
    objectives = torch.stack([found.objective for found in path])
    assert (objectives.diff(dim=0) <= 0).all() and (objectives[-1] < objectives[0]).all()
    assert not any(found.latent.requires_grad or found.objective.requires_grad for found in path)
    made = prior(path[-1].latent.flatten(0, 1)).reshape(2, 3, 1, 6)
    torch.testing.assert_close(path[-1].error, (made - signal[:, None]).square().sum((2, 3)))


def test_entries_without_weight_are_left_out() -> None:
    prior, signal = plane(), normal(0, 1, 1, 6)
    mask = torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0, 0.0]).expand(1, 1, 6)
    spoilt = signal + 10 * (1 - mask)
    found = [
        list(descents(prior, each, torch.zeros(1, 1, 2, dtype=torch.float64), noise=Gaussian(mask)))[-1]
        for each in (signal, spoilt)
    ]
    assert torch.equal(found[0].latent, found[1].latent)
    basis = prior.basis[:4]
    expected = torch.linalg.lstsq(basis, signal[0, 0, :4] - prior.mean[:4]).solution
    torch.testing.assert_close(found[0].latent[0, 0], expected, atol=2e-2, rtol=0)


def test_without_an_encoder_the_closest_is_searched_for_and_equal_signals_have_equal_latents() -> None:
    prior = UnitSum((1, 4))
    signal = normal(0, 1, 1, 4).softmax(2)
    found = encoded(prior, signal.expand(3, 1, 4), torch.Generator().manual_seed(0))
    torch.testing.assert_close(prior(found), signal.expand(3, 1, 4), atol=1e-2, rtol=0)
    assert torch.equal(found[0], found[2])


def test_a_start_keeps_latents_that_fit_and_encodes_the_signal_where_they_do_not() -> None:
    rng, w, x = torch.Generator(), normal(0, 2, 1, 6).softmax(2), normal(1, 2, 1, 6)
    problem = Problem(Elementwise(), (Kernels((1, 6)), plane()))
    h, m = normal(2, 2, 1, 6), normal(3, 2, 2)
    both = solution(w, x, h, m)
    assert start_latents(both, problem, 0, rng) is h and start_latents(both, problem, 1, rng) is m
    other = solution(w, x, None, normal(4, 2, 5))
    torch.testing.assert_close(problem.priors[0](start_latents(other, problem, 0, rng)), w)
    torch.testing.assert_close(start_latents(other, problem, 1, rng), plane().encode(x))
    with pytest.raises(InputError, match=r"has no w.*start from one"):
        start_latents(solution(None, x, None, m), problem, 0, rng)
    again = restated(both, problem, rng, kept=(True, False))
    assert again.latents[0] is h
    torch.testing.assert_close(again.latents[1], plane().encode(x))
    assert restated(solution(None, x, None, m), problem, rng).latents[0] is None


def test_signals_are_made_admissible() -> None:
    signal = torch.tensor([[-1.0 + 2j, 0.5 - 1j]])
    prior = invkit.Given(torch.zeros(2))
    prior.bounds = (0.0, 1.0)
    assert torch.equal(admissible(prior, signal), torch.tensor([[0.0, 0.5]]))
    prior.field = "any"
    assert torch.equal(admissible(prior, signal), signal)
    assert torch.equal(admissible(prior, signal.real), torch.tensor([[0.0, 0.5]]))
