"""The diagonal posterior agrees with the dense one, which knows nothing of the DFT."""

from __future__ import annotations

import pytest
import torch

from invkit.contracts.linear import LinearOperator
from invkit_gaussian.dense import Dense
from invkit_gaussian.diagonal import Diagonal
from tests.plugins.gaussian.classes import Case, moments_of


class Opaque(LinearOperator):
    """The same operator without its spectrum."""

    def __init__(self, inner: LinearOperator) -> None:
        super().__init__()
        self.inner = inner
        self.input_shape, self.output_shape = inner.input_shape, inner.output_shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.inner(x)
        return made

    def adjoint(self, r: torch.Tensor) -> torch.Tensor:
        return self.inner.adjoint(r)


@pytest.mark.parametrize("texture", [False, True])
@pytest.mark.parametrize(("colour", "channels"), [("joint", 3), ("axes", 1), ("axes", 3)])
def test_both_posteriors_agree(colour: str, channels: int, texture: bool) -> None:
    case = Case.draw(moments_of(colour, channels, (4, 5), 3, contrast=True, texture=texture), "circconv")
    marginal, rest = case.marginal, (case.nuisance, case.variance)
    found, other = marginal.posterior(case.linear, *rest), marginal.posterior(Opaque(case.linear), *rest)
    assert isinstance(found, Diagonal) and isinstance(other, Dense)
    torch.testing.assert_close(found.evidence(), other.evidence())
    torch.testing.assert_close(found.mean(), other.mean())
    v = torch.randn(found.mean().shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(found.uncertainty(v), other.uncertainty(v))


def test_both_draw_the_same_from_the_same_seed() -> None:
    case = Case.draw(moments_of("axes"), "circconv")
    found, other = (
        case.marginal.sample(linear, case.nuisance, case.variance, torch.Generator().manual_seed(0))
        for linear in (case.linear, Opaque(case.linear))
    )
    torch.testing.assert_close(found, other)


def test_one_operator_serves_all_measurements() -> None:
    case = Case.draw(moments_of("axes"), "circconv")
    shared = case.operator.given(w=case.w[:1], x_shape=(3, 4, 5))
    every = case.operator.given(w=case.w[:1].expand(3, -1, -1, -1), x_shape=(3, 4, 5))
    rest = (case.nuisance, case.variance)
    torch.testing.assert_close(case.marginal(shared, *rest), case.marginal(every, *rest))
