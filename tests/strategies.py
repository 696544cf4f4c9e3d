"""Hypothesis strategies, and the registered things they run over, in one place.

Nothing here names an operator: what is registered is what is tested, in every variant its options spell out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Literal, get_args, get_origin

from hypothesis import strategies as st

import invkit
from invkit import Spec, SpecError
from invkit.files.store import names as trained_names
from invkit.plugin.building import signature_of
from invkit.plugin.loading import default_manager

Shape = tuple[int, ...]

seeds = st.integers(0, 2**31 - 1)
batches = st.integers(1, 5)


#: options that make an operator small, where it has them
SMALL = {"tiles": "2x2"}


def operator_specs() -> list[str]:
    """Every registered operator with every combination of `Literal` and boolean options it accepts."""
    specs = []
    for entry in default_manager().registry.entries("operator"):
        choices = {option.key: _choices(option.type) for option in signature_of(entry).options}
        spelled = {key: values for key, values in choices.items() if values}
        for values in product(*spelled.values()):
            small = {key: value for key, value in SMALL.items() if key in choices}
            spec = Spec(entry.name, None, small | dict(zip(spelled, values, strict=True)))
            try:
                invkit.operator(spec)
            except SpecError:  # a combination that makes no sense, and says so
                continue
            specs.append(str(spec))
    return specs


#: options that make a solver quick, where it has them
FEW = {
    "steps": "20",
    "starts": "24",
    "restarts": "8",
    "retries": "1",
    "leaps": "1",
    "finish": "1",
    "rounds": "1",
    "last_rounds": "1",
}


def solver_names() -> list[str]:
    """The name of every registered solver."""
    return [entry.name for entry in default_manager().registry.entries("solver")]


def solver_spec(name: str) -> str:
    """A registered solver with few steps; one that needs weights with some that are shipped."""
    registry = default_manager().registry
    keys = {option.key for option in signature_of(registry.entry("solver", name)).options}
    few = {key: value for key, value in FEW.items() if key in keys}
    shipped = trained_names(registry, name) if "weights" in keys else ()
    return str(Spec(name, None, few | ({"weights": shipped[0]} if shipped else {})))


def _choices(annotation: object) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return tuple(map(str, get_args(annotation)))
    return ("true", "false") if annotation is bool else ()


@st.composite
def signal_shapes(
    draw: st.DrawFn, examples: Sequence[tuple[Shape, Shape]], fixed: int = 1
) -> tuple[Shape, Shape]:
    """One of an operator's example shapes ``(w_shape, x_shape)``, with other lengths in the same order.

    Equal lengths stay equal and smaller ones smaller, so that whatever relates the two shapes still holds; a
    length of one, which may be broadcast, stays one, and so does ``fixed``. (The operator itself is not
    called here: the run-time checks of types sample at random, which hypothesis does not like in a strategy.)
    """
    w_shape, x_shape = draw(st.sampled_from(examples))
    lengths = sorted({*w_shape, *x_shape, 1} - ({fixed} - {1}))
    renamed = {1: 1, fixed: fixed}
    for smaller, length in pairwise(lengths):
        renamed[length] = renamed[smaller] + draw(st.integers(1, 3))
    return tuple(renamed[n] for n in w_shape), tuple(renamed[n] for n in x_shape)
