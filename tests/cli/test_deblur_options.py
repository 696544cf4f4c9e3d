"""``invkit deblur``: kernel, crop, device, size; depth and colour profile; doubtful and sharp results."""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import attrs
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

import invkit
from invkit.batch import recovering
from invkit.contracts.ambient import as_device, devices
from invkit.contracts.solution import Restarts, Solution, Status
from invkit.errors import InputError
from invkit.files.images import read_image, write_image
from invkit.files.pictures import read_picture
from tests.cli.blurred import QUICK, deblur, write_blurry, write_colour, write_priors

Captured = pytest.CaptureFixture[str]
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
FREE = ("--prior", "identity", "--prior", "identity")


@attrs.frozen(eq=False)
class Pretend(invkit.Solver):
    """Gives the measurement back: doubtful with a softened image, or sharp."""

    crop: tuple[int, int, int, int] | None = None
    end: Literal["doubtful", "sharp"] = "doubtful"
    asked: ClassVar[list[Any]] = []

    def solve(
        self,
        problem: invkit.Problem,
        y: torch.Tensor,
        rng: torch.Generator,
        monitors: Sequence[invkit.Monitor] = (),
        *,
        start: Solution | None = None,
    ) -> Solution:
        self.asked.append((self.crop, y.device))
        w = torch.zeros(len(y), 1, 3, 3)
        w[:, :, 1, 1] = 1
        zero = torch.zeros(len(y), 1)
        return Solution(
            x=y,
            w=w,
            latents=(None, None),
            residual=zero[:, 0],
            status=(Status(self.end),) * len(y),
            restarts=Restarts(zero, zero, ((Status(self.end),),) * len(y), (0,) * len(y)),
            history=zero[:, :, None],
            history_steps=(0,),
            seconds=0.1,
            x_kernel=(y + 0.25).clamp(0, 1) if self.end == "doubtful" else None,
            notes=({"gain": 0.5, "family": "disk", "radius": 4.125},) * len(y),
        )

    def shaped(self, problem: invkit.Problem, y: torch.Tensor) -> invkit.Problem:
        w = problem.priors[0].shaped((1, 3, 3))
        return attrs.evolve(problem, priors=(w, problem.priors[1].shaped(tuple(y.shape[1:]))))


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, ...]]:
    """The options of a run with :class:`Pretend`."""
    monkeypatch.setattr(Pretend, "asked", [])
    invkit.register("solver", "pretend", Pretend)
    yield (*FREE, "--operator", "linconv?mode=same&boundary=replicate", "--solver", "pretend")


def record_of(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return found


# The kernel is known -----------------------------------------------------------------------------------


def test_a_kernel_that_is_known(tmp_path: Path) -> None:
    (image,) = write_blurry(tmp_path, "digit.npy")
    kernel = invkit.dataset("blurA").take(torch.arange(1), "test")[0]
    np.save(tmp_path / "kernel.npy", 7 * kernel.numpy())
    write_image(tmp_path / "kernel.png", kernel / kernel.max())
    solver = "altgd?steps=100,restarts=1,keep=1,weight_w=0,weight_x=0.001,anneal=1,start=random"
    for name, tolerance in (("kernel.npy", 1e-6), ("kernel.png", 1e-3)):
        options = ("--kernel", tmp_path / name, "--prior", "identity?penalty=tv", "--solver", solver)
        assert deblur(image, *options, "--out", tmp_path / "out", "--quiet") == 0
        assert np.abs(np.load(tmp_path / "out" / "digit_kernel.npy") - kernel.numpy()).max() < tolerance
        sha256 = record_of(tmp_path / "out", "digit")["config"]["priors"][0]["sha256"]
        assert len(sha256) == 64
    # invkit's own kernel, and the configuration that was written
    again = ("--kernel", tmp_path / "out" / "digit_kernel.npy", "--config", tmp_path / "out" / "config.toml")
    assert deblur(image, *again, "--out", tmp_path / "again", "--quiet") == 0
    assert np.abs(np.load(tmp_path / "again" / "digit_kernel.npy") - kernel.numpy()).max() < 1e-3


def test_stages_that_would_look_for_a_known_kernel_are_left_out(tmp_path: Path) -> None:
    image = write_colour(tmp_path / "face.png", side=64)
    np.save(tmp_path / "kernel.npy", np.eye(5) / 5)
    known = f"known:{tmp_path}/kernel.npy?normalise=sum"
    assert invkit.method("digits", w=known).to_config()["solver"]["kind"] == "altgd"
    assert len(invkit.method("objects").to_config()["solver"]) == 2
    options = ("--method", "faces", "--kernel", tmp_path / "kernel.npy", "--solver", QUICK)
    assert deblur(image, *options, "--out", tmp_path / "out") == 0

    def stages(method: str) -> list[tuple[str, str | None]]:
        made = invkit.method(method, w=known).to_config()["solver"]
        return [(stage["solver"]["kind"], stage.get("hold")) for stage in made]

    assert stages("photographs") == [("pnp", None), ("caution", None)]
    assert stages("objects") == [("evidence", None), ("pnp", None)]  # neither looks for a kernel then


def test_a_pipeline_with_a_known_kernel_needs_a_known_kernel() -> None:
    with pytest.raises(invkit.InputError, match="leaves w to be found; give a known signal"):
        invkit.method("digits").with_w_given("vae:blurA")


def test_a_photographs_kernel_that_is_known(tmp_path: Path) -> None:
    sharp = write_colour(tmp_path / "sharp.png", side=40)
    kernel = np.ones((3, 3), np.float32) / 9
    np.save(tmp_path / "kernel.npy", kernel)
    y = invkit.operator("linconv?mode=same&boundary=replicate")(
        torch.from_numpy(kernel)[None, None], torch.from_numpy(read_image(sharp))[None]
    )
    write_image(tmp_path / "photo.png", y[0])
    assert deblur(tmp_path / "photo.png", "--kernel", tmp_path / "kernel.npy", "--out", tmp_path / "out") == 0
    found, truth = np.load(tmp_path / "out" / "photo_sharp.npy"), read_image(sharp)
    before = np.abs(read_image(tmp_path / "photo.png") - truth)[:, 4:-4, 4:-4].mean()
    assert np.abs(found - truth)[:, 4:-4, 4:-4].mean() < before
    assert np.allclose(np.load(tmp_path / "out" / "photo_kernel.npy"), kernel)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--kernel", "none.npy"), 3, "none.npy"),
        (("--kernel", "k.npy", *FREE), 2, "leave --kernel out"),
        (("--kernel", "zero.npy"), 3, "positive sum"),
        (("--crop", "1,2,3"), 2, "left, top, width and height"),
        (("--crop", "1,2,0,4"), 2, "left, top, width and height"),
        (("--crop", "a,b,c,d"), 2, "left, top, width and height"),
        (("--crop", "-1,0,4,4"), 2, "left, top, width and height"),
        (("--device", "abacus"), 2, "--device: there is no device 'abacus' here; choose of cpu"),
        (("--max-pixels", "0"), 2, "--max-pixels"),
        (("--max-pixels", "100"), 3, "28×28 pixels.*--max-pixels 784"),
    ],
)
def test_options_that_cannot_be(
    options: tuple[str, ...],
    code: int,
    message: str,
    tmp_path: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_blurry(Path(), "digit.png")
    np.save("k.npy", np.eye(3))
    np.save("zero.npy", np.zeros((3, 3)))
    assert deblur("digit.png", *options, "--quiet", "--out", "out") == code
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1 and re.search(message, err)
    assert not Path("out").exists()


# Where and on what ---------------------------------------------------------------------------------------


def test_a_crop_is_the_solvers_option(tmp_path: Path, pretend: tuple[str, ...], capsys: Captured) -> None:
    image = write_colour(tmp_path / "a.png", side=20)
    assert deblur(image, *pretend, "--crop", "2,4,10,12", "--out", tmp_path / "out") == 0
    assert [crop for crop, _ in Pretend.asked] == [(2, 4, 10, 12)]
    record = record_of(tmp_path / "out", "a")
    assert record["crop"] == [2, 4, 10, 12] and record["config"]["solver"]["crop"] == [2, 4, 10, 12]
    capsys.readouterr()
    assert deblur(image, *pretend, "--crop", "12,0,10,10", "--out", tmp_path / "out") == 3
    assert "beyond" in (err := capsys.readouterr().err) and "20 wide and 20 high" in err
    stages = (*pretend, "--solver", f"{QUICK} hold=w", "--crop", "0,0,5,5")
    assert deblur(image, *stages, "--out", tmp_path / "out") == 0
    first, second = record_of(tmp_path / "out", "a")["config"]["solver"]
    assert first["solver"]["crop"] == [0, 0, 5, 5] and "crop" not in second["solver"]


def test_a_crop_for_a_solver_without_one(tmp_path: Path, capsys: Captured) -> None:
    (image,) = write_blurry(tmp_path, "digit.png")
    options = [*write_priors(tmp_path), "--solver", QUICK, "--crop", "0,0,9,9", "--out", tmp_path / "out"]
    assert deblur(image, *options) == 2
    assert "--crop needs a solver with the option `crop`" in capsys.readouterr().err


def test_devices_are_those_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices()[:4] == ["cpu", "cuda", "cuda:0", "cuda:1"]
    assert as_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(InputError, match=r"cuda:2.*cpu, cuda, cuda:0, cuda:1"):
        as_device("cuda:2")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu(tmp_path: Path, pretend: tuple[str, ...]) -> None:
    (image,) = write_blurry(tmp_path, "digit.png")
    options = [*write_priors(tmp_path), "--solver", QUICK]
    for device in ("cpu", "cuda"):
        assert deblur(image, *options, "--device", device, "--out", tmp_path / device) == 0
    one, other = (np.load(tmp_path / device / "digit_sharp.npy") for device in ("cpu", "cuda"))
    assert np.abs(one - other).max() < 1e-3
    assert deblur(image, *pretend, "--device", "cuda", "--out", tmp_path / "out") == 0
    assert Pretend.asked[0][1].type == "cuda"


def test_a_picture_that_the_priors_cannot_take_is_refused_by_its_header(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovering, "read_picture", lambda *a, **k: pytest.fail("it was read"))
    Image.new("L", (4000, 3000)).save(tmp_path / "a.png")
    assert deblur(tmp_path / "a.png", *write_priors(tmp_path), "--out", tmp_path / "out") == 3
    assert "4000" in (err := capsys.readouterr().err) and "28" in err


# What is kept and written ------------------------------------------------------------------------------


def photo(path: Path, **options: Any) -> Path:
    made = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(made).save(stream, "PNG" if path.suffix == ".png" else "JPEG", **options)
    path.write_bytes(stream.getvalue())
    return path


def test_depth_profile_and_exif_are_kept(tmp_path: Path, pretend: tuple[str, ...]) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    made = np.random.default_rng(0).integers(0, 65536, (3, 20, 24))
    write_image(tmp_path / "deep.png", made / 65535, bits=16, icc=PROFILE, exif=exif.tobytes())
    plain = photo(tmp_path / "plain.png")
    assert deblur(tmp_path / "deep.png", plain, *pretend, "--out", tmp_path / "out") == 0
    deep = read_picture(tmp_path / "out" / "deep_sharp.png")
    assert deep.bits == 16 and np.array_equal(np.rint(deep.pixels * 65535.0), made)
    assert deep.icc == PROFILE and deep.exif is not None and b"a camera" in deep.exif
    record = record_of(tmp_path / "out", "deep")
    assert record["bits"] == {"read": 16, "written": 16} and record["kept"] == ["icc", "exif"]
    assert record_of(tmp_path / "out", "plain")["bits"] == {"read": 8, "written": 8}
    assert read_picture(tmp_path / "out" / "plain_sharp.png").bits == 8


def test_a_profile_of_colours_does_not_fit_grey(tmp_path: Path, pretend: tuple[str, ...]) -> None:
    image = photo(tmp_path / "a.png", icc_profile=PROFILE)
    assert deblur(image, *pretend, "--grey", "--out", tmp_path / "out") == 0
    record = record_of(tmp_path / "out", "a")
    assert record["kept"] == [] and "colour profile is left out" in record["left_out"][0]
    assert read_picture(tmp_path / "out" / "a_sharp.png").icc is None


def test_a_doubtful_result_and_a_sharp_one(
    tmp_path: Path, pretend: tuple[str, ...], capsys: Captured
) -> None:
    image, out = photo(tmp_path / "a.png"), tmp_path / "out"
    assert deblur(image, *pretend, "--out", out) == 0
    said = capsys.readouterr().out.splitlines()
    assert "doubtful" in said[1] and said[2].startswith("doubtful: likely to be wrong")
    record = record_of(out, "a")
    assert record["status"] == "doubtful" and record["files"]["unsoftened"] == "a_unsoftened.png"
    assert record["notes"] == {"gain": 0.5, "family": "disk", "radius": 4.125}
    apart = read_image(out / "a_unsoftened.png") - (read_image(image) + 0.25).clip(0, 1)
    assert np.abs(apart).max() < 0.6 / 255
    # A run after it leaves nothing of the softened one.
    assert deblur(image, *pretend[:-1], "pretend?end=sharp", "--out", out) == 0
    said = capsys.readouterr().out.splitlines()
    assert "sharp" in said[1] and said[2].startswith("sharp: not blurred, or too little structure to tell")
    record = record_of(out, "a")
    assert record["status"] == "sharp" and "unsoftened" not in record["files"]
    assert not (out / "a_unsoftened.png").exists()


# In a folder -------------------------------------------------------------------------------------------


def test_what_is_passed_over_is_named(tmp_path: Path, pretend: tuple[str, ...], capsys: Captured) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    photo(folder / "a.png")
    for number in range(10):
        (folder / f"{number}.txt").write_text("x")
    assert deblur(folder, *pretend, "--json", "--out", tmp_path / "out") == 0
    out, err = capsys.readouterr()
    assert [each["reason"] for each in json.loads(out)["skipped"]] == ["no image (.txt)"] * 10
    (line,) = [line for line in err.splitlines() if "passed over" in line]
    assert line.startswith(f"invkit: {folder}: passed over 10: 0.txt: no image (.txt)") and "2 more" in line
    assert deblur(folder, *pretend, "--quiet", "--out", tmp_path / "out") == 0
    assert capsys.readouterr().err == ""


def test_a_terminal_is_told_how_long_a_folder_takes(
    tmp_path: Path, pretend: tuple[str, ...], capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    images = [photo(tmp_path / f"{name}.png") for name in "ab"]
    assert deblur(*images, *pretend, "--out", tmp_path / "out") == 0
    first, second = [line for line in capsys.readouterr().err.splitlines() if line.startswith("[")]
    assert first.endswith(" left)") and second.endswith("b.png")


def test_a_zip_is_deblurred_into_a_tar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blurry = write_blurry(tmp_path / "in", "a.png", "b.png")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in blurry:
            archive.write(path, f"deep/{path.name}")
    options = [*write_priors(tmp_path / "weights"), "--solver", QUICK, "--only", "sharp", "--pack"]
    command = [tmp_path / "photos.zip", *options, "--out", tmp_path / "out"]
    assert deblur(*command, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert [record["files"]["sharp"] for record in said["images"]] == ["a.sharp.png", "b.sharp.png"]
    assert deblur(*command) == 0
    out, _ = capsys.readouterr()
    assert "2 of 2 were finished before" in out and f"{tmp_path / 'photos.zip'}/deep/a.png" in out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("config.toml", "records.jsonl", "results.tar")
    ]


def test_a_picture_larger_than_its_class_is_recovered_by_patches(tmp_path: Path, capsys: Captured) -> None:
    """The refusal of the class alone says what to type; what it says works; a smaller picture is refused."""
    for name, size in ("sheet.png", (40, 52)), ("small.png", (20, 52)):
        write_image(tmp_path / name, torch.rand(1, *size, generator=torch.Generator().manual_seed(0)))
    out = ["--out", tmp_path / "out"]
    quick = "evidence?starts=4,keep=2,steps=2,retries=0,leaps=0,finish=0,doubt=0"
    assert deblur(tmp_path / "sheet.png", "--prior", "trajectory", "--prior", "gaussian:mnist", *out) == 3
    said = capsys.readouterr().err
    typed = re.search(r"name (patches:gaussian:mnist),.*(trajectory\?size=14,longest=14)", said)
    assert typed, said
    both = ["--prior", typed[2], "--prior", typed[1], "--solver", quick]
    assert deblur(tmp_path / "sheet.png", *both, *out) == 0
    assert read_image(tmp_path / "out" / "sheet_sharp.png").shape == (1, 40, 52)
    capsys.readouterr()
    assert deblur(tmp_path / "small.png", *both, *out) == 3
    assert "give pictures of as many channels that are no smaller" in capsys.readouterr().err
