"""``invkit calibrate``: how sure a solver may be of what it finds with a prior, written into its card.

    invkit calibrate gaussian:mine --images 120
    invkit calibrate bounded:gaussian:objects --solver "evidence?keep=24x8x4" --out mine.safetensors
    invkit calibrate gaussian:mine --then "pnp x=denoiser:photographs"       # for results of both stages

Pictures of the prior's own validation split are blurred and deblurred blind, and each result is compared with
that of the same prior and the true kernel. Where it lacks more than 3 dB it has fallen short. A logistic law
of the solver's signs of doubt is fitted to that (`invkit.contracts.calibration`), and the card keeps it.
Searches by default may seldom fail; so a second, hurried solver gets every other picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from invkit.cli.output import (
    PATH,
    completing,
    json_option,
    print_json,
    print_table,
    quiet_option,
    say,
    seed_option,
    to_stderr,
)
from invkit.errors import ConfigError, InputError, WeightsError
from invkit.plugin.specs import Spec
from invkit_experiments.studies.calibration import KERNEL_PRIOR, KERNELS, OPERATOR, SOLVERS

if TYPE_CHECKING:
    from invkit.contracts.marginal import IntegrableGenerator
    from invkit_experiments.engine.study import Study
    from invkit_experiments.output.report import Report

__all__ = ["calibrate"]


@click.command("calibrate")
@click.argument("prior", shell_complete=completing("prior"))
@click.option(
    "--images",
    type=click.IntRange(min=2),
    default=120,
    show_default=True,
    metavar="N",
    help="Pictures to deblur.",
)
@click.option("--w", "kernel_prior", default=KERNEL_PRIOR, show_default=True, help="Prior of the kernels.")
@click.option("--kernels", default=KERNELS, show_default=True, help="Data set of kernels to blur with.")
@click.option("--operator", default=OPERATOR, show_default=True, help="Model of the blur.")
@click.option("--data", metavar="SPEC_OR_FOLDER", help="Pictures in place of those of the prior's recipe.")
@click.option(
    "--solver",
    "solvers",
    multiple=True,
    default=SOLVERS,
    metavar="SPEC",
    help="Solver; of several, pictures go to each in turn. Default: evidence, and a hurried one.",
)
@click.option(
    "--then",
    "stages",
    multiple=True,
    metavar="STAGE",
    help="Stage that follows the solver, where results are to be those of both. May be repeated.",
)
@seed_option
@click.option(
    "--cells",
    type=PATH,
    default=Path("invkit-bench"),
    metavar="DIR",
    show_default=True,
    help="Folder for finished pictures; the same command goes on from there.",
)
@click.option("--out", type=PATH, metavar="FILE", help="Weights file to write, in place of the prior's own.")
@quiet_option
@json_option
def calibrate(
    prior: str,
    images: int,
    kernel_prior: str,
    kernels: str,
    operator: str,
    data: str | None,
    solvers: tuple[str, ...],
    stages: tuple[str, ...],
    seed: int | None,
    cells: Path,
    out: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Measure how far the confidence of results with PRIOR can be trusted, and store it in its weights file.

    Pictures that PRIOR was not fitted to are blurred, and deblurred blind. The results with a wrong kernel
    say which signs of doubt matter. A law that is fitted to them gives the confidence from then on, and the
    confidence below which a result is doubtful.

    \b
    invkit calibrate gaussian:mine
    """
    import invkit
    from invkit.files import store
    from invkit.files.solutions import writable_folder
    from invkit_experiments.engine.benchmark import Settings
    from invkit_experiments.engine.judged import fitted
    from invkit_experiments.engine.kept import Kept
    from invkit_experiments.output.watching import Watcher, watcher_for

    made = _integrable(prior)
    assert made.file is not None
    target = _target(prior, made.file, out)
    pictures = _pictures(prior, made, data)
    study = _study(prior, pictures, kernel_prior, kernels, operator, [(each, *stages) for each in solvers])
    settings = Settings(-(-images // len(solvers)), seed or 0, None)
    study.check(settings, tuple(study.methods))
    for folder in (cells, target.parent):  # before hours of work, not after
        writable_folder(folder)
    there = sum(study.size(row, settings) for row in study.methods)
    if there < images and not quiet:
        to_stderr(f"invkit: only {there} pictures of {prior} were kept apart, {images} are asked for")
    watcher = Watcher() if quiet else watcher_for(bars=True)
    report = study.run(settings, Kept(cells), tuple(study.methods), watcher)
    figures, meant = _together(report)
    more = {
        "w": kernel_prior,
        "kernels": kernels,
        "operator": operator,
        "data": pictures,
        "solvers": list(solvers),
        "then": list(stages),
    }
    law = fitted(invkit.solver(solvers[0]), figures, more, meant)
    trained = store.read_prior(made.file)
    laws = {**trained.card.get("calibrations", {}), Spec.parse(prior).kind: law.card()}
    store.write_prior(target, trained.tensors, {**trained.card, "calibrations": laws})
    if as_json:
        print_json({"file": str(target), **law.card()})
        return
    titles = [column.title for column in report.columns]
    print_table(titles, [[column.text(row) for column in report.columns] for row in report.rows])
    told = law.figures
    others = told["images"] - told["short"]
    say(f"\n{solvers[0]}, each picture judged by a law of other pictures; * is where doubt begins:")
    print_table(
        ["doubtful below", f"of {told['short']} that fell short", f"of {others} others"],
        [
            [f"{limit:.3g}{' *' * (limit == law.doubt)}", str(found), str(false)]
            for limit, found, false in told["curve"]
        ],
    )
    say(f"written to {target}; another limit than * is set by the solver's option doubt")


def _integrable(prior: str) -> IntegrableGenerator:
    """The prior, if it can be calibrated."""
    import invkit
    from invkit.contracts.marginal import IntegrableGenerator

    made = invkit.prior(prior)
    if not isinstance(made, IntegrableGenerator) or made.file is None:
        integrable = isinstance(made, IntegrableGenerator)
        raise InputError(
            f"{prior} {'has no weights file to store it in' if integrable else 'cannot be integrated out'}",
            hint="calibrate a trained prior that can be integrated out, e.g. gaussian:celeba",
        )
    return made


def _target(prior: str, file: Path, out: Path | None) -> Path:
    """The weights file to write; a file that travels with a plugin is left as it is."""
    from invkit.files import store

    own = store.user_store().resolve() in file.resolve().parents or str(file) in prior
    if out is None and not own:
        raise ConfigError(
            f"the weights of {prior} travel with a plugin and are left as they are",
            hint="write a calibrated copy: --out NAME.safetensors",
        )
    if out is not None and out.suffix != store.SUFFIX:
        raise WeightsError(
            f"{out} is no name of a weights file", hint=f"write --out {out.name}{store.SUFFIX}"
        )
    return file if out is None else out


def _pictures(prior: str, made: IntegrableGenerator, data: str | None) -> str:
    """The spec of the pictures, whose shape has to be the prior's."""
    from invkit.training import mixture
    from invkit_experiments.inputs.sources import dataset

    shape = tuple(made.signal_shape or ())
    named = data or _recipe(prior, made)
    folder = Path(named).expanduser()
    grey = shape[0] == 1
    spec = mixture.located(str(folder.resolve()), size=shape[-1], grey=grey) if folder.is_dir() else named
    found = tuple(dataset(spec).signal_shape)
    if found != shape:
        raise ConfigError(
            f"{prior} makes pictures of {shape}, {named} has {found}", hint="give it pictures of its class"
        )
    return spec


def _recipe(prior: str, made: IntegrableGenerator) -> str:
    from invkit.files import store

    assert made.file is not None
    data = store.read_card(made.file)["recipe"].get("data")
    if not data:
        raise ConfigError(f"the card of {prior} does not say which data it is of", hint="say: --data SPEC")
    return str(data)


def _study(
    prior: str,
    pictures: str,
    kernel_prior: str,
    kernels: str,
    operator: str,
    solvers: Sequence[tuple[str, ...]],
) -> Study:
    """A study of one class; every solver has pictures of its own."""
    from invkit_experiments.engine.judged import Judged, judged_scores
    from invkit_experiments.engine.study import Case, Study
    from invkit_experiments.inputs.drawn import Drawn
    from invkit_experiments.studies.confidence import COLUMNS

    source = Drawn(pictures, "validation", kernels, operator=operator, apart=True)
    names = ["solver", *(f"solver-{number}" for number in range(2, len(solvers) + 1))]
    return Study(
        name="calibrate",
        title=f"calibration of {prior}",
        count=60,
        columns=COLUMNS,
        printed_in="",
        cases=tuple(
            Case(
                name,
                pictures,
                attrs.evolve(source, every=(number, len(solvers))),
                (Judged(name, "; ".join(solver), solver, (kernel_prior, prior)),),
                score=judged_scores,
            )
            for number, (name, solver) in enumerate(zip(names, solvers, strict=True))
        ),
    )


def _together(report: Report) -> tuple[dict[str, list[Any]], list[bool]]:
    """The figures of all rows, image by image; which images are the first row's."""
    together: dict[str, list[Any]] = {}
    meant: list[bool] = []
    for number, row in enumerate(report.rows):
        meant += [number == 0] * row["images"]
        for name, values in row["each"].items():
            together.setdefault(name, []).extend(values)
    return together, meant
