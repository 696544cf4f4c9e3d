"""Plug-and-play: right where the answer is known, better than the input with a smoother, and refusals."""

from __future__ import annotations

import attrs
import pytest
import torch
from torch import Tensor

import invkit
from invkit.contracts.generator import Generator
from invkit.contracts.linear import Window
from invkit.contracts.monitor import Monitor, Progress
from invkit.contracts.noise import Gaussian
from invkit.contracts.solution import Rivals, Solution, Status
from invkit.errors import InputError, SpecError
from invkit.solving import Stage
from invkit_denoiser import pnp
from invkit_denoiser.pnp import PlugAndPlay
from invkit_denoiser.prediction import Predicted

SIGMA = 0.05


class Steps(Monitor):
    """Notes the steps that it is told of."""

    def __init__(self, told: list[int]) -> None:
        self.told = told

    def on_step(self, progress: Progress) -> None:
        assert progress.best()[1].isfinite().all()
        self.told.append(progress.step)


def shrunk(noisy: Tensor, sigma: Tensor) -> Tensor:
    """The exact denoiser of pixels N(½, ¼²)."""
    share = 0.25**2 / (0.25**2 + sigma[:, None, None, None] ** 2)
    return 0.5 + share * (noisy - 0.5)


def smoothed(noisy: Tensor, sigma: Tensor) -> Tensor:
    """Total variation by a few steps: a denoiser without training."""
    shape = tuple(noisy.shape[1:])
    delta = invkit.Given(torch.ones(1, 1, 1).to(noisy))
    solver = invkit.solver("tv", weight_x=float(sigma[0]) * 0.8, steps=30)
    prior = invkit.prior("identity").shaped(shape)
    return invkit.compose("linconv", [delta, prior], solver)(noisy).x


def kernel(size: int = 5) -> Tensor:
    w = torch.rand(1, size, size, generator=torch.Generator().manual_seed(1)) ** 3
    return w / w.sum()


def blocks(side: int) -> Tensor:
    tiles = torch.rand(2, 1, 6, 6, generator=torch.Generator().manual_seed(2))
    return torch.nn.functional.interpolate(tiles, size=(side, side))


def noisy(y: Tensor) -> Tensor:
    return y + SIGMA * torch.randn(y.shape, generator=torch.Generator().manual_seed(3))


def test_the_posterior_mean_where_it_is_known() -> None:
    """Without a blur and with a Gaussian prior the fixed point is the posterior's mode, its mean."""
    x = 0.5 + 0.25 * torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    y = noisy(x)
    solver = PlugAndPlay(steps=40, first=SIGMA, weight=1.0)
    prior = invkit.denoiser(shrunk, 1)
    prior.bounds = (-10.0, 10.0)
    delta = invkit.Given(torch.ones(1, 1, 1))
    made = invkit.compose("linconv", [delta, prior], solver, noise=f"gaussian?sigma={SIGMA}")(y).x
    # x̂ = argmin (y − x)²/σ² + (x − z)²/σ² with z = shrunk(x̂): z = ½ + a (x̂ − ½), a = 1/(1 + σ²/¼²)
    share = 0.25**2 / (0.25**2 + SIGMA**2)
    expected = 0.5 + share * (y - 0.5) / (2 - share)
    assert torch.allclose(made, expected, atol=1e-4)


@pytest.mark.parametrize("operator", ["circconv", "linconv?boundary=unknown"])
def test_it_is_better_than_the_measurement(operator: str) -> None:
    x = blocks(40)
    y = noisy(invkit.operator(operator)(kernel().expand(2, 1, 5, 5), x))
    deblur = invkit.compose(operator, [invkit.Given(kernel()), invkit.denoiser(smoothed, 1)], "pnp?steps=6")
    solution = deblur(y)
    gain = invkit.metrics.psnr(solution.x, x) - invkit.metrics.psnr(y, x)
    assert float(gain.min()) > 2 and solution.status == ("converged", "converged")
    assert float(solution.x.min()) >= 0 and float(solution.x.max()) <= 1
    assert torch.allclose(deblur(y[1:]).x, solution.x[1:], atol=1e-4)


def test_missing_pixels_are_filled_in() -> None:
    x = blocks(40)[:1]
    y = noisy(invkit.operator("circconv")(kernel()[None], x))
    y[..., ::7, ::3] = torch.nan
    known = [invkit.Given(kernel()), invkit.denoiser(smoothed, 1)]
    solution = invkit.compose("circconv", known, "pnp?steps=6", noise="gaussian?missing=nan")(y)
    assert float(invkit.metrics.psnr(solution.x, x)) > 20


def test_what_it_cannot_do_is_refused() -> None:
    y = torch.rand(1, 1, 16, 16)
    denoiser = invkit.denoiser(shrunk, 1)
    with pytest.raises(InputError, match=r"needs a kernel to begin with.*let a blind stage find it first"):
        invkit.compose("circconv", ["simplex?size=5", denoiser], "pnp")(y)
    with pytest.raises(InputError, match="removes noise"):
        invkit.compose("circconv", [invkit.Given(kernel()), "identity"], "pnp")(y)
    with pytest.raises(InputError, match="takes Gaussian noise"):
        invkit.compose("circconv", [invkit.Given(kernel()), denoiser], "pnp", noise="poisson")(y)


@pytest.mark.parametrize(("crossover", "share"), [(SIGMA, 0.5), (3 * SIGMA, 0.1)])
def test_in_noise_it_gives_way_to_the_image_found_before(crossover: float, share: float) -> None:
    x = blocks(24)
    y = noisy(invkit.operator("circconv")(kernel().expand(2, 1, 5, 5), x))
    known, denoiser = invkit.Given(kernel()), invkit.denoiser(smoothed, 1)

    def image(*then: str) -> Tensor:
        made = [Stage(invkit.solver(each), x=denoiser, hold="w") for each in then]
        stages = [Stage(invkit.solver("tv?steps=20")), *made]
        noise = f"gaussian?sigma={SIGMA}"
        return invkit.compose("circconv", [known, "identity?penalty=tv"], stages, noise=noise)(y).x

    before, alone = image(), image("pnp?steps=3")
    assert not torch.allclose(before, alone, atol=1e-2)
    both = image(f"pnp?steps=3,crossover={crossover}")
    torch.testing.assert_close(both, (1 - share) * alone + share * before.clamp(0, 1))


def test_it_begins_at_the_image_found_before() -> None:
    """What the blur has erased is not in the measurement, and the denoiser here adds nothing."""
    x = blocks(24)[:1]
    w = torch.ones(1, 1, 8) / 8  # a third of the frequencies across are erased, or nearly
    y = noisy(invkit.operator("circconv")(w[None], x))
    nothing = invkit.denoiser(lambda noisy, sigma: noisy, 1)

    deblur = invkit.compose("circconv", [invkit.Given(w), nothing], "pnp?steps=2")
    alone = deblur(y)
    after = deblur(y, start=attrs.evolve(alone, x=x))
    assert float((after.x - x).square().mean()) < 0.6 * float((alone.x - x).square().mean())


def test_a_crossover_is_positive() -> None:
    with pytest.raises(SpecError, match="crossover"):
        invkit.solver("pnp", crossover=0)


def test_tiles_make_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    x = blocks(90)[:1]
    y = noisy(invkit.operator("linconv?boundary=unknown")(kernel()[None], x))
    known = [invkit.Given(kernel()), invkit.denoiser(shrunk, 1)]
    deblur = invkit.compose("linconv?boundary=unknown", known, "pnp?steps=4")
    whole = deblur(y)
    monkeypatch.setattr(pnp, "AREA", 1500)
    told: list[int] = []
    monitor = Steps(told)
    apart = deblur(y, monitors=[monitor])
    assert float((whole.x - apart.x).abs().max()) < 0.04 and float((whole.x - apart.x).std()) < 0.01
    assert told == sorted(told) and told[-1] == 4


def test_a_kernel_that_varies_is_met_tile_by_tile() -> None:
    x = blocks(80)[:1]
    ramp = torch.linspace(0, 1, 4)[:, None, None]
    kernels = (1 - ramp) * kernel() + ramp * kernel().flip(1, 2)
    operator = invkit.operator("filterflow?tiles=2x2&boundary=unknown")
    y = noisy(operator(kernels[None], x))
    prior = invkit.denoiser(smoothed, 1)
    varying = invkit.compose(operator, [invkit.Given(kernels), prior], "pnp?steps=5")(y)
    one = invkit.compose(operator, [invkit.Given(kernels.mean(0, keepdim=True)), prior], "pnp?steps=5")(y)
    assert float(invkit.metrics.psnr(varying.x, x)) > float(invkit.metrics.psnr(one.x, x)) > 20


def test_saturated_pixels_do_not_ring() -> None:
    x = 0.4 * blocks(40)[:1]
    x[..., 15:18, 15:18] = 3.0
    y = invkit.operator("circconv")(kernel()[None], x).clamp(max=1)
    known = [invkit.Given(kernel()), invkit.denoiser(smoothed, 1)]
    made = invkit.compose("circconv", known, "pnp?steps=6", noise="gaussian?sigma=0.01")(y).x
    y[..., 0, 0] = 1.01  # nothing but this pixel is at the top now
    rings = invkit.compose("circconv", known, "pnp?steps=6", noise="gaussian?sigma=0.01")(y).x
    far = torch.ones(40, 40, dtype=torch.bool)
    far[12:21, 12:21] = far[:4, :4] = False
    error, other = ((each - x)[..., far].square().mean() for each in (made, rings))
    assert float(error) < 0.5 * float(other)


def nearly(y: Tensor, w: Tensor, x: Tensor | None = None, prior: Generator | None = None) -> Solution:
    """A solution of a kernel that is to be bettered."""
    held = invkit.compose("circconv", [invkit.Given(w), prior or invkit.denoiser(smoothed, 1)], "pnp?steps=3")
    found = held(y)
    return attrs.evolve(found, config=None, latents=(None, None), x=found.x if x is None else x)


@pytest.mark.parametrize("seed", [3, 4])
def test_it_betters_the_kernel_of_the_stage_before(seed: int) -> None:
    x, truth, prior = blocks(40)[:1], kernel(), invkit.prior("denoiser:photographs")
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
    y = invkit.operator("circconv")(truth[None], x) + 0.01 * noise
    wrong = (truth + 0.5 * truth.roll(1, 1)) / 1.5
    deblur = invkit.compose("circconv", ["simplex?size=5", prior], "pnp")
    before = nearly(y, wrong, prior=prior)
    after = deblur(y, start=before)
    assert float(invkit.metrics.kernel_ncc(after.w, truth[None])) > 0.97
    assert float(invkit.metrics.kernel_ncc(before.w, truth[None])) < 0.95
    # most of the way from the wrong kernel to the true one
    wrong_one, bettered = (float(invkit.metrics.psnr(each.x, x)) for each in (before, after))
    ideal = invkit.compose("circconv", [invkit.Given(truth), prior], "pnp")(y)
    assert bettered > wrong_one + 2.5
    assert bettered > float(invkit.metrics.psnr(ideal.x, x)) - 1.5
    torch.testing.assert_close(deblur.priors[0].shaped((1, 5, 5))(after.latents[0]), after.w)


def test_a_weak_denoiser_betters_the_kernel_too() -> None:
    """Total variation in place of a network gains less, and still the kernel comes nearer to the true one."""
    x, truth = blocks(40)[:1], kernel()
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(3))
    y = invkit.operator("circconv")(truth[None], x) + 0.01 * noise
    before = nearly(y, (truth + 0.5 * truth.roll(1, 1)) / 1.5)
    deblur = invkit.compose("circconv", ["simplex?size=5", invkit.denoiser(smoothed, 1)], "pnp")
    after = deblur(y, start=before)
    assert float(invkit.metrics.kernel_ncc(after.w, truth[None])) > 0.97
    assert float(invkit.metrics.psnr(after.x, x)) > float(invkit.metrics.psnr(before.x, x)) + 0.3


def test_a_bettered_kernel_is_as_doubtful_as_it_was() -> None:
    x = blocks(24)
    y = noisy(invkit.operator("circconv")(kernel().expand(2, 1, 5, 5), x))
    notes, sure = ({"strain": 1.0}, {"strain": 2.0}), torch.tensor([0.3, 0.9])
    before = attrs.evolve(
        nearly(y, kernel()), status=(Status.DOUBTFUL, Status.CONVERGED), notes=notes, confidence=sure
    )
    told: list[int] = []
    deblur = invkit.compose("circconv", ["simplex?size=5", invkit.denoiser(smoothed, 1)], "pnp?steps=2")
    after = deblur(y, start=before, monitors=[Steps(told)])
    assert after.status == (Status.DOUBTFUL, Status.CONVERGED)
    assert after.notes == notes and torch.equal(after.confidence, sure)
    assert told == list(range(1, 2 * (pnp.ROUNDS + 2) + 1))
    alone = deblur(y[1:], start=attrs.evolve(before, x=before.x[1:], w=before.w[1:], notes=notes[1:]))
    torch.testing.assert_close(alone.x, after.x[1:], atol=1e-4, rtol=0)


def ambiguous() -> tuple[Tensor, Tensor, Tensor, Solution, Solution]:
    """Image, true kernel, measurement, and two solutions to go on from: the truth with a rival, and the rival
    with the truth as its own.
    """
    x, truth = blocks(40)[:1], torch.zeros(1, 5, 5)
    truth[0, 2] = 0.2
    other = truth.mT.clone()
    rng = torch.Generator().manual_seed(3)
    clean = invkit.operator("circconv")(truth[None], x)
    y = clean + 0.01 * torch.randn(x.shape, generator=rng)
    prior = invkit.prior("simplex?size=5").shaped((1, 5, 5))
    starts = []
    for first, second in ((truth, other), (other, truth)):
        rivals = Rivals(prior.encode(second[None]), torch.tensor([5.0]))
        start = attrs.evolve(nearly(y, first), rivals=(rivals,), confidence=torch.tensor([0.98]))
        starts.append(attrs.evolve(start, notes=({"strain": 1.0},)))
    return x, truth, y, *starts


def test_it_takes_the_rival_by_which_the_denoiser_predicts_better_and_doubts_it() -> None:
    x, truth, y, right, wrong = ambiguous()
    deblur = invkit.compose("circconv", ["simplex?size=5", invkit.denoiser(smoothed, 1)], "pnp")
    kept, changed = deblur(y, start=right), deblur(y, start=wrong)
    for after in (kept, changed):
        assert float(invkit.metrics.kernel_ncc(after.w, truth[None])) > 0.97
        torch.testing.assert_close(deblur.priors[0].shaped((1, 5, 5))(after.latents[0]), after.w)
        assert after.notes == ({"strain": 1.0},) and after.rivals is None
    assert kept.status == (Status.CONVERGED,) and float(kept.confidence) == pytest.approx(0.98)
    assert changed.status == (Status.DOUBTFUL,) and float(changed.confidence) == pytest.approx(0.49)
    assert float(invkit.metrics.psnr(changed.x, x)) > float(invkit.metrics.psnr(wrong.x, x)) + 1


def test_a_rival_that_is_much_less_probable_is_not_taken() -> None:
    _, truth, y, _, wrong = ambiguous()
    assert wrong.rivals is not None
    far = attrs.evolve(wrong.rivals[0], nats=torch.tensor([1e6]))
    deblur = invkit.compose("circconv", ["simplex?size=5", invkit.denoiser(smoothed, 1)], "pnp")
    after = deblur(y, start=attrs.evolve(wrong, rivals=(far,)))
    assert after.status == (Status.CONVERGED,)
    assert float(invkit.metrics.kernel_ncc(after.w, truth[None])) < 0.9


@pytest.mark.parametrize(("behind", "taken"), [(15.0, True), (25.0, False)])
def test_from_what_a_rival_predicts_the_nats_are_subtracted_that_it_was_behind(
    behind: float, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rival that predicts the measurement 20 nats better."""
    _, truth, y, right, _ = ambiguous()
    assert right.rivals is not None
    own = invkit.operator("circconv").given(w=truth[None], x_shape=tuple(y.shape[1:])).window()
    assert own is not None

    def predicted(y: Tensor, window: Window, *_: object) -> Predicted:
        near = float((window.multipliers - own.multipliers).abs().max()) < 0.5
        return Predicted(0.0 if near else 20.0, y)

    monkeypatch.setattr(pnp, "predicted", predicted)
    deblur = invkit.compose("circconv", ["simplex?size=5", invkit.denoiser(smoothed, 1)], "pnp")
    rivals = (attrs.evolve(right.rivals[0], nats=torch.tensor([behind])),)
    after = deblur(y, start=attrs.evolve(right, rivals=rivals))
    assert (after.status == (Status.DOUBTFUL,)) == taken
    assert (float(invkit.metrics.kernel_ncc(after.w, truth[None])) < 0.9) == taken


def test_with_unknown_borders_and_saturated_pixels_too() -> None:
    x, truth = blocks(40)[:1], kernel()
    operator = invkit.operator("linconv?boundary=unknown")
    y = operator(truth[None], x).clamp(max=0.9)
    wrong = (truth + 0.5 * truth.roll(1, 1)) / 1.5
    deblur = invkit.compose(operator, ["simplex?size=5", invkit.denoiser(smoothed, 1)], "pnp")
    before = attrs.evolve(nearly(y, wrong), x=y)
    after = deblur(y, start=before)
    ncc = [float(invkit.metrics.kernel_ncc(each, truth[None])) for each in (before.w, after.w)]
    assert ncc[1] > ncc[0] + 0.02


BOX = torch.ones(1, 3, 3) / 9
OPERATORS = ("circconv", "linconv", "linconv?boundary=unknown", "filterflow?tiles=2x2&boundary=unknown")


def photograph() -> Tensor:
    return torch.as_tensor(invkit.example("photo").x).reshape(1, 3, 256, 384)[..., 100:148, 100:148]


def by_network(operator: str, y: Tensor, noise: object = None) -> Tensor:
    return invkit.compose(operator, [invkit.Given(BOX), "denoiser:photographs"], "pnp", noise=noise)(y).x


@pytest.mark.parametrize("operator", OPERATORS)
def test_holes_cost_little(operator: str) -> None:
    """They are not taken for black pixels: with a tenth of zeros left in it, 37 dB became 18."""
    x, rng = photograph(), torch.Generator().manual_seed(0)
    y = invkit.operator(operator)(BOX[None], x) + 0.01 * torch.randn(x.shape, generator=rng)
    whole = invkit.metrics.psnr(by_network(operator, y), x)
    holes = y.clone()
    holes[(torch.rand(48, 48, generator=rng) < 0.1).expand(y.shape)] = torch.nan
    holes[..., 20:24, 30:34] = torch.nan
    assert invkit.metrics.psnr(by_network(operator, holes, "gaussian?missing=nan"), x) > whole - 1.5


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_weight_is_a_variance_whatever_its_unit(operator: str) -> None:
    """Noise of variance σ²/ω is the same for 100 ω and 10 σ; and one entry more sure changes little."""
    x, ones = photograph(), torch.ones(48, 48)
    y = invkit.operator(operator)(BOX[None], x)
    y = y + 0.02 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    expected = by_network(operator, y, Gaussian(sigma=0.02))
    for unit in (0.04, 4.0, 100.0):
        found = by_network(operator, y, Gaussian(weights=unit * ones, sigma=0.02 * unit**0.5))
        torch.testing.assert_close(found, expected, atol=2e-2, rtol=0)
        guessed = by_network(operator, y, Gaussian(weights=unit * ones))
        assert (guessed - expected).square().mean().sqrt() < 0.01
    ones[5, 5] = 100.0
    sure = by_network(operator, y, Gaussian(weights=ones, sigma=0.02))
    assert (sure - expected).square().mean().sqrt() < 0.01


def test_kernels_that_vary_are_held() -> None:
    x = blocks(48)[:1]
    kernels = torch.cat([kernel(), kernel().flip(1), kernel().flip(2), kernel()])
    y = noisy(invkit.operator("filterflow?tiles=2x2&boundary=unknown")(kernels[None], x))
    prior = invkit.denoiser(smoothed, 1)
    deblur = invkit.compose("filterflow?tiles=2x2&boundary=unknown", ["identity?shape=4x5x5", prior], "pnp")
    before = attrs.evolve(nearly(y, kernel()), x=y, w=kernels[None] / 4)
    with pytest.raises(InputError, match=r"one convolution.*hold=w"):
        deblur(y, start=before)


def test_a_kernel_that_its_prior_does_not_have_is_not_bettered() -> None:
    x = blocks(24)[:1]
    y = noisy(invkit.operator("circconv")(kernel()[None], x))
    prior = invkit.denoiser(smoothed, 1)
    deblur = invkit.compose("circconv", ["gaussian-blur?size=5,widest=1", prior], "pnp")
    with pytest.raises(InputError, match=r"no kernel near.*hold=w"):
        deblur(y, start=nearly(y, kernel()))
