"""invkit: recover two unknowns ``w`` and ``x`` from ``y = A(w, x) + noise``, with a prior on each.

    import invkit

    deblur = invkit.compose(operator="circconv", priors=["vae:blurA", "vae:mnist"], solver="altgd", seed=0)
    solution = deblur(y)                    # solution.x, solution.w, solution.residual
    solution.save("out/")

Every name in ``__all__`` is public and imported when first used, so that ``import invkit`` itself is instant.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

__version__ = "0.2.0"

__all__ = [
    "Ambiguity",
    "BilinearOperator",
    "Compared",
    "ConfigError",
    "Dataset",
    "Denoiser",
    "Evaluation",
    "Example",
    "Generator",
    "Given",
    "InputError",
    "InvkitError",
    "InvkitWarning",
    "LinearOperator",
    "Misfit",
    "MissingExtra",
    "Monitor",
    "Noise",
    "Objective",
    "OutputError",
    "Pipeline",
    "PluginError",
    "Problem",
    "Progress",
    "Projection",
    "Registry",
    "Restarts",
    "Rivals",
    "Samples",
    "Scaling",
    "ShapeError",
    "Solution",
    "Solver",
    "Spec",
    "SpecError",
    "Status",
    "Trained",
    "Trainer",
    "UsageError",
    "WeightsError",
    "__version__",
    "compare",
    "compose",
    "dataset",
    "decoder",
    "denoiser",
    "diagonal",
    "errors",
    "example",
    "from_matrix",
    "from_scipy",
    "hookimpl",
    "linear",
    "load_config",
    "map",
    "method",
    "metrics",
    "monitor",
    "noise",
    "operator",
    "prior",
    "product",
    "project",
    "register",
    "solver",
    "solving",
    "stack",
    "testing",
    "train",
    "untrained",
]

if TYPE_CHECKING:
    from invkit import errors, metrics, solving, testing
    from invkit.batch.mapping import map
    from invkit.comparing import Compared, compare
    from invkit.compose import Pipeline, compose
    from invkit.configurations import load_config, method
    from invkit.contracts.algebra import stack
    from invkit.contracts.ambiguity import Ambiguity, Scaling
    from invkit.contracts.bilinear import BilinearOperator, Misfit
    from invkit.contracts.combined import product
    from invkit.contracts.dataset import Dataset
    from invkit.contracts.decoder import decoder, untrained
    from invkit.contracts.denoiser import Denoiser, denoiser
    from invkit.contracts.generator import Generator
    from invkit.contracts.given import Given
    from invkit.contracts.linear import LinearOperator
    from invkit.contracts.matrices import diagonal, from_matrix, from_scipy
    from invkit.contracts.monitor import Monitor, Progress
    from invkit.contracts.noise import Noise
    from invkit.contracts.problem import Evaluation, Objective, Problem
    from invkit.contracts.solution import Restarts, Rivals, Samples, Solution, Status
    from invkit.contracts.solver import Solver
    from invkit.contracts.trainer import Trainer
    from invkit.errors import (
        ConfigError,
        InputError,
        InvkitError,
        InvkitWarning,
        MissingExtra,
        OutputError,
        PluginError,
        ShapeError,
        SpecError,
        UsageError,
        WeightsError,
    )
    from invkit.packaged import Example, example
    from invkit.parts import dataset, linear, monitor, noise, operator, prior, register, solver
    from invkit.plugin.hookspecs import hookimpl
    from invkit.plugin.registry import Registry
    from invkit.plugin.specs import Spec
    from invkit.projection import Projection, project
    from invkit.trained import Trained, train

_MODULES = ("errors", "metrics", "solving", "testing")
_NAMES = {
    "invkit.batch.mapping": "map",
    "invkit.contracts.algebra": "stack",
    "invkit.contracts.ambiguity": "Ambiguity Scaling",
    "invkit.contracts.bilinear": "BilinearOperator Misfit",
    "invkit.contracts.combined": "product",
    "invkit.contracts.dataset": "Dataset",
    "invkit.contracts.decoder": "decoder untrained",
    "invkit.contracts.denoiser": "Denoiser denoiser",
    "invkit.contracts.generator": "Generator",
    "invkit.contracts.given": "Given",
    "invkit.contracts.linear": "LinearOperator",
    "invkit.contracts.matrices": "diagonal from_matrix from_scipy",
    "invkit.contracts.monitor": "Monitor Progress",
    "invkit.contracts.noise": "Noise",
    "invkit.contracts.problem": "Evaluation Objective Problem",
    "invkit.contracts.solution": "Restarts Rivals Samples Solution Status",
    "invkit.contracts.solver": "Solver",
    "invkit.contracts.trainer": "Trainer",
    "invkit.comparing": "Compared compare",
    "invkit.compose": "Pipeline compose",
    "invkit.configurations": "load_config method",
    "invkit.packaged": "Example example",
    "invkit.parts": "dataset linear monitor noise operator prior register solver",
    "invkit.plugin.hookspecs": "hookimpl",
    "invkit.plugin.registry": "Registry",
    "invkit.plugin.specs": "Spec",
    "invkit.projection": "Projection project",
    "invkit.trained": "Trained train",
    "invkit.errors": "ConfigError InputError InvkitError InvkitWarning MissingExtra OutputError PluginError "
    "ShapeError SpecError UsageError WeightsError",
}
_WHERE = {name: module for module, names in _NAMES.items() for name in names.split()}


class _Package(ModuleType):
    """Keeps the function `invkit.compose` where importing the submodule of that name would replace it."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "compose" and isinstance(value, ModuleType):
            value = value.compose
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name in _WHERE:
        value: object = getattr(importlib.import_module(_WHERE[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
