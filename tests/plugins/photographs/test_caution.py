"""``caution``: sharp pictures come back to the bit, doubtful ones softened, all others untouched."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import invkit
from invkit import Problem, Solution, Status
from invkit.errors import InputError
from invkit.solving import Given
from invkit_photographs.caution import Caution
from tests.plugins.photographs.pictures import blur, hook, pixel, train_picture

UNKNOWN = "linconv?mode=same&boundary=unknown"
STAGES = ["kernelsearch", "tv hold=w", "caution hold=w"]
ALL = tuple(Status)


def problem() -> Problem:
    return Problem(invkit.operator(UNKNOWN), (Given(hook()), invkit.prior("darkchannel")))


def start_for(y: Tensor, status: Status, seed: int = 0) -> Solution:
    """What a stage before may have found: x that differs from y."""
    blank = invkit.solver("tv?steps=1").solve(problem(), y, torch.Generator())
    x = y + 0.1 * torch.randn(y.shape, generator=torch.Generator().manual_seed(seed))
    return attrs.evolve(blank, x=x, status=(status,) * len(y))


def picture(seed: int = 0, n: int = 1) -> Tensor:
    return torch.rand(n, 1, 16, 18, generator=torch.Generator().manual_seed(seed))


def cautious(y: Tensor, start: Solution, solver: Caution = Caution()) -> Solution:  # noqa: B008
    return solver.solve(problem(), y, torch.Generator(), start=start)


@pytest.mark.parametrize("status", ALL)
def test_every_status(status: Status) -> None:
    y = picture()
    start = start_for(y, status)
    found = cautious(y, start)
    if status is Status.SHARP:
        assert torch.equal(found.x, y) and found.x_kernel is None
    elif status is Status.DOUBTFUL:
        assert not torch.equal(found.x, start.x) and not torch.equal(found.x, y)
        assert torch.equal(found.x_kernel, start.x)  # type: ignore[arg-type]
    else:
        assert torch.equal(found.x, start.x) and found.x_kernel is None
    assert found.status == (status,)
    assert torch.equal(found.w, hook()[None]) and found.latents[0].shape == (1, 0)


@given(
    seed=st.integers(0, 99),
    share=st.floats(0.01, 1),
    reach=st.floats(1e-4, 1),
)
def test_a_doubtful_picture_keeps_neither_more_than_its_share_nor_than_its_reach(
    seed: int, share: float, reach: float
) -> None:
    y = picture(seed)
    start = start_for(y, Status.DOUBTFUL, seed)
    kept = cautious(y, start, Caution(share, reach)).x - y
    change = start.x - y
    size = float(change.square().mean().sqrt())
    torch.testing.assert_close(kept, min(share, reach / size) * change, rtol=1e-3, atol=1e-6)
    assert float(kept.square().mean().sqrt()) <= min(reach, share * size) * (1 + 1e-3)


def test_a_doubtful_picture_without_a_change_stays() -> None:
    y = picture()
    start = attrs.evolve(start_for(y, Status.DOUBTFUL), x=y)
    assert torch.equal(cautious(y, start).x, y)


def test_each_of_a_batch_by_its_own_status() -> None:
    y = picture(n=4)
    statuses = (Status.SHARP, Status.DOUBTFUL, Status.DIVERGED, Status.MAX_ITER)
    start = attrs.evolve(start_for(y, Status.MAX_ITER), status=statuses)
    found = cautious(y, start)
    assert torch.equal(found.x[0], y[0]) and torch.equal(found.x[2:], start.x[2:])
    for row, status in enumerate(statuses):
        one = slice(row, row + 1)
        h, m = (each[one] for each in start.latents)
        alone = attrs.evolve(start, x=start.x[one], w=start.w[one], latents=(h, m), status=(status,))
        alone = attrs.evolve(alone, residual=start.residual[one])
        assert torch.equal(cautious(y[row : row + 1], alone).x[0], found.x[row])
    assert torch.equal(found.x_kernel, start.x)  # type: ignore[arg-type]


def test_the_stages_of_a_photograph_that_is_not_blurred(data_folder: Path) -> None:
    y = blur(train_picture(data_folder, 20, 110), pixel(1), 0.01)
    solution = invkit.compose(UNKNOWN, ["blind", "darkchannel"], STAGES)(y)
    assert solution.status == (Status.SHARP,)
    assert torch.equal(solution.x, y) and solution.x_kernel is None
    assert solution.notes is not None and solution.notes[0]["family"] == "single pixel"


def test_the_stages_of_a_blurred_photograph_sure_and_doubtful(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same kernel, of which one is sure, and is not."""
    y = blur(train_picture(data_folder, 20, 120), hook(), 0.01)
    priors = ["blind?size=9", "darkchannel"]
    sure = invkit.compose(UNKNOWN, priors, ["kernelsearch?doubt=0", *STAGES[1:]])(y)
    assert sure.status[0] in (Status.MAX_ITER, Status.CONVERGED) and sure.x_kernel is None
    monkeypatch.setattr("invkit_photographs.kernelsearch.certainty", lambda outcome: 0.2)
    unsure = invkit.compose(UNKNOWN, priors, STAGES)(y)
    assert unsure.status == (Status.DOUBTFUL,)
    assert float(unsure.confidence) == pytest.approx(0.2)  # type: ignore[arg-type]
    assert torch.equal(unsure.x_kernel, sure.x) and torch.equal(unsure.w, sure.w)  # type: ignore[arg-type]
    assert (unsure.x - y).square().mean().sqrt() <= 0.01 * 1.001 < (sure.x - y).square().mean().sqrt()
    assert unsure.notes == sure.notes


def test_a_known_kernel_is_never_doubted() -> None:
    """Alone after another stage: its picture is left as it is."""
    y = picture()
    plain = invkit.compose(UNKNOWN, [Given(hook()), "darkchannel"], "tv")(y)
    last = invkit.compose(UNKNOWN, [Given(hook()), "darkchannel"], ["tv", "caution hold=w"])(y)
    assert torch.equal(plain.x, last.x) and plain.status == last.status


@pytest.mark.parametrize("options", [{"share": 0.0}, {"share": 1.1}, {"reach": 0.0}, {"reach": -1.0}])
def test_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(invkit.errors.SpecError, match=next(iter(options))):
        invkit.solver({"kind": "caution", **options})


def test_what_it_refuses() -> None:
    y = picture()
    with pytest.raises(InputError, match=r"is a last stage.*caution hold=w"):
        Caution().solve(problem(), y, torch.Generator())
    with pytest.raises(InputError, match=r"is a last stage.*caution hold=w"):
        free = Problem(invkit.operator(UNKNOWN), (invkit.prior("blind?size=9"), invkit.prior("darkchannel")))
        Caution().solve(free, y, torch.Generator(), start=start_for(y, Status.SHARP))
    valid = ["linconv?mode=valid", [Given(hook()), "darkchannel"], ["tv", "caution hold=w"]]
    with pytest.raises(InputError, match=r"keeps the shape, e.g. linconv\?boundary=unknown"):
        invkit.compose(*valid)(torch.rand(1, 1, 24, 24))
