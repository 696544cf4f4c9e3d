"""Composing: operator, priors and solver by name, run in one call.

    deblur = invkit.compose(operator="circconv", priors=["vae:blurA", "vae:mnist"], solver="altgd", seed=0)
    solution = deblur(y)                          # y: torch tensor, numpy array, or the path of an image
    deblur.save_config("experiment.toml")         # defaults spelled out, weights by sha256

The priors may be named instead: ``compose("circconv", w="vae:blurA", x="vae:mnist", solver="altgd")``. A part
may be given as a spec string, as a dict (``{"kind": "altgd", "steps": 1500}``) or as an object; the three are
equal. A solver may be a list of stages (:mod:`invkit.solving.stages`).
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import torch
from torch import Tensor, nn

from invkit import records
from invkit.contracts.ambient import as_device, as_seed, following, neutral
from invkit.contracts.bilinear import BilinearOperator
from invkit.contracts.form import check_form
from invkit.contracts.generator import Generator
from invkit.contracts.given import is_given
from invkit.contracts.monitor import Monitor
from invkit.contracts.noise import Gaussian, Noise
from invkit.contracts.problem import Problem
from invkit.contracts.roles import check_roles
from invkit.contracts.solution import Rivals, Solution
from invkit.contracts.solver import Solver
from invkit.errors import InputError
from invkit.files.config import FORMAT, write_config
from invkit.measurements import as_batch, as_given, check_channels
from invkit.parts import SpecLike, monitors_of, part
from invkit.plugin.building import spec_of
from invkit.plugin.loading import default_manager
from invkit.plugin.specs import Spec
from invkit.remarks import remark_on_shift, remark_on_values
from invkit.solving.closest import makes, restated
from invkit.solving.stages import Stages, with_w_given
from invkit.watched import default_monitors, watched

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

Module = TypeVar("Module", bound=nn.Module)


def compose(
    operator: SpecLike | BilinearOperator | Sequence[Any],
    priors: Sequence[SpecLike | Generator] | None = None,
    solver: SpecLike | Solver | Sequence[Any] | None = None,
    seed: Any = 0,
    *,
    noise: SpecLike | Noise | None = None,
    w: SpecLike | Generator | None = None,
    x: SpecLike | Generator | None = None,
    monitors: Sequence[SpecLike | Monitor] = (),
) -> Pipeline:
    """Compose an operator, two priors and a solver into a pipeline, which is then called with measurements.

    Args:
        operator: the measurement ``A``; linear maps after it follow bars, ``"circconv | downsample"``,
            or stand in a list with it.
        priors: exactly two, first that of ``w``, then that of ``x``.
        solver: what minimises the objective, or a list of stages.
        seed: the seed of all randomness of a solve, a whole number from 0 to 2⁶³ − 1. The same seed gives the
            same solution on a CPU, to the bit.
        noise: the noise model, by default white Gaussian noise of unknown strength.
        w: the prior of ``w``; with ``x``, in place of ``priors``.
        x: the prior of ``x``.
        monitors: what is told of progress.

    Raises:
        SpecError: an unknown name or option, or a bad value.
        InputError: not two priors, no solver, priors that are exchanged (an image's for the kernel), or a
            seed that is no whole number in range.
        PluginError: an object of a class of your own that has not the form of its contract.
    """
    pair = _pair(priors, w, x)
    if solver is None:
        raise InputError("compose needs a solver", hint="see `invkit list solvers`: solver='NAME'")
    return Pipeline(
        operator=part("operator", operator),
        priors=(part("prior", pair[0]), part("prior", pair[1])),
        solver=part("solver", solver),
        seed=seed,
        noise=part("noise", default_manager().registry.default("noise").name if noise is None else noise),
        monitors=monitors_of(monitors),
    )


def _pair(priors: Any, w: Any, x: Any) -> Sequence[Any]:
    """The priors of w and x, given as a pair or by their names."""
    example = 'w="vae:blurA", x="vae:mnist"'
    if priors is None:
        if w is None or x is None:
            missing = " and ".join(name for name, given in (("w", w), ("x", x)) if given is None)
            raise InputError(
                f"compose needs exactly two priors, that of {missing} is missing", hint=f"write {example}"
            )
        return w, x
    if w is not None or x is not None:
        raise InputError("compose was given priors and w or x as well", hint=f"write only {example}")
    if isinstance(priors, str | Mapping) or not hasattr(priors, "__len__") or len(priors) != 2:
        raise InputError(
            "compose needs exactly two priors",
            hint=f'write priors=["vae:blurA", "vae:mnist"], first w, then x; or {example}',
        )
    pair: Sequence[Any] = priors
    return pair


@attrs.frozen(eq=False, repr=False)
class Pipeline:
    """A composed experiment: call it with measurements. Holds nothing that a call changes."""

    operator: BilinearOperator
    priors: tuple[Generator, Generator]
    solver: Solver
    seed: int = attrs.field(default=0, converter=as_seed)
    noise: Noise = attrs.field(factory=Gaussian)
    monitors: tuple[Monitor, ...] = ()
    device: torch.device | None = None

    def __attrs_post_init__(self) -> None:
        stages = self.solver.stages if isinstance(self.solver, Stages) else ()
        for w, x in {(None, None), *((each.w, each.x) for each in stages)}:
            pair = (w or self.priors[0], x or self.priors[1])
            for each in (self.operator, *pair):
                check_form(each)
            check_roles(self.operator, pair, [_called(each) for each in pair])
            if pair[1].ties or (pair[0].ties and not self.solver.takes_tied):
                raise InputError(
                    f"{_called(pair[1] if pair[1].ties else pair[0])} ties one unknown to the other, which "
                    f"{'only a prior of w may' if pair[1].ties else 'this solver does not take'}",
                    hint="give it as the prior of w, to a solver that takes it; see `invkit list solvers`",
                )

    def __repr__(self) -> str:
        w, x = self.priors
        parts = {"operator": self.operator, "w": w, "x": x, "noise": self.noise, "solver": self.solver}
        lines = [f"  {name}={part!r}," for name, part in parts.items()]
        return "\n".join(["Pipeline(", *lines, f"  seed={self.seed},", ")"])

    def with_w_given(self, w: SpecLike | Generator) -> Pipeline:
        """The same pipeline for a ``w`` that is known: ``pipeline.with_w_given("known:kernel.npy")``.

        Stages that would look for it are left out.

        Raises:
            InputError: the prior leaves something to find.
        """
        prior = part("prior", w)
        if not is_given(prior):
            raise InputError(f"{_called(prior)} leaves w to be found", hint="give a known signal")
        return attrs.evolve(self, priors=(prior, self.priors[1]), solver=with_w_given(self.solver))

    def to(self, device: str | torch.device) -> Pipeline:
        """The same pipeline on a device: ``pipeline.to("cuda")(y)``.

        Operator, priors and noise model are moved once, and every measurement when its turn comes. Tensors of
        a solution are then on the device; for numpy and for paths they are numpy's as ever. Without it
        everything follows the measurement. Random starts are the same on every device.

        Raises:
            InputError: torch has no such device here.
        """
        place = as_device(device)

        def moved(part: Module) -> Module:
            return copy.deepcopy(part).to(place)

        prior_w, prior_x = self.priors
        return attrs.evolve(
            self,
            operator=moved(self.operator),
            priors=(moved(prior_w), moved(prior_x)),
            noise=moved(self.noise),
            device=place,
        )

    def problem_for(self, y: Tensor | NDArray[Any] | str | os.PathLike[str]) -> Problem:
        """The problem tied to the shapes of these measurements; nothing is solved.

        Its priors say the shapes of ``w`` and ``x``. Give it to a call to have them worked out once.

        Raises:
            InputError, ShapeError: as a call does.
        """
        with neutral():
            return self._bound(y)[0]

    def __call__(
        self,
        y: Tensor | NDArray[Any] | str | os.PathLike[str],
        *,
        start: Solution | None = None,
        problem: Problem | None = None,
        monitors: Sequence[SpecLike | Monitor] | None = None,
        with_config: bool = True,
    ) -> Solution:
        """Recover ``(w, x)`` from every measurement.

        Args:
            y: one measurement or a batch, as a tensor, a numpy array, a Pillow image or the path of one.
                With ``d`` the operator's ``measurement_dims`` (2 for images), an array of ``d`` axes is one
                measurement of one channel, of ``d + 1`` one measurement (channels first), of ``d + 2`` a
                batch. Values as the priors have them: images in [0, 1].
            start: a solution to go on from. The solve begins at its latents. Where it was found under other
                priors, it is restated by the encoders of this pipeline's. To go on from signals of your own,
                take the latents out: ``attrs.evolve(solution, x=mine, latents=(None, None))``.
            problem: what :meth:`problem_for` gave for these measurements, or for others of their shape.
            monitors: told of this solve, beside the pipeline's own. None: if the pipeline has none either,
                a progress bar on a terminal or in a notebook, once the solve has taken two seconds. An empty
                list: no bar.
            with_config: whether the solution holds the configuration. That takes milliseconds, since the
                weights of all parts are hashed.

        Returns:
            The solution; ``x`` and ``w`` have a batch axis (and channel axis) where ``y`` had one. ``w`` is
            None from a solver that finds none. For numpy and for paths, all arrays in it are numpy's.

        Raises:
            InputError: NaN or infinite values, a shape that is no measurement, complex measurements where all
                that the operator makes of the priors is real, a start that is no solution, or a problem of
                another pipeline.
            ShapeError: priors and measurement do not fit.

        Warns:
            InvkitWarning: images with values far beyond [0, 1]; a recovered image that is pixels away from
                where the measurement shows it, which the operator cannot tell.
        """
        if start is not None:
            _require_solution("start", start)
        if monitors is None:
            monitors = [] if self.monitors or not watched() else default_monitors()
        with neutral():
            problem, batch, numpy_in, axes_added = self._bound(y, problem)
            told = [*self.monitors, *monitors_of(monitors)]
            rng = torch.Generator().manual_seed(self.seed)
            began = None if start is None else self._start(start, problem, batch, rng)
            try:
                solution = self.solver.solve(problem, batch, rng, told, start=began)
            except (MemoryError, RuntimeError) as error:
                if _is_memory(error):
                    raise InputError(
                        f"the solve does not fit into memory: {error}",
                        hint="take fewer restarts, smaller measurements, or fewer at a time",
                    ) from error
                raise
            if self.operator.roles[1] == "image" and not is_given(self.priors[0]):
                remark_on_shift(self.operator, solution)
            config = self.to_config(strict=False) if with_config else None
            return attrs.evolve(as_given(solution, numpy_in, axes_added), config=config)

    def _bound(self, y: Any, problem: Problem | None = None) -> tuple[Problem, Tensor, bool, int]:
        """The problem of these measurements, the measurements as a batch, and how to answer."""
        batch, numpy_in, axes_added = as_batch(y, self.operator.measurement_dims)
        batch = batch if self.device is None else batch.to(self.device)
        images = self.operator.roles[1] == "image" and self.operator.measurement_dims == 2
        if images:
            check_channels(batch)
        self.solver.require_field(self.priors, batch)
        noise, batch = following(self.noise, batch).prepared(batch)
        if images and isinstance(noise, Gaussian):
            remark_on_values(batch)
        if problem is None:
            prior_w, prior_x = (following(prior, batch) for prior in self.priors)
            problem = Problem(following(self.operator, batch), (prior_w, prior_x), noise=noise)
            problem = attrs.evolve(self.solver.shaped(problem, batch), made_of=self._parts())
        else:
            if not isinstance(problem, Problem) or [*map(id, problem.made_of)] != [*map(id, self._parts())]:
                raise InputError(
                    "the problem is not of this pipeline: it has other priors, or another operator or solver",
                    hint="give what problem_for(y) of this pipeline returns, or leave problem out",
                )
            problem = problem.shaped(tuple(batch.shape[1:]))  # refuses that of another shape
        problem.require_field(batch)
        return attrs.evolve(problem, noise=noise), batch, numpy_in, axes_added

    def _parts(self) -> tuple[object, ...]:
        """The parts that decide a problem's priors and shapes; :attr:`Problem.made_of` keeps them."""
        return (self.operator, *self.priors, self.solver)

    def _start(self, start: Solution, problem: Problem, y: Tensor, rng: torch.Generator) -> Solution:
        """A solution to go on from: tensors with a batch axis, latents of this pipeline's priors."""

        def tensor(values: Any, like: torch.dtype = torch.float32) -> Tensor | None:
            """On the device and in the precision of y; complex where it is, or where ``like`` is."""
            if values is None:
                return None
            made = torch.as_tensor(values).detach()
            dtype = y.dtype.to_complex() if made.is_complex() or like.is_complex else y.dtype.to_real()
            return made.to(device=y.device, dtype=dtype)

        def signal(values: Any, prior: Generator) -> Tensor | None:
            made, shape = tensor(values, prior.latent_dtype(y.dtype)), prior.signal_shape
            if made is None or not shape:
                return made
            made = made[(None,) * (len(shape) + 1 - made.ndim)]
            if tuple(made.shape) != (len(y), *shape):
                raise InputError(
                    f"the solution to start from has an array of shape {tuple(made.shape)} for {len(y)} "
                    f"measurements with signals of shape {shape}",
                    hint="start from the solution of the same measurements",
                )
            return made

        w, x = (signal(each, prior) for each, prior in zip((start.w, start.x), problem.priors, strict=True))
        if x is None:
            raise InputError("the solution to start from has no x", hint="start from another")
        h, m = (
            tensor(latent, prior.latent_dtype(y.dtype))
            for latent, prior in zip(start.latents, problem.priors, strict=True)
        )
        for latent in (h, m):
            if latent is not None and len(latent) != len(y):
                raise InputError(
                    f"the solution to start from has latents of {len(latent)} measurements, "
                    f"but {len(y)} are to be solved",
                    hint="start from the solution of the same measurements, or set its latents=(None, None)",
                )
        then = (start.config or {}).get("priors")
        if then is None:  # nobody says of which priors the latents are: those that make its signals
            pairs = zip((h, m), (w, x), problem.priors, strict=True)
            kept = [makes(prior, latent, made) for latent, made, prior in pairs]
        else:
            now = [records.written("prior", each, strict=False) for each in self.priors]
            kept = [before == own for before, own in zip(then, now, strict=True)]
        rivals = start.rivals and tuple(
            Rivals(tensor(each.h), tensor(each.nats)) for each in start.rivals
        )
        noise, confidence = tensor(start.noise), tensor(start.confidence)
        start = attrs.evolve(
            start, w=w, x=x, latents=(h, m), rivals=rivals, noise=noise, confidence=confidence
        )
        begun = restated(start, problem, rng, kept=kept)
        for name, latent, prior in zip("wx", begun.latents, problem.priors, strict=True):
            if latent is not None and latent.is_complex() and not prior.latent_dtype(y.dtype).is_complex:
                raise InputError(
                    f"{name} of the solution to start from is complex, here it is real",
                    hint=f"give attrs.evolve(solution, {name}=solution.{name}.real, latents=(None, None))",
                )
        return begun

    def to_config(self, *, strict: bool = True) -> dict[str, Any]:
        """This pipeline as a plain dict for TOML or JSON: defaults spelled out, files by their sha256.

        Args:
            strict: whether :func:`load_config` has to make the same pipeline of it.

        Raises:
            ConfigError: if ``strict``, a part was given as an object that no spec made, or was changed in
                memory.
        """
        return {
            "format": FORMAT,
            "seed": self.seed,
            "operator": records.written("operator", self.operator, strict=strict),
            "priors": [records.written("prior", each, strict=strict) for each in self.priors],
            "noise": records.written("noise", self.noise, strict=strict),
            "solver": records.written("solver", self.solver, strict=strict),
            "versions": records.versions(),
        }

    def plot(self, solution: Solution, *, y: Any = None, truth: Any = None) -> Figure:
        """A figure of a solution beside the measurement and the truth, as far as they are given.

        Args:
            solution: what this pipeline has found.
            y: the measurements, as they were given to it.
            truth: the true pair ``(w, x)`` in the layout of the solution. The titles then have the PSNR of
                the image and the normalised cross-correlation of the kernel, modulo the operator's
                ambiguities. Or the true ``x`` alone: the PSNR is then modulo a shift, without the borders.

        Raises:
            InputError: no solution, or its signals are no images.
            ShapeError: the truth has another shape.
            MissingExtra: matplotlib, the extra ``plot``, is not installed.
        """
        from invkit.showing.recovery import recovery_figure

        _require_solution("solution", solution)
        return recovery_figure(self.operator, solution, y, truth)

    def save_config(self, path: str | os.PathLike[str]) -> Path:
        """Write :meth:`to_config` to a ``.toml`` or ``.json`` file; :func:`load_config` gives the pipeline
        back.
        """
        write_config(path, self.to_config())
        return Path(path)


def _require_solution(name: str, given: Any) -> None:
    """Refuse anything but a solution, the folder of one for example, as the argument of this name."""
    if isinstance(given, str | os.PathLike):
        folder = os.fspath(given)
        raise InputError(
            f"{name} must be a solution, got the path {folder!r}",
            hint=f"write {name}=invkit.Solution.load({folder!r}) for a folder that save() wrote",
        )
    if not isinstance(given, Solution):
        raise InputError(
            f"{name} must be a solution, got {type(given).__name__}",
            hint=f'give what a pipeline gave, or {name}=invkit.Solution.load("FOLDER")',
        )


def _is_memory(error: Exception) -> bool:
    """Whether an error says that memory was refused; torch has no class of its own for that on a CPU."""
    signs = ("can't allocate memory", "Storage size calculation overflowed")
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or any(sign in str(error) for sign in signs)


def _called(prior: Generator) -> str:
    """A prior's spec, for messages; its class where it has none."""
    spec = spec_of(prior)
    return type(prior).__name__ if spec is None else str(Spec(spec.kind, spec.name))
