"""Parts by name: operators, linear maps, priors, solvers, data sets, monitors; and names given at run time.

    solver = invkit.solver("altgd", steps=10)                 # or "altgd?steps=10"
    prior = invkit.prior({"kind": "gaussian", "name": "celeba", "rank": 64})

    invkit.register("prior", "blob", Blob)                    # in a notebook, say
    invkit.compose("circconv", ["blob?size=5", "identity"], solver)

A part may be given as a spec string, as a dict or as an object; the three are equal. Options may also be
given by keyword. Each function raises :class:`SpecError` for an unknown name or option, or a bad value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from invkit.arguments import as_name
from invkit.contracts.algebra import chain_of
from invkit.contracts.ambient import neutral
from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.dataset import Dataset
from invkit.contracts.form import check_form
from invkit.contracts.generator import Generator
from invkit.contracts.linear import LinearOperator
from invkit.contracts.monitor import Monitor
from invkit.contracts.noise import Noise
from invkit.contracts.solver import Solver
from invkit.contracts.trainer import Trainer
from invkit.errors import InputError, SpecError
from invkit.fingerprint import fingerprint
from invkit.plugin.building import build, named, remember, signature_of
from invkit.plugin.loading import default_manager
from invkit.plugin.registry import nearest
from invkit.plugin.specs import GRAMMAR, Spec, option_text
from invkit.solving.stages import stages_of

__all__ = [
    "SpecLike",
    "dataset",
    "experiment",
    "linear",
    "monitor",
    "monitors_of",
    "noise",
    "operator",
    "part",
    "prior",
    "register",
    "solver",
]

#: a part by name, or as a table
SpecLike = str | Spec | Mapping[str, Any]

_BASES: dict[str, type[Any]] = {
    "operator": BilinearOperator,
    "linear": LinearOperator,
    "prior": Generator,
    "noise": Noise,
    "solver": Solver,
    "dataset": Dataset,
    "monitor": Monitor,
    "trainer": Trainer,
}


def operator(spec: SpecLike | BilinearOperator | Sequence[Any], /, **options: Any) -> BilinearOperator:
    """The operator of a spec: ``operator("linconv?mode=valid")`` or ``operator("linconv", mode="valid")``.

    Linear maps after it follow bars: ``operator("circconv | downsample?factor=2")``; or stand in a list.
    """
    made: BilinearOperator = part("operator", spec, options)
    return made


def linear(spec: SpecLike | LinearOperator, /, **options: Any) -> LinearOperator:
    """The linear map of a spec: ``linear("downsample?factor=2")`` or ``linear("downsample", factor=2)``."""
    made: LinearOperator = part("linear", spec, options)
    return made


def prior(spec: SpecLike | Generator, /, **options: Any) -> Generator:
    """The prior of a spec: ``prior("gaussian:celeba?rank=64")`` or ``prior("gaussian:celeba", rank=64)``."""
    made: Generator = part("prior", spec, options)
    return made


def noise(spec: SpecLike | Noise, /, **options: Any) -> Noise:
    """The noise model of a spec: ``noise("gaussian?sigma=0.01")`` or ``noise("gaussian", sigma=0.01)``."""
    made: Noise = part("noise", spec, options)
    return made


def solver(spec: SpecLike | Solver | Sequence[Any], /, **options: Any) -> Solver:
    """The solver of a spec, ``solver("altgd?steps=9")`` or ``solver("altgd", steps=9)``, or of stages."""
    made: Solver = part("solver", spec, options)
    return made


def dataset(spec: SpecLike | Dataset, /, **options: Any) -> Dataset:
    """The data set of a spec: ``dataset("motion?length=15")`` or ``dataset("motion", length=15)``."""
    made: Dataset = part("dataset", spec, options)
    return made


def monitor(spec: SpecLike | Monitor, /, **options: Any) -> Monitor:
    """The monitor of a spec, e.g. ``monitor("progress")`` or ``monitor("tensorboard:runs/a")``."""
    made: Monitor = part("monitor", spec, options)
    return made


def monitors_of(given: Sequence[SpecLike | Monitor]) -> tuple[Monitor, ...]:
    """The monitors of a list of specs and objects.

    Raises:
        InputError: something else than a list.
    """
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        example = given if isinstance(given, str | Mapping) else "progress"
        raise InputError(
            f"monitors is no list, but of type {type(given).__name__}",
            hint=f"give a list: monitors=[{example!r}]",
        )
    return tuple(part("monitor", each) for each in given)


def register(kind: str, name: str, cls: type, summary: str = "") -> None:
    """Give a class a name, so that specs and configurations can use it in this program.

    A configuration written with it says which class that was; whoever loads it registers the class first. A
    name may be registered again, as a notebook's cell does: the new class replaces the old one.

    Args:
        kind: ``"operator"``, ``"linear"``, ``"prior"``, ``"noise"``, ``"solver"``, ``"dataset"``,
            ``"monitor"`` or ``"trainer"``.
        name: a lower-case letter, then letters, digits, ``-`` or ``_``.
        cls: a class that derives from the contract. The parameters of its ``from_spec``, else of its
            ``__init__``, are the options.
        summary: one line for listings.

    Raises:
        InputError: an unknown kind, no class of that contract, or a name that is no text.
        PluginError: a malformed name, one that a plugin has, or a signature that lists no options.
    """
    if as_name(kind, "the kind", f"give one of {', '.join(_BASES)}") not in _BASES:
        raise InputError(f"a class cannot be registered as a {kind!r}", hint=nearest(kind, _BASES))
    base = _BASES[kind]
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise InputError(f"{cls!r} is no {kind}", hint=f"give a class that derives from {base.__name__}")
    as_name(name, "the name", GRAMMAR)
    as_name(summary, "the summary", "give one line for listings")
    registry = default_manager().registry
    with registry.registering("(run time)", "(this program)"):  # undone where the signature is unusable
        signature_of(registry.at_run_time(kind, name, cls, summary=summary))


def part(kind: str, given: Any, options: Mapping[str, Any] | None = None) -> Any:
    """A part from a spec, a dict or itself.

    Args:
        kind: ``"operator"``, ``"linear"``, ``"prior"``, ``"noise"``, ``"solver"``, ``"dataset"``,
            ``"monitor"`` or ``"trainer"``.
        given: what names it, or the part; for a solver also a list of stages (:mod:`invkit.solving.stages`),
            for an operator also a list of it and of linear maps after it, or their specs with bars between.
        options: more options, in the types that they have in Python.

    Raises:
        SpecError: an unknown name or option, a bad value, or an option given twice.
        InputError: something else than a spec, a dict and such a part.
        PluginError: a part that has not the form of its contract (:mod:`invkit.contracts.form`).
    """
    base, options = _BASES[kind], options or {}
    if isinstance(given, base):
        if options:
            raise InputError(
                f"options for the {kind} {type(given).__name__}, which is built already",
                hint="give its spec, or build it with them",
            )
        check_form(given)
        return given
    if kind == "solver" and isinstance(given, list | tuple) and not options:
        return stages_of(given, part)
    if kind == "operator" and isinstance(given, str) and "|" in given:
        given = given.split("|")
    if kind == "operator" and isinstance(given, list | tuple) and not options:
        return chain_of(given, part)
    spec = _with_options(_spec(kind, given), options)
    with neutral():
        built = build(default_manager().registry, kind, spec)
    if not isinstance(built, base):
        raise InputError(
            f"{str(spec)!r} builds a {type(built).__name__}, which is no {base.__name__}",
            hint="its plugin must derive from it",
        )
    check_form(built)
    what = named(built)
    if what is not None and not what.derived:
        remember(built, attrs.evolve(what, state=fingerprint(built)))
    return built


def experiment(name: str) -> Any:
    """What is registered as an experiment, for `invkit bench NAME`.

    Raises:
        SpecError: an unknown name; the message gives the nearest and the list.
    """
    return default_manager().registry.entry("experiment", name).load()


def _spec(kind: str, given: Any) -> Spec:
    if isinstance(given, str):
        return Spec.parse(given.strip())
    if isinstance(given, Mapping):
        return Spec.from_dict(given)
    if not isinstance(given, Spec):
        raise InputError(
            f"{given!r} is no {kind}",
            hint=f"give a spec string, a dict with a kind, or a {_BASES[kind].__name__}",
        )
    return given


def _with_options(spec: Spec, options: Mapping[str, Any]) -> Spec:
    twice = [key for key in options if key in spec.options]
    if twice:
        raise SpecError(
            f"the option {twice[0]!r} is given twice, in {str(spec)!r} and by keyword", hint="give it once"
        )
    more = {key: option_text(value) for key, value in options.items()}
    return Spec(spec.kind, spec.name, {**spec.options, **more})
