"""Solutions on disk: exact numbers, pictures of what are images, and a record that comes last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import invkit
from invkit.errors import InputError, OutputError
from invkit.files import solutions
from invkit.files.images import read_image
from invkit.files.solutions import writable_folder, write_kernel
from invkit.measurements import as_numpy


def solution(x: Any, w: Any, *, axes_added: int = 0, n: int = 1, **more: Any) -> invkit.Solution:
    """A pretended one, of ``n`` measurements with two restarts each."""
    ends = ((invkit.Status.MAX_ITER, invkit.Status.DIVERGED),) * n
    return invkit.Solution(
        x=x,
        w=w,
        latents=more.pop("latents", (torch.zeros(n, 0), torch.zeros(n, 3))),
        residual=torch.full((n,), 0.25),
        status=(invkit.Status.MAX_ITER,) * n,
        restarts=invkit.Restarts(
            torch.tensor([[1.0, torch.nan]] * n), torch.tensor([[0.25, torch.inf]] * n), ends, (0,) * n
        ),
        history=torch.zeros(n, 2, 0),
        history_steps=(),
        seconds=1.5,
        axes_added=axes_added,
        **more,
    )


def names(folder: Path) -> list[str]:
    """What there is of a solution, but for what all have: the latents and the history."""
    return sorted({path.name for path in folder.iterdir()} - {"h.npy", "m.npy", "history.npy"})


BOTH = ["solution.json", "w.npy", "w.png", "x.npy", "x.png"]


@pytest.mark.parametrize("numpy", [False, True])
@pytest.mark.parametrize(
    ("axes_added", "x_shape", "w_shape"),
    [(0, (1, 3, 6, 5), (1, 1, 3, 3)), (1, (3, 6, 5), (1, 3, 3)), (2, (6, 5), (3, 3))],
)
def test_every_layout(
    axes_added: int, x_shape: tuple[int, ...], w_shape: tuple[int, ...], numpy: bool, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.random(x_shape), rng.random(w_shape) / 9
    given = (x, w) if numpy else (torch.from_numpy(x), torch.from_numpy(w))
    assert solution(*given, axes_added=axes_added).save(tmp_path) == tmp_path
    assert names(tmp_path) == BOTH
    for name, signal in (("x", x), ("w", w)):
        stored = np.load(tmp_path / f"{name}.npy")
        assert stored.dtype == np.float64 and np.array_equal(stored, signal)
    picture = x[0] if axes_added == 0 else x
    assert np.abs(read_image(tmp_path / "x.png") - picture).max() < 1 / 255
    kernel = np.squeeze(w) / w.max()
    assert np.abs(read_image(tmp_path / "w.png")[0] - kernel).max() < 1 / 255


def test_a_batch_has_a_picture_of_each(tmp_path: Path) -> None:
    x, w = torch.rand(3, 1, 6, 6), torch.rand(3, 1, 2, 2)
    solution(x, w, n=3).save(tmp_path)
    assert [n for n in names(tmp_path) if n.endswith("png")] == [
        f"{s}-{i}.png" for s in "wx" for i in range(3)
    ]
    assert np.abs(read_image(tmp_path / "x-2.png") - x[2].numpy()).max() < 1 / 255
    assert np.load(tmp_path / "x.npy").shape == (3, 1, 6, 6)


@pytest.mark.parametrize(
    ("axes_added", "shape"),
    [(0, (1, 1, 9)), (0, (3, 1, 9)), (1, (1, 9)), (1, (3, 9)), (2, (9,))],
)
def test_what_is_no_image_has_no_picture(axes_added: int, shape: tuple[int, ...], tmp_path: Path) -> None:
    n = shape[0] if axes_added == 0 else 1
    solution(torch.rand(shape), torch.rand(shape), axes_added=axes_added, n=n).save(tmp_path)
    assert names(tmp_path) == ["solution.json", "w.npy", "x.npy"]


def test_two_channels_are_no_image_but_kernels_of_two_places(tmp_path: Path) -> None:
    solution(torch.rand(1, 2, 6, 6), torch.rand(1, 2, 6, 6)).save(tmp_path)
    assert names(tmp_path) == ["solution.json", "w.npy", "w.png", "x.npy"]


def test_a_result_that_is_not_finite_is_kept_without_a_picture(tmp_path: Path) -> None:
    solution(torch.full((1, 1, 4, 4), torch.nan), torch.ones(1, 1, 2, 2)).save(tmp_path)
    assert names(tmp_path) == ["solution.json", "w.npy", "w.png", "x.npy"]
    assert np.isnan(np.load(tmp_path / "x.npy")).all()


def test_the_record_is_the_summary_and_valid_json(tmp_path: Path) -> None:
    made = solution(torch.rand(1, 1, 4, 4), torch.rand(1, 1, 2, 2))
    made.save(str(tmp_path))
    record = json.loads((tmp_path / "solution.json").read_text(), parse_constant=pytest.fail)
    assert record.pop("history_steps") == [] and record.pop("axes_added") == 0
    assert record.pop("arrays").keys() == {"x", "w", "h", "m", "history"}
    assert record.pop("files") == sorted(path.name for path in tmp_path.iterdir())
    assert record == made.summary()
    assert record["restarts"]["objective"] == [[1.0, None]] and record["status"] == ["max_iter"]


@pytest.mark.parametrize(("axes_added", "shape"), [(0, (1, 3, 6, 5)), (1, (3, 6, 5)), (2, (6, 5))])
def test_without_a_w_there_is_no_file_of_it(axes_added: int, shape: tuple[int, ...], tmp_path: Path) -> None:
    solution(torch.rand(shape), None, axes_added=axes_added).save(tmp_path)
    assert names(tmp_path) == ["solution.json", "x.npy", "x.png"]
    record = json.loads((tmp_path / "solution.json").read_text())
    assert "w" in record and record["w"] is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_short_floats_are_stored_without_loss(dtype: torch.dtype, tmp_path: Path) -> None:
    x = torch.rand(1, 1, 4, 4).to(dtype)
    solution(x.requires_grad_(), torch.ones(1, 1, 2, 2)).save(tmp_path)
    assert np.array_equal(np.load(tmp_path / "x.npy"), x.detach().float().numpy())


def test_what_pipelines_return_can_be_saved(tmp_path: Path) -> None:
    y = np.random.default_rng(0).random((1, 8, 8)).astype(np.float32)
    pipeline = invkit.compose("circconv", ["identity", "identity"], "altgd?steps=2,restarts=2,keep=2")
    for given, folder in ((y[0], "plain"), (y, "channels"), (torch.from_numpy(y)[None], "batch")):
        made = pipeline(given)
        made.save(tmp_path / folder)
        assert names(tmp_path / folder) == BOTH
        assert np.array_equal(np.load(tmp_path / folder / "x.npy"), np.asarray(made.x))


def test_the_record_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was cut short is not read, and the next one may take its place."""

    def full(path: Path, image: object) -> None:
        raise OutputError("no room")

    made = solution(torch.rand(1, 1, 4, 4), torch.rand(1, 1, 2, 2))
    with monkeypatch.context() as patch, pytest.raises(OutputError, match="no room"):
        patch.setattr(solutions, "write_kernel", full)
        made.save(tmp_path)
    with pytest.raises(InputError, match="not whole"):
        invkit.Solution.load(tmp_path)
    same(invkit.Solution.load(made.save(tmp_path)), made)


def test_nobody_elses_file_is_replaced_or_removed(tmp_path: Path) -> None:
    mine = {"x_std.npy": "mine", "x-7.png": "mine"}
    for name, text in mine.items():
        (tmp_path / name).write_text(text)
    made = solution(torch.rand(2, 1, 4, 4), torch.rand(2, 1, 2, 2), n=2)
    made.save(tmp_path)
    made.save(tmp_path)
    assert {name: (tmp_path / name).read_text() for name in mine} == mine
    for taken in ("w.npy", "x-1.png", "solution.json"):
        folder = tmp_path / f"beside-{taken}"
        folder.mkdir()
        (folder / taken).write_text("{}")
        with pytest.raises(OutputError, match=f"{taken} would be replaced"):
            made.save(folder)
        assert [(path.name, path.read_text()) for path in folder.iterdir()] == [(taken, "{}")]


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_folder_that_cannot_be_written(where: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write to the folder"):
        solution(torch.rand(1, 1, 4, 4), torch.rand(1, 1, 2, 2)).save(tmp_path / where)
    assert names(tmp_path) == ["file"]


def test_a_writable_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    assert writable_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert names(tmp_path / "a" / "b") == []


def test_kernels_are_drawn_at_full_range(tmp_path: Path) -> None:
    write_kernel(tmp_path / "w.png", np.array([[0.0, 0.001], [-1.0, 0.002]]))
    assert read_image(tmp_path / "w.png")[0].round(1).tolist() == [[0.0, 0.5], [0.0, 1.0]]


# Loading


def plain(value: Any) -> Any:
    """Numbers as numpy's, in double precision: what a record can hold."""
    if isinstance(value, torch.Tensor):
        value = value.numpy()
    return value.astype(float) if isinstance(value, np.ndarray) else value


def same(loaded: invkit.Solution, saved: invkit.Solution) -> None:
    """All that was saved, to the bit; in numpy, and single numbers in double precision."""
    for field in ("x", "w", "x_std", "x_kernel", "history"):
        stored, given = getattr(loaded, field), getattr(saved, field)
        assert (stored is None) == (given is None)
        if given is not None:
            assert type(stored) is np.ndarray and stored.dtype == np.asarray(given).dtype
            np.testing.assert_array_equal(stored, np.asarray(given))
    for stored, given in zip(loaded.latents, saved.latents, strict=True):
        np.testing.assert_array_equal(plain(stored), plain(given))
    for field in ("residual", "noise", "confidence"):
        np.testing.assert_array_equal(plain(getattr(loaded, field)), plain(getattr(saved, field)))
    for field in ("status", "notes", "history_steps", "seconds", "config", "axes_added"):
        assert getattr(loaded, field) == getattr(saved, field)
    assert (loaded.rivals is None) == (saved.rivals is None)
    for stored, given in zip(loaded.rivals or (), saved.rivals or (), strict=True):
        np.testing.assert_array_equal(stored.h, plain(given.h))
        np.testing.assert_array_equal(stored.nats, plain(given.nats))
    table, kept = loaded.restarts, saved.restarts
    assert (table.status, table.winner, table.criterion) == (kept.status, kept.winner, kept.criterion)
    np.testing.assert_array_equal(plain(table.objective), plain(kept.objective))
    finite = np.isfinite(plain(kept.residual))  # JSON knows no infinity
    assert np.array_equal(table.residual[finite], plain(kept.residual)[finite])
    assert np.isnan(table.residual[~finite]).all()


RIVALS = tuple(invkit.contracts.solution.Rivals(torch.rand(k, 4), torch.rand(k)) for k in (3, 0))
MORE: list[dict[str, Any]] = [
    {},
    {"axes_added": 1, "x": torch.rand(3, 6, 5), "w": torch.rand(1, 3, 3)},
    {"axes_added": 2, "x": torch.rand(6, 5).double(), "w": torch.rand(3, 3).double()},
    {"x": torch.rand(3, 1, 6, 5), "w": torch.rand(3, 1, 2, 2), "n": 3, "x_std": torch.rand(3, 1, 6, 5)},
    {"w": None, "latents": (None, None), "config": {"seed": 3, "priors": ["a", {"kind": "b"}]}},
    {"noise": torch.tensor([0.1]), "confidence": torch.tensor([torch.nan])},
    {"x": torch.rand(2, 1, 6, 5), "w": torch.rand(2, 1, 2, 2), "n": 2, "rivals": RIVALS},
    {"x_kernel": torch.rand(1, 1, 6, 5), "notes": ({"gain": 0.5, "family": "disk", "radius": 4.25},)},
]


@pytest.mark.parametrize("library", ["torch", "numpy"])
@pytest.mark.parametrize(
    "more", MORE, ids=["batch", "channels", "plain", "three", "no w", "noise", "rivals", "softened"]
)
def test_what_was_saved_is_loaded(more: dict[str, Any], library: str, tmp_path: Path) -> None:
    made = solution(**({"x": torch.rand(1, 1, 6, 5), "w": torch.rand(1, 1, 3, 3)} | more))
    if library == "numpy":
        made = as_numpy(made)
    made.save(tmp_path)
    loaded = invkit.Solution.load(tmp_path)
    same(loaded, made)
    loaded.save(tmp_path / "again")
    same(invkit.Solution.load(str(tmp_path / "again")), loaded)


def test_an_earlier_solution_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "x-ray.png").touch()  # not ours
    (tmp_path / "h-1.png").touch()
    x, w = torch.rand(3, 1, 6, 6), torch.rand(3, 1, 2, 2)
    solution(x, w, n=3, x_std=x, x_kernel=x).save(tmp_path)
    assert (tmp_path / "x_kernel-2.png").exists()
    solution(x[0], w[0], axes_added=1).save(tmp_path)
    kept = ["h-1.png", "x-ray.png"]
    assert names(tmp_path) == sorted([*BOTH, *kept])
    solution(x[0], None, axes_added=1, latents=(None, None)).save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["solution.json", "x.npy", "x.png", "history.npy", *kept]
    )
    solution(torch.full((1, 1, 4, 4), torch.nan), None).save(tmp_path)
    assert names(tmp_path) == sorted(["solution.json", "x.npy", *kept])
    assert invkit.Solution.load(tmp_path).w is None


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return solution(torch.rand(1, 1, 6, 6), torch.rand(1, 1, 3, 3)).save(tmp_path / "saved")


@pytest.mark.parametrize("name", ["x.npy", "w.npy", "h.npy", "history.npy", "solution.json"])
@pytest.mark.parametrize("how", ["missing", "empty", "cut", "text", "altered", "swapped", "a folder"])
def test_a_folder_that_is_not_as_it_was_written_is_refused(name: str, how: str, saved: Path) -> None:
    path = saved / name
    content = path.read_bytes()
    path.unlink()
    if how == "swapped":
        other = solution(torch.rand(1, 1, 6, 6), torch.rand(1, 1, 3, 4), n=2).save(saved.parent / "other")
        path.write_bytes((other / name).read_bytes())
    elif how == "a folder":
        path.mkdir()
    elif how != "missing":
        damaged = {"empty": b"", "cut": content[:-9], "text": b"no array"}
        path.write_bytes(damaged.get(how, content[:-9] + b"12345}}}}"))  # as long as it was
    with pytest.raises(InputError) as refusal:
        invkit.Solution.load(saved)
    assert str(saved) in str(refusal.value) and refusal.value.hint and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda record: record.pop("restarts"), "is incomplete: 'restarts'"),
        (lambda record: record.pop("arrays"), "is no record of a solution"),
        (lambda record: record.update(status=["fine"]), "'fine' is not a valid Status"),
        (lambda record: record.update(residual=["much"]), "is incomplete"),
        (lambda record: record["arrays"].pop("x"), "is incomplete: 'x'"),
        (lambda record: record.update(arrays=3), "is no record of a solution"),
    ],
)
def test_a_record_that_was_changed_is_refused(change: Any, says: str, saved: Path) -> None:
    record = json.loads((saved / "solution.json").read_text())
    change(record)
    (saved / "solution.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=says):
        invkit.Solution.load(saved)


def test_where_there_is_no_solution(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no solution in .*solution\.json.*save\(\) wrote"):
        invkit.Solution.load(tmp_path)
