"""Solutions on disk: exact numbers, pictures of what are images, and a record that comes last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import invkit
from invkit.errors import OutputError
from invkit.files import solutions
from invkit.files.images import read_image
from invkit.files.solutions import save_solution, writable_folder, write_kernel


def solution(x: Any, w: Any, *, axes_added: int = 0, n: int = 1) -> invkit.Solution:
    """A pretended one, of ``n`` measurements with two restarts each."""
    ends = ((invkit.Status.MAX_ITER, invkit.Status.DIVERGED),) * n
    return invkit.Solution(
        x=x,
        w=w,
        latents=(torch.zeros(n, 0), torch.zeros(n, 0)),
        residual=torch.full((n,), 0.25),
        status=(invkit.Status.MAX_ITER,) * n,
        restarts=invkit.Restarts(
            torch.tensor([[1.0, torch.nan]] * n), torch.tensor([[0.25, torch.inf]] * n), ends, (0,) * n
        ),
        history=torch.zeros(n, 2, 0),
        history_steps=(),
        seconds=1.5,
        axes_added=axes_added,
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


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
    save_solution(solution(x, w, n=3), tmp_path)
    assert [n for n in names(tmp_path) if n.endswith("png")] == [
        f"{s}-{i}.png" for s in "wx" for i in range(3)
    ]
    assert np.abs(read_image(tmp_path / "x-2.png") - x[2].numpy()).max() < 1 / 255
    assert np.load(tmp_path / "x.npy").shape == (3, 1, 6, 6)


@pytest.mark.parametrize(
    ("axes_added", "shape"),
    [(0, (1, 1, 9)), (0, (3, 1, 9)), (1, (1, 9)), (1, (3, 9)), (2, (9,)), (0, (1, 2, 6, 6))],
)
def test_what_is_no_image_has_no_picture(axes_added: int, shape: tuple[int, ...], tmp_path: Path) -> None:
    n = shape[0] if axes_added == 0 else 1
    save_solution(solution(torch.rand(shape), torch.rand(shape), axes_added=axes_added, n=n), tmp_path)
    assert names(tmp_path) == ["solution.json", "w.npy", "x.npy"]


def test_a_result_that_is_not_finite_is_kept_without_a_picture(tmp_path: Path) -> None:
    save_solution(solution(torch.full((1, 1, 4, 4), torch.nan), torch.ones(1, 1, 2, 2)), tmp_path)
    assert names(tmp_path) == ["solution.json", "w.npy", "w.png", "x.npy"]
    assert np.isnan(np.load(tmp_path / "x.npy")).all()


def test_the_record_is_the_summary_and_valid_json(tmp_path: Path) -> None:
    made = solution(torch.rand(1, 1, 4, 4), torch.rand(1, 1, 2, 2))
    made.save(str(tmp_path))
    record = json.loads((tmp_path / "solution.json").read_text(), parse_constant=pytest.fail)
    assert record == made.summary()
    assert record["restarts"]["objective"] == [[1.0, None]] and record["status"] == ["max_iter"]


@pytest.mark.parametrize(("axes_added", "shape"), [(0, (1, 3, 6, 5)), (1, (3, 6, 5)), (2, (6, 5))])
def test_without_a_w_there_is_no_file_of_it(axes_added: int, shape: tuple[int, ...], tmp_path: Path) -> None:
    save_solution(solution(torch.rand(shape), None, axes_added=axes_added), tmp_path)
    assert names(tmp_path) == ["solution.json", "x.npy", "x.png"]
    record = json.loads((tmp_path / "solution.json").read_text())
    assert "w" in record and record["w"] is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_short_floats_are_stored_without_loss(dtype: torch.dtype, tmp_path: Path) -> None:
    x = torch.rand(1, 1, 4, 4).to(dtype)
    save_solution(solution(x.requires_grad_(), torch.ones(1, 1, 2, 2)), tmp_path)
    assert np.array_equal(np.load(tmp_path / "x.npy"), x.detach().float().numpy())


def test_what_pipelines_return_can_be_saved(tmp_path: Path) -> None:
    y = np.random.default_rng(0).random((1, 8, 8)).astype(np.float32)
    pipeline = invkit.compose("circconv", ["identity", "identity"], "altgd?preset=paper,steps=2,restarts=2")
    for given, folder in ((y[0], "plain"), (y, "channels"), (torch.from_numpy(y)[None], "batch")):
        made = pipeline(given)
        made.save(tmp_path / folder)
        assert names(tmp_path / folder) == BOTH
        assert np.array_equal(np.load(tmp_path / folder / "x.npy"), np.asarray(made.x))


def test_the_record_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, image: object) -> None:
        raise OutputError("no room")

    monkeypatch.setattr(solutions, "write_kernel", full)
    with pytest.raises(OutputError):
        save_solution(solution(torch.rand(1, 1, 4, 4), torch.rand(1, 1, 2, 2)), tmp_path)
    assert not (tmp_path / "solution.json").exists()


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
