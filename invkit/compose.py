"""Composing: operator, priors and solver by name, run in one call.

    deblur = invkit.compose(operator="circconv", priors=["vae:blurA", "vae:mnist"], solver="altgd", seed=0)
    solution = deblur(y)                          # y: torch tensor, numpy array, or the path of an image
    deblur.save_config("experiment.toml")         # defaults spelled out, weights by sha256
    invkit.load_config("experiment.toml")(y)      # the same numbers again

A part may be given as a spec string, as a dict (``{"kind": "altgd", "steps": 1500}``) or as an object; the
three are equal.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import numpy as np
import torch
from torch import Tensor, nn

from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.dataset import Dataset
from invkit.contracts.generator import Generator
from invkit.contracts.monitor import Monitor
from invkit.contracts.problem import Problem
from invkit.contracts.solution import Solution
from invkit.contracts.solver import Solver
from invkit.errors import ConfigError, InputError, InvkitError
from invkit.files.config import FORMAT, check_format, read_config, write_config
from invkit.plugin.building import build, spec_of
from invkit.plugin.loading import PluginManager, default_manager
from invkit.plugin.registry import nearest
from invkit.plugin.specs import Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: a part by name, as a table, or as the thing itself
SpecLike = str | Spec | Mapping[str, Any]

Module = TypeVar("Module", bound=nn.Module)

_KEYS = ("format", "seed", "operator", "priors", "solver", "weights", "versions")
_LAYOUTS = ("(height, width)", "(channels, height, width)", "(n, channels, height, width)")


def operator(spec: SpecLike) -> BilinearOperator:
    """The operator a spec names, e.g. ``circconv`` or ``linconv?mode=valid``; raises `SpecError`."""
    made: BilinearOperator = _part("operator", spec, BilinearOperator)
    return made


def prior(spec: SpecLike) -> Generator:
    """The prior a spec names, e.g. ``vae:blurA`` or ``identity?penalty=tv``; raises `SpecError`."""
    made: Generator = _part("prior", spec, Generator)
    return made


def solver(spec: SpecLike) -> Solver:
    """The solver a spec names, e.g. ``altgd?steps=1500``; raises `SpecError`."""
    made: Solver = _part("solver", spec, Solver)
    return made


def dataset(spec: SpecLike) -> Dataset:
    """The data set a spec names, e.g. ``mnist`` or ``motion?length=15``; raises `SpecError`."""
    made: Dataset = _part("dataset", spec, Dataset)
    return made


def monitor(spec: SpecLike) -> Monitor:
    """The monitor a spec names, e.g. ``progress`` or ``tensorboard:runs/a``; raises `SpecError`."""
    made: Monitor = _part("monitor", spec, Monitor)
    return made


def compose(
    operator: SpecLike | BilinearOperator,
    priors: Sequence[SpecLike | Generator],
    solver: SpecLike | Solver,
    seed: int = 0,
    *,
    monitors: Sequence[SpecLike | Monitor] = (),
) -> Pipeline:
    """Operator, priors (first that of ``w``, then that of ``x``) and solver, as one callable.

    Args:
        operator: the measurement ``A``.
        priors: exactly two, in the order of the operator's arguments.
        solver: what minimises the objective.
        seed: of all randomness of a solve; the same seed gives the same solution on a CPU, to the bit.
        monitors: what is told of progress.

    Raises:
        SpecError: an unknown name or option, or a bad value.
        InputError: not two priors.
    """
    if isinstance(priors, str | Mapping) or len(priors) != 2:
        raise InputError(
            "compose needs exactly two priors",
            hint='write priors=["vae:blurA", "vae:mnist"]: first w, then x',
        )
    return Pipeline(
        operator=_part("operator", operator, BilinearOperator),
        priors=(_part("prior", priors[0], Generator), _part("prior", priors[1], Generator)),
        solver=_part("solver", solver, Solver),
        seed=seed,
        monitors=tuple(_part("monitor", each, Monitor) for each in monitors),
    )


@attrs.frozen(eq=False)
class Pipeline:
    """A composed experiment: call it with measurements. Holds nothing that a call changes."""

    operator: BilinearOperator
    priors: tuple[Generator, Generator]
    solver: Solver
    seed: int = 0
    monitors: tuple[Monitor, ...] = ()

    def __call__(
        self,
        y: Tensor | NDArray[Any] | str | os.PathLike[str],
        *,
        monitors: Sequence[SpecLike | Monitor] = (),
    ) -> Solution:
        """Recover ``(w, x)`` from every measurement.

        Args:
            y: one measurement or a batch, as a tensor, a numpy array or the path of an image. With ``d`` the
                operator's ``measurement_dims`` (2 for images), an array of ``d`` axes is one measurement of
                one channel, of ``d + 1`` one measurement (channels first), of ``d + 2`` a batch. Values as
                the priors have them: images in [0, 1].
            monitors: told of this solve, beside the pipeline's own.

        Returns:
            The solution; ``x`` and ``w`` have a batch axis (and channel axis) where ``y`` had one, and are
            numpy arrays for numpy and for paths. ``w`` is None from a solver that finds none.

        Raises:
            InputError: NaN or infinite values, or a shape that is no measurement.
            ShapeError: priors and measurement do not fit.
        """
        batch, numpy_in, axes_added = as_batch(y, self.operator.measurement_dims)
        prior_w, prior_x = (following(prior, batch) for prior in self.priors)
        problem = Problem(following(self.operator, batch), (prior_w, prior_x))
        problem = self.solver.shaped(problem, batch)
        told = [*self.monitors, *(_part("monitor", each, Monitor) for each in monitors)]
        rng = torch.Generator().manual_seed(self.seed)
        solution = self.solver.solve(problem, batch, rng, told)
        return _as_given(attrs.evolve(solution, config=self._config(strict=False)), numpy_in, axes_added)

    def to_config(self) -> dict[str, Any]:
        """This pipeline as a plain dict, for TOML or JSON: specs with defaults spelled out, weights by their
        sha256.

        Raises:
            ConfigError: a part was given as an object that no spec made.
        """
        return self._config(strict=True)

    def save_config(self, path: str | os.PathLike[str]) -> Path:
        """Write :meth:`to_config` to a ``.toml`` or ``.json`` file; :func:`load_config` gives the pipeline
        back.
        """
        write_config(path, self.to_config())
        return Path(path)

    def _config(self, *, strict: bool) -> dict[str, Any]:
        others = _weights_of_others(self.solver, self.priors)
        return {
            "format": FORMAT,
            "seed": self.seed,
            "operator": _describe("operator", self.operator, strict),
            "priors": [_describe("prior", each, strict) for each in self.priors],
            "solver": _describe("solver", self.solver, strict),
            **({"weights": others} if others else {}),
            "versions": _versions(),
        }


def following(part: Module, batch: Tensor) -> Module:
    """The part in the measurement's precision and on its device: itself, or a copy where it is elsewhere."""
    held = [*part.parameters(), *part.buffers()]
    dtypes = {each.dtype for each in held if each.is_floating_point()}
    if dtypes <= {batch.dtype} and {each.device for each in held} <= {batch.device}:
        return part
    return copy.deepcopy(part).to(device=batch.device, dtype=batch.dtype)


def load_config(source: str | os.PathLike[str] | Mapping[str, Any]) -> Pipeline:
    """The pipeline of a config: a path to TOML or JSON, or the dict of :meth:`Pipeline.to_config`.

    Raises:
        ConfigError: unreadable, incomplete, from a newer invkit, or weights that differ from those it was
            made with.
        SpecError: an unknown name or option.
    """
    config = _checked(source) if isinstance(source, Mapping) else _checked(read_config(source))
    pipeline = compose(
        _without_hash(config["operator"]),
        [_without_hash(each) for each in config["priors"]],
        _without_hash(config["solver"]),
        seed=config.get("seed", 0),
    )
    for entry, each in zip(config["priors"], pipeline.priors, strict=True):
        _check_weights("prior", entry, each)
    _check_weights("solver", config["solver"], pipeline.solver)
    wanted = config.get("weights", {})
    found = _weights_of_others(pipeline.solver, pipeline.priors) if wanted else {}
    for spec, sha256 in wanted.items():
        if found.get(spec) != sha256:
            raise ConfigError(
                f"the weights of {spec!r}, for the solver, are not those the configuration was made with",
                hint="install that version of the weights, or delete its line of [weights]",
            )
    return pipeline


def _check_weights(kind: str, entry: Any, part: Any) -> None:
    """Refuse a part whose weights are not those that a configuration names by their sha256."""
    wanted = entry.get("sha256") if isinstance(entry, Mapping) else None
    if wanted is not None and wanted != getattr(part, "sha256", None):
        raise ConfigError(
            f"the weights of {kind} {str(spec_of(part))!r} are not those the configuration was made with",
            hint="install that version of the weights, or delete its sha256 line",
        )


def _weights_of_others(solver: Solver, priors: tuple[Generator, Generator]) -> dict[str, str]:
    """Spec → sha256 of what the solver may build beside these priors, and of what that may build in turn.

    What cannot be built is left out: a solve that comes to it says so itself.
    """
    found: dict[str, str] = {}
    for kind, spec in solver.others(priors):
        try:
            part = _part(kind, spec, Generator if kind == "prior" else Solver)
        except InvkitError:
            continue
        sha256 = getattr(part, "sha256", None)
        if sha256:
            found[spec] = sha256
        if isinstance(part, Solver):
            found |= _weights_of_others(part, priors)
    return found


def _checked(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """A configuration that has what it needs, and no key that would be passed over in silence."""
    check_format("the configuration", {"format": FORMAT, **config})
    missing = [key for key in ("operator", "priors", "solver") if key not in config]
    if missing:
        raise ConfigError(
            f"the configuration has no {missing[0]!r}", hint="it needs operator, priors (two) and solver"
        )
    unknown = [key for key in config if key not in _KEYS]
    if unknown:
        raise ConfigError(f"the configuration has the key {unknown[0]!r}", hint=nearest(unknown[0], _KEYS))
    weights = config.get("weights", {})
    if not isinstance(weights, Mapping) or not all(isinstance(sha256, str) for sha256 in weights.values()):
        raise ConfigError(
            "the configuration's weights are not a table of spec = sha256", hint='"gaussian:celeba" = "20cf…"'
        )
    priors, seed = config["priors"], config.get("seed", 0)
    if not isinstance(priors, list | tuple) or len(priors) != 2:
        raise ConfigError(
            "the configuration needs a list of exactly two priors", hint="first that of w, then that of x"
        )
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ConfigError(f"the configuration has seed = {seed!r}", hint="write a whole number: seed = 0")
    return config


def as_batch(y: Any, dims: int) -> tuple[Tensor, bool, int]:
    """``y`` as a batch, whether to answer in numpy, and how many axes were added in front."""
    if isinstance(y, str | os.PathLike):
        if dims != 2:
            raise InputError(
                f"{os.fspath(y)!r} is the path of an image, but the operator measures signals of {dims} axes",
                hint="load it and give the array",
            )
        from invkit.files.images import read_image

        y = read_image(y)
    if not isinstance(y, np.ndarray | Tensor):
        raise InputError(
            f"a measurement must be a tensor, an array or a path, got {type(y).__name__}",
            hint="use numpy.asarray(y)",
        )
    if str(y.dtype).removeprefix("torch.") not in ("float32", "float64"):
        raise InputError(
            f"a measurement of {y.dtype} values, expected float32 or float64",
            hint="convert it to floats, images to [0, 1]: y / 255",
        )
    tensor: Tensor = torch.from_numpy(np.ascontiguousarray(y)) if isinstance(y, np.ndarray) else y.detach()
    added = dims + 2 - tensor.ndim
    if not 0 <= added <= 2 or 0 in tensor.shape:
        layouts = (
            _LAYOUTS if dims == 2 else tuple(text.replace("height, width", "length") for text in _LAYOUTS)
        )
        raise InputError(
            f"a measurement has the shape {tuple(tensor.shape)}, expected {dims} axes, {dims + 1} with "
            f"channels or {dims + 2} with a batch, none of them empty",
            hint=f"give {', '.join(layouts[:-1])} or {layouts[-1]}",
        )
    if not torch.isfinite(tensor).all():
        raise InputError("the measurement has NaN or infinite values", hint="replace them before solving")
    return tensor[(None,) * added], isinstance(y, np.ndarray), added


def _part(kind: str, given: Any, base: type[Any]) -> Any:
    """A part from a spec, a dict or itself."""
    if isinstance(given, base):
        return given
    if isinstance(given, str):
        given = Spec.parse(given)
    elif isinstance(given, Mapping):
        given = Spec.from_dict(given)
    if not isinstance(given, Spec):
        raise InputError(
            f"{given!r} is no {kind}", hint=f"give a spec string, a dict with a kind, or a {base.__name__}"
        )
    built = build(default_manager().registry, kind, given)
    if not isinstance(built, base):
        raise InputError(
            f"{str(given)!r} builds a {type(built).__name__}, which is no {base.__name__}",
            hint="its plugin must derive from it",
        )
    return built


def _describe(kind: str, part: Any, strict: bool) -> dict[str, Any]:
    """A part as a table; where no spec made it, its class, or an error if ``strict``."""
    spec = spec_of(part)
    if spec is None:
        if strict:
            raise ConfigError(
                f"the {kind} {type(part).__name__} was given as an object that no spec made: "
                "it cannot be written down",
                hint=f"build it by name: invkit.{kind}('...')",
            )
        return {"object": type(part).__qualname__}
    sha256 = getattr(part, "sha256", None)
    return {**spec.to_dict(), **({"sha256": sha256} if sha256 else {})}


def _without_hash(part: Any) -> Any:
    return (
        {key: value for key, value in part.items() if key != "sha256"} if isinstance(part, Mapping) else part
    )


def _versions() -> dict[str, str]:
    """invkit, torch and every loaded plugin distribution, by version."""
    from invkit import __version__

    manager: PluginManager = default_manager()
    plugins = {
        state.candidate.distribution: state.candidate.version
        for state in manager.states
        if state.status == "ok"
    }
    return {"invkit": __version__, "torch": torch.__version__, **plugins}


def _as_given(solution: Solution, numpy_in: bool, axes_added: int) -> Solution:
    """The solution with its signals in the layout and library of the measurement."""

    def like(signal: Tensor) -> Any:
        plain = signal[0] if axes_added >= 1 else signal
        if axes_added == 2 and plain.shape[0] == 1:
            plain = plain[0]
        return plain.cpu().numpy() if numpy_in else plain

    w = None if solution.w is None else like(solution.w)  # some solvers find none
    x_std = None if solution.x_std is None else like(solution.x_std)
    return attrs.evolve(solution, x=like(solution.x), w=w, x_std=x_std, axes_added=axes_added)
