"""Bad input to the real command: one line on stderr, exit code 3 (2 for usage), nothing half-written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from invkit.files.safetensors_header import canonical
from tests.cli.blurred import QUICK, deblur, write_blurry, write_colour, write_priors
from tests.plugin.distributions import run_invkit
from tests.untrained import card, write_untrained

Captured = pytest.CaptureFixture[str]
W, X = "--prior vae:./w.safetensors", "--prior vae:./x.safetensors"
VAES = f"{W} {X} --solver {QUICK}"

CONFIG = """
format = 1
operator = { kind = "circconv" }
priors = [{ kind = "vae", name = "./w.safetensors" }, { kind = "vae", name = "./x.safetensors" }]
solver = { kind = "altgd", steps = 3 }
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one good image, good weights, and everything that is bad."""
    folder = tmp_path_factory.mktemp("bench")
    write_blurry(folder, "good.png", "a.npy")
    write_priors(folder)
    _write_bad_images(folder)
    _write_bad_weights(folder)
    _write_bad_configs(folder)
    (folder / "a-file").write_text("not a folder")
    return folder


def _write_bad_images(folder: Path) -> None:
    good = (folder / "good.png").read_bytes()
    (folder / "truncated.png").write_bytes(good[: len(good) // 2])
    (folder / "text.png").write_text("this is no picture")
    (folder / "empty.tiff").touch()
    (folder / "notes.txt").write_text("no picture either")
    image = np.full((28, 28), 0.5, np.float32)
    for name, value in (("nan", np.nan), ("inf", np.inf), ("bright", 255.0)):
        bad = image.copy()
        bad[3, 4] = value
        np.save(folder / f"{name}.npy", bad)
    np.save(folder / "five.npy", np.zeros((5, 28, 28), np.float32))
    np.save(folder / "last.npy", np.zeros((28, 28, 3), np.float32))
    np.save(folder / "small.npy", image[:16, :16])
    np.save(folder / "large.npy", np.zeros((64, 64), np.float32))
    write_colour(folder / "colour.png")
    Image.new("RGBA", (28, 28), (0, 0, 0, 100)).save(folder / "transparent.png")
    (folder / "no-images").mkdir()


def _write_bad_weights(folder: Path) -> None:
    good = (folder / "w.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(good[:-100])
    altered = bytearray(good)
    altered[-5] ^= 1
    (folder / "altered.safetensors").write_bytes(altered)
    # What write_prior refuses to write: a card, and tensors that are not finite.
    metadata = {"invkit_card": canonical(card("paper-blur")), "content_sha256": "0" * 64}
    save_file({"a": torch.tensor([1.0, torch.nan])}, folder / "unsigned.safetensors", metadata)
    save_file({"a": torch.zeros(1)}, folder / "no-card.safetensors")
    write_untrained(folder / "gan.safetensors", "paper-blur", kind="gan")
    stated = {"name": "paper-blur", "options": {"size": 32}, "output": "unit-sum"}
    write_untrained(folder / "other-size.safetensors", "paper-blur", architecture=stated)
    (folder / "text.safetensors").write_text("no weights")


def _write_bad_configs(folder: Path) -> None:
    (folder / "good.toml").write_text(CONFIG)
    (folder / "newer.toml").write_text(CONFIG.replace("format = 1", "format = 2"))
    (folder / "broken.toml").write_text(CONFIG + "\noperator = ")
    (folder / "no-solver.toml").write_text(CONFIG.replace("solver", "solvers"))
    (folder / "unversioned.toml").write_text(CONFIG.replace("format = 1", ""))
    (folder / "one-prior.json").write_text(
        json.dumps({"format": 1, "operator": "circconv", "priors": ["identity"], "solver": "altgd"})
    )
    (folder / "deep.toml").write_text("format = 1\na = " + "[" * 20_000)
    (folder / "digits.toml").write_text("format = 1\nseed = " + "9" * 5000)
    (folder / "large-seed.toml").write_text(f"format = 1\nseed = {10**20}")
    (folder / "restarts.toml").write_text(CONFIG.replace("steps = 3", "restarts = 1000000000"))
    sha = CONFIG.replace('name = "./w.safetensors"', f'name = "./w.safetensors", sha256 = "{"0" * 64}"')
    (folder / "other-weights.toml").write_text(sha)


@pytest.fixture
def at_the_bench(bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Work in a copy of the bench; gives a function that lists what is there."""
    folder = tmp_path / "bench"
    shutil.copytree(bench, folder)
    monkeypatch.chdir(folder)
    return lambda: sorted(str(path) for path in folder.rglob("*"))


USAGE = [
    ("", "Missing argument 'IMAGE_OR_FOLDER...'"),
    (f"good.png {VAES}", "Missing option '--out'"),
    (f"good.png {W} --out out", "two priors, got 1"),
    (f"good.png {W} {X} {X} --out out", "two priors, got 3"),
    (f"good.png {VAES} --out out --config good.toml", "--config cannot be given with"),
    ("good.png --method digits --out out --config good.toml", "--config cannot be given with --method"),
    ("good.png --noise robust --out out --config good.toml", "--config cannot be given with --method"),
    (f"good.png --method digits {W} --out out", "two priors, got 1"),
    (f"good.png {VAES} --out out --seed -1", "--seed"),
    (f"good.png {VAES} --out out --seed one", "--seed"),
    (f"good.png {VAES} --out out --sed 1", "--sed"),
    (f"good.png {VAES} --out . no-images .", "is the folder of the images"),
]

BAD = [
    # files
    (f"missing.png {VAES} --out out", "no such file: missing.png"),
    (f"no-images {VAES} --out out", "no image in the folder no-images"),
    (f"notes.txt {VAES} --out out", "no such file: no picture either"),
    (f"text.png {VAES} --out out", "cannot read text.png as an image"),
    (f"truncated.png {VAES} --out out", "cannot read truncated.png as an image"),
    (f"empty.tiff {VAES} --out out", "cannot read empty.tiff as an image"),
    # pixels
    (f"nan.npy {VAES} --out out", "1 NaN or infinite pixels in nan.npy"),
    (f"inf.npy {VAES} --out out", "1 NaN or infinite pixels in inf.npy"),
    (f"bright.npy {VAES} --out out", "expected floating pixels in [0, 1] in bright.npy"),
    (f"last.npy {VAES} --out out", "np.moveaxis(a, -1, 0)"),
    (f"five.npy {VAES} --out out", "expected (height, width) or (1 or 3, height, width) in five.npy"),
    (f"transparent.png {VAES} --out out", "transparent pixels"),
    # sizes and channels
    (f"colour.png {VAES} --out out", "colour.png: "),
    (f"colour.png {VAES} --out out", "add --grey to reduce colour images to grey"),
    (f"small.npy {W} --prior identity --out out", "small.npy: the kernel of 28×28 pixels is larger"),
    (f"large.npy {VAES} --out out", "large.npy: "),
    (f"good.png {VAES} --operator circconv?dims=1 --out out", "not images"),
    # specs
    (f"good.png --prior vea:./w.safetensors {X} --out out", "unknown prior 'vea'; did you mean 'vae'?"),
    (f"good.png --prior vae:blurrA {X} --out out", "no trained prior vae:blurrA"),
    (f"good.png --prior vae {X} --out out", "needs a name"),
    (f"good.png --prior vae:a?size=3 {X} --out out", "prior 'vae' has no option 'size'"),
    (f"good.png {W} --prior identity?penality=tv --out out", "did you mean 'penalty'?"),
    (f"good.png {W} --prior identity?penalty=tw --out out", "penalty='tw'"),
    (f"good.png {W} --prior wavelet:db4?level=two --out out", "level='two', expected a whole number"),
    (f"good.png {W} --prior Identity --out out", "does not start with a kind"),
    (f"good.png {W} {X} --operator circonv --out out", "did you mean 'circconv'?"),
    (f"good.png {W} {X} --solver altgd?stpes=3 --out out", "did you mean 'steps'?"),
    (f"good.png {W} {X} --solver altgd?steps=0 --out out", "'steps' must be >= 1"),
    (f"good.png {W} {X} --solver altdg --out out", "did you mean 'altgd'?"),
    (f"good.png {VAES} --monitor progres --out out", "did you mean 'progress'?"),
    ("good.png --method digit --out out", "unknown method 'digit'; did you mean 'digits'?"),
    ("good.png --method digits --solver altdg --out out", "did you mean 'altgd'?"),
    (f"good.png {VAES} --noise posson --out out", "unknown noise 'posson'; did you mean 'poisson'?"),
    (f"good.png {VAES} --noise robust?delta=0 --out out", "delta=0.0 is no positive number"),
    (f"good.png {VAES} --noise gaussian?weights=none.npy --out out", "cannot read weights from none.npy"),
    (f"good.png {VAES} --noise gaussian?weights=small.npy --out out", "weights of shape (16, 16)"),
    (f"good.png {X} {W} --out out", "exchange them"),
    # weights
    (
        f"good.png --prior vae:./none.safetensors {X} --out out",
        "no file of trained weights at none.safetensors",
    ),
    (f"good.png --prior vae:./cut.safetensors {X} --out out", "cut.safetensors"),
    (f"good.png --prior vae:./altered.safetensors {X} --out out", "altered.safetensors was altered"),
    (f"good.png --prior vae:./unsigned.safetensors {X} --out out", "unsigned.safetensors"),
    (f"good.png --prior vae:./no-card.safetensors {X} --out out", "no invkit card"),
    (f"good.png --prior vae:./gan.safetensors {X} --out out", "holds a 'gan' prior"),
    (f"good.png --prior vae:./other-size.safetensors {X} --out out", "not those of the architecture"),
    (f"good.png --prior vae:./text.safetensors {X} --out out", "text.safetensors"),
    (f"good.png --prior known:missing.npy {X} --out out", "missing.npy"),
    # configurations
    ("good.png --config none.toml --out out", "cannot read the config none.toml"),
    ("good.png --config newer.toml --out out", "has format 2, written by a newer invkit"),
    ("good.png --config broken.toml --out out", "broken.toml"),
    ("good.png --config deep.toml --out out", "nested deeper than 64"),
    ("good.png --config digits.toml --out out", "digits"),
    ("good.png --config large-seed.toml --out out", "more than 64 bits"),
    ("good.png --config restarts.toml --out out", "'restarts' must be <= 100000"),
    ("good.png --config no-solver.toml --out out", "has no 'solver'"),
    ("good.png --config unversioned.toml --out out", "no format in the config"),
    ("good.png --config one-prior.json --out out", "exactly two priors"),
    ("good.png --config other-weights.toml --out out", "is not the one the configuration was made with"),
    ("good.png --config good.png --out out", "good.png"),
    # where to write
    (f"good.png {VAES} --out a-file", "cannot write to the folder a-file: it is a file"),
    (f"good.png {VAES} --out a-file/below", "cannot write to the folder a-file/below"),
]


def test_an_empty_path_is_not_the_current_folder(
    at_the_bench: Callable[[], list[str]], capsys: Captured
) -> None:
    before = at_the_bench()
    assert deblur(*f"good.png {VAES} --out".split(), "") == 2
    assert "the path is empty" in capsys.readouterr().err and at_the_bench() == before


@pytest.mark.parametrize(("line", "says"), USAGE)
def test_usage(line: str, says: str, at_the_bench: Callable[[], list[str]], capsys: Captured) -> None:
    check(line, says, 2, at_the_bench, capsys)


@pytest.mark.parametrize(("line", "says"), BAD)
def test_bad_input(line: str, says: str, at_the_bench: Callable[[], list[str]], capsys: Captured) -> None:
    check(line, says, 3, at_the_bench, capsys)


def check(line: str, says: str, code: int, there: Callable[[], list[str]], capsys: Captured) -> None:
    before = there()
    assert deblur(*line.split()) == code
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1, err
    assert err.startswith("invkit: error: ") and says in err
    assert there() == before


def test_the_bench_itself_is_good(at_the_bench: Callable[[], list[str]]) -> None:
    assert deblur(*f"good.png {VAES} --out out".split()) == 0
    assert deblur("good.png", "--config", "good.toml", "--out", "out") == 0


def test_weights_that_are_not_finite_are_refused_even_when_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("invkit.files.store._check_finite", lambda path, tensors: None)
    from invkit.files.store import read_prior, write_prior

    good = read_prior(write_untrained(tmp_path / "w.safetensors", "paper-blur"))
    bad = {**good.tensors, "decoder.0.bias": torch.full((720,), torch.nan)}
    write_prior(tmp_path / "nan.safetensors", bad, good.card)
    monkeypatch.undo()
    (image,) = write_blurry(tmp_path, "good.png")
    priors = ("--prior", f"vae:{tmp_path}/nan.safetensors", "--prior", "identity")
    assert deblur(image, *priors, "--out", tmp_path / "out") == 3
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "720 NaN or infinite values in tensor 'decoder.0.bias'" in err
    assert not (tmp_path / "out").exists()


def test_nothing_but_bad_images(at_the_bench: Callable[[], list[str]], capsys: Captured) -> None:
    before = at_the_bench()
    assert deblur(*f"nan.npy missing.png colour.png {VAES} --out out".split()) == 3
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == "" and len(lines) == 4 and all(line.startswith("invkit: error: ") for line in lines)
    assert "none of 3 images can be deblurred" in lines[-1]
    assert at_the_bench() == before


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [("missing.png --prior identity --prior identity --out out", 3, "no such file"), ("a.png", 2, "--out")],
)
def test_in_a_process_of_its_own(line: str, code: int, says: str, tmp_path: Path) -> None:
    done = run_invkit(tmp_path, "deblur", *line.split())
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.count("\n") == 1 and says in done.stderr
