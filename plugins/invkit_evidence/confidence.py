"""How sure a kernel is that a search found: five signs of doubt, and the law that they follow.

    found = signs(objective, coarse, independent, value, near, residual, n, strain, rng)
    law, remark = law_of(prior)
    confidence(law, attrs.asdict(found))       # of one measurement, in [0, 1]

A wrong kernel has an image to match, and its evidence looks like any other: how large −log p is says little,
since images differ by more than kernels do. What does tell:

- **Disagreement** D of independent searches, those of different schedules and those that were made again.
  Where they end at different kernels that are nearly as probable, any of them may be right. In decibels, what
  the image would lose were the truth one of the kernels found, each with its probability,

      D = 10 log₁₀(1 + Σ_j p_j ‖x̂_j − x̂‖² / E‖x − x̂‖²),    p_j ∝ exp(−β v_j),

  with x̂ the winner's image, x̂_j those of all, the winner's among them, v_j what the search has minimised, in
  nats, and E‖x − x̂‖² the error that the posterior given the winner's kernel expects. β is the power of the
  likelihood that draws have, too (:data:`invkit_evidence.chains.POWER`): a Gaussian is too sure of images
  that are none.
- **Solitude** U: the share of the other independent searches that ended at another kernel than the winner's
  (:func:`invkit_evidence.niches.alike`), however much worse. Where none has found it again, there may be a
  better one that none has found.
- **Sensitivity** S: the same of kernels that are as probable as the winner, the median over draws from their
  posterior (:mod:`invkit_evidence.chains`). Where they make other images, the winner is one among many.
- **Misfit** F: log ‖y − A x̂‖² less that of its expectation, in units of √(2/n), the deviation of log χ²_n,
  for y of n numbers. The residual is σ²C⁻¹d, with d = y − Aμ ~ N(0, C), so its expected square is

      σ⁴ tr C⁻¹ = ‖y − A x̂‖² + 2σ⁴ ∂(−log p)/∂σ².

  Where σ is estimated, it is fitted to the coarse prior: the misfit says whether the fine one can keep up.

- **Strain** T: the nats that the evidence gains where w need no longer be in its prior's range
  (:mod:`invkit_evidence.leap`). A wrong kernel that nothing in its neighbourhood betters is held there by the
  prior alone.

All but the misfit are of the coarse prior, whose posterior is cheap. The probability is logistic in

    s = (log(D + 0.05), U, log(S + 0.05), F, log(T + 10)),

F bounded to 0 … 4: a residual less than expected reassures of nothing, and none decides alone. But where D is
above 3 dB and S above 6 dB, the confidence is halved. A small strain then proves nothing, since a prior that
leaves the kernel this free (a decoder whose draws are no kernels) holds no wrong one back. The constants
are those of the image prior's class, as ``invkit calibrate`` has fitted them
(:class:`invkit.contracts.calibration.Calibration`): the probability is that of an image less than 3 dB below
the one that the same prior gives with the true kernel. Of a prior that was never calibrated they are those of
faces. The confidence is then an order more than a probability, and :data:`UNCALIBRATED` says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs
import torch
from jaxtyping import Float
from torch import Tensor

from invkit.contracts.calibration import Calibration
from invkit.contracts.generator import Generator
from invkit_evidence.chains import POWER
from invkit_evidence.newton import repeated
from invkit_evidence.niches import alike
from invkit_evidence.posterior import Parameters, Posterior

__all__ = [
    "FACES",
    "UNCALIBRATED",
    "Signs",
    "confidence",
    "disagreement",
    "features",
    "law_of",
    "signs",
    "solitude",
]

FACES = Calibration(
    -24.7,
    {"disagreement": 0.124, "sensitivity": 0.312, "misfit": 1.68, "strain": 4.23},
    doubt=0.95,
    figures={"data": "celeba"},
)
"""The law of blurred faces, for priors that have none of their own."""
UNCALIBRATED = (
    "the confidence follows a law that was fitted to faces, since this prior of images has none of its own; "
    "invkit calibrate fits one"
)
"""What the user is told then; ``notes["remark"]`` holds it."""
_LEAST_MISFIT, _LARGEST_MISFIT = 0.0, 4.0
#: where disagreement and sensitivity are above so many decibels, the confidence is halved
_APART, _LOOSE = 3.0, 6.0
#: decibels that are added before the logarithm: less is no sign of anything
_FLOOR = 0.05
#: nats that are added before the logarithm
_SLACK = 10.0
#: draws for the expected error
_ERROR_DRAWS = 4


@attrs.frozen
class Signs:
    """The signs of doubt of one measurement; not finite where nothing sound was found."""

    #: D, in dB, 0 or more; 0 of a single search
    disagreement: float
    #: from 0 to 1; 0 of a single search
    solitude: float
    #: in dB, 0 or more
    sensitivity: float
    #: in standard deviations; about 0 where all is well
    misfit: float
    #: in nats, 0 or more; 0 of a known kernel
    strain: float


def features(found: Mapping[str, float]) -> dict[str, float]:
    """The signs as the law takes them: logarithms, and the misfit bounded; not finite where a sign is not."""
    return {
        "disagreement": _logarithm(found["disagreement"] + _FLOOR),
        "solitude": found["solitude"],
        "sensitivity": _logarithm(found["sensitivity"] + _FLOOR),
        "misfit": min(max(found["misfit"], _LEAST_MISFIT), _LARGEST_MISFIT)
        if math.isfinite(found["misfit"])
        else math.nan,
        "strain": _logarithm(found["strain"] + _SLACK),
    }


def law_of(prior: Generator) -> tuple[Calibration, dict[str, str]]:
    """The law for an image prior, and a remark for ``Solution.notes`` where it was fitted to other images."""
    own = getattr(prior, "calibration", None)
    if own is not None:
        return own, {}
    data = getattr(prior, "card", {}).get("data", {})
    return FACES, {} if data.get("spec") == FACES.figures["data"] else {"remark": UNCALIBRATED}


def confidence(law: Calibration, found: Mapping[str, float]) -> float:
    """The probability that a kernel is right, in [0, 1], from the signs by name; 0 where one is no number."""
    free = found["disagreement"] > _APART and found["sensitivity"] > _LOOSE
    return law.confidence(features(found)) / (2 if free else 1)


def disagreement(
    coarse: Posterior, independent: Parameters, value: Float[Tensor, "s"], rng: torch.Generator
) -> float:
    """D.

    Args:
        coarse: the objective of the search, one row: the measurement.
        independent: the best candidate of each search, the winner first.
        value: what the search has minimised, of each.
        rng: for draws from the posterior.
    """
    with torch.no_grad():
        images = _images(coarse, independent)
        if len(images) == 1:
            return 0.0
        share = (-POWER * (value - value[0])).softmax(0)
        apart = float((share * _squared(images - images[0])).sum())
        return _decibels(apart, _expected_error(coarse, _first(independent), images[0], rng))


def solitude(w: Float[Tensor, "s *w"]) -> float:
    """U.

    Args:
        w: the kernel of the best candidate of each independent search, the winner's first.
    """
    return 1 - float(alike(w)[0, 1:].float().mean()) if len(w) > 1 else 0.0


def signs(
    fine: Posterior,
    coarse: Posterior,
    independent: Parameters,
    value: Float[Tensor, "s"],
    near: Parameters,
    residual: float,
    numbers: int,
    strain: float,
    rng: torch.Generator,
) -> Signs:
    """All signs.

    Args:
        fine: the objective that candidates are compared by, one row: the measurement.
        coarse: that of the search.
        independent: the best candidate of each search, the winner first.
        value: what the search has minimised, of each.
        near: draws from the posterior of the kernel.
        residual: ‖y − A x̂‖² of the winner.
        numbers: n, how many y has.
        strain: T of the winner.
        rng: for draws from posteriors.
    """
    winner = _first(independent)
    with torch.no_grad():
        x = _images(coarse, winner)
        apart = float(_squared(_images(coarse, near) - x).median())
        sensitivity = _decibels(apart, _expected_error(coarse, winner, x, rng))
        lonely = solitude(coarse.problem.priors[0](independent.h))
    return Signs(
        disagreement=disagreement(coarse, independent, value, rng),
        solitude=lonely,
        sensitivity=sensitivity,
        misfit=_misfit(fine, winner, residual) / math.sqrt(2 / numbers),
        strain=strain,
    )


def _first(candidates: Parameters) -> Parameters:
    return candidates.select(torch.zeros(1, dtype=torch.long, device=candidates.h.device))


def _images(objective: Posterior, candidates: Parameters) -> Tensor:
    """The posterior means of the one measurement's candidates."""
    return repeated(objective, len(candidates.h)).mean(candidates)[1]


def _squared(images: Tensor) -> Float[Tensor, "n"]:
    return images.flatten(1).square().sum(1)


def _expected_error(objective: Posterior, winner: Parameters, x: Tensor, rng: torch.Generator) -> float:
    """``E‖x − x̂‖²`` of the posterior given the winner's kernel, from draws."""
    linear = objective.linear(objective.problem.priors[0](winner.h))
    variance = objective.variance(winner)
    drawn = [
        objective.marginal.sample(linear, winner.nuisance, variance, rng) - x for _ in range(_ERROR_DRAWS)
    ]
    return float(_squared(torch.cat(drawn)).mean())


def _misfit(objective: Posterior, winner: Parameters, residual: float) -> float:
    """The logarithm of the residual over its expectation."""
    variance: Float[Tensor, "1"] = objective.variance(winner).detach().requires_grad_()
    with torch.no_grad():
        linear = objective.linear(objective.problem.priors[0](winner.h))
    with torch.enable_grad():
        value = objective.marginal(linear, winner.nuisance, variance).sum()
        (slope,) = torch.autograd.grad(value, variance)
    expected = residual + 2 * float(variance.detach().square() * slope)
    return math.log(residual / expected) if residual > 0 and expected > 0 else math.nan


def _decibels(more: float, error: float) -> float:
    """What a squared error loses where so much is added."""
    return 10 * math.log10(1 + more / error) if error > 0 and more >= 0 else math.nan


def _logarithm(value: float) -> float:
    return math.log(value) if value > 0 and math.isfinite(value) else math.nan
