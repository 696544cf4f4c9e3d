"""Trainers: make weights from data, by a recipe; those of a prior, or of a solver that has some.

    trainer = registry.entry("trainer", "vae").load()()
    trainer.recipes()                                    # {"blurA": {...}, "mnist": {...}}
    trainer.train(recipe, out, seed=0)                   # -> out/vae-blurA.safetensors

A recipe is a plain mapping (a TOML file shipped with the plugin): the data set's spec, the architecture and
its options, and the schedule. Its ``data`` may also be the absolute path of a folder of images.
``invkit train`` is a thin command over this contract.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from invkit.errors import UsageError


class Trainer(ABC):
    """Trains priors of one kind, or the weights of one solver."""

    @abstractmethod
    def recipes(self) -> Mapping[str, Mapping[str, Any]]:
        """The shipped recipes by name."""

    def recipe_for(self, data: str) -> Mapping[str, Any]:
        """A recipe for pictures, made by looking at them.

        Args:
            data: a data set's spec, or the absolute path of a folder.

        Raises:
            UsageError: this trainer cannot tell what suits them; the default.
            InputError: no pictures there, or too few.
        """
        raise UsageError(
            "this trainer cannot tell a recipe from the data",
            hint="write --recipe NAME as well; see `invkit list trainers`",
        )

    def usage(self, kind: str, name: str) -> str:
        """Return the spec that uses weights: by default that of a prior, ``kind:name``.

        Args:
            kind: what the trainer is registered as.
            name: of installed weights, or the path of a file.
        """
        return f"{kind}:{name}"

    @abstractmethod
    def train(
        self,
        name: str,
        recipe: Mapping[str, Any],
        out: Path,
        *,
        seed: int = 0,
        resume: bool = False,
        progress: bool = True,
    ) -> Path:
        """Train by a recipe and return the path of the exported weights, ``out/<kind>-<name>.safetensors``.

        Checkpoints are written atomically to ``out``; with ``resume`` the run goes on from the last one and
        ends in the same weights, to the bit, as an uninterrupted run on the same CPU. A non-finite loss
        raises :class:`invkit.errors.InputError` naming the step, and the last good checkpoint stays.
        """
