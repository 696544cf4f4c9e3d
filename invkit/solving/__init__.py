"""The kit of a solver: what every solver needs besides its mathematics.

    run(...)                    a whole solve: restarts, halving, Ctrl-C, monitors, history, the solution
    is_restarts                 validates the option `restarts`
    Record                      the same bookkeeping for a solver with a loop of its own
    Adam                        steps of Adam, row by row
    conjugate_gradients         (AᵀA + ρI) x = b, every row with step lengths of its own
    LinearPart                  an affine prior as a linear map with its adjoint
    quadratic_weights           a noise model as weights of squared residuals, for reweighted least squares
    admissible                  signals with the numbers that a prior's can have
    closest, encoded            latents whose signals are closest to given ones
    half_weights                sums over a whole spectrum, from half of it
    noise_level                 the noise's standard deviation, from a measurement alone
    start_latents               where a solve that starts from a solution begins
    restated                    a solution in the latents of other priors, to go on from
    Stages, Stage               several solvers, each starting from the last one's solution
    solving.tiles               a large picture in overlapping tiles, the seams blended

A solver written with it is its mathematics and little else; docs/plugins.md has one in fifteen lines.
"""

from invkit.contracts.given import Given, given_signals, is_given
from invkit.solving.affine import LinearPart, cast, quadratic_weights, require_ridge
from invkit.solving.candidates import Candidates
from invkit.solving.closest import admissible, closest, descents, encoded, restated, start_latents
from invkit.solving.descent import Adam
from invkit.solving.linear import conjugate_gradients, ridge_inverse, weighted
from invkit.solving.noise import noise_level
from invkit.solving.record import Found, Record
from invkit.solving.running import is_restarts, run
from invkit.solving.spectra import half_weights
from invkit.solving.stages import Stage, Stages

__all__ = [
    "Adam",
    "Candidates",
    "Found",
    "Given",
    "LinearPart",
    "Record",
    "Stage",
    "Stages",
    "admissible",
    "cast",
    "closest",
    "conjugate_gradients",
    "descents",
    "encoded",
    "given_signals",
    "half_weights",
    "is_given",
    "is_restarts",
    "noise_level",
    "quadratic_weights",
    "require_ridge",
    "restated",
    "ridge_inverse",
    "run",
    "start_latents",
    "weighted",
]
