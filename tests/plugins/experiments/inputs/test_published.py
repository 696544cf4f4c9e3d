"""The published test inputs: layout, scale and model, on made-up files and, where they are, the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import invkit
from invkit.errors import InputError
from invkit_experiments.inputs.published import files_here, published


def write(folder: Path, name: str = "svhn_dev.npz", count: int = 3) -> Path:
    """Write inputs that follow the published model, with the truth as the authors' results."""
    rng = torch.Generator().manual_seed(0)
    x = torch.nn.functional.interpolate(torch.rand(count, 3, 8, 8, generator=rng), (32, 32), mode="bilinear")
    x = (x * 255).round() / 255
    w = invkit.dataset("shake").take(torch.arange(count), "test")
    y = invkit.operator("circconv")(w, x)
    y = y + 0.01 * torch.randn(y.shape, generator=rng)
    pictures = {key: _bytes(value) for key, value in (("x", x), ("y", y), ("x_hat_alg1", x), ("x_range", x))}
    w_hat = (w / w.amax((2, 3), keepdim=True) * 255).round().byte().numpy()[:, 0]
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / name, w=w.numpy()[:, 0], w_hat_alg1=w_hat, **pictures)
    return folder / name


def _bytes(images: torch.Tensor) -> np.ndarray:
    return (images.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()


def test_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVKIT_ASIM2020", str(tmp_path))
    write(tmp_path)
    data = published("svhn")
    assert data.x.shape == data.y.shape == (3, 3, 32, 32) and data.w.shape == (3, 1, 28, 28)
    assert torch.equal(data.theirs("x_hat_alg1"), data.x) and 0 <= data.x.min() < data.x.max() <= 1
    for kernels in (data.w, data.theirs("w_hat_alg1")):
        torch.testing.assert_close(kernels.sum((1, 2, 3)), torch.ones(3))
    assert invkit.metrics.kernel_ncc(data.theirs("w_hat_alg1"), data.w).min() > 0.999
    with pytest.raises(InputError, match="x_hat_alg1"):
        data.theirs("x_hat_alg9")


@pytest.mark.parametrize("kind", ["svhn", "celeba", "shoes"])
def test_the_real_files_follow_the_model(
    kind: str, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (data_folder / "asim2020").is_dir():
        pytest.skip("no asim2020 in the data folder")
    monkeypatch.setenv("INVKIT_DATA", str(data_folder))
    data = published(kind)
    residual = data.y - invkit.operator("circconv")(data.w, data.x)
    assert residual.std() == pytest.approx(0.01, abs=0.0015)
    assert residual.mean().abs() < 1 / 255  # they cut 8 bits off rather than round


def test_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVKIT_DATA", str(tmp_path))
    assert files_here() == {}
    with pytest.raises(InputError, match=r"celeba_dev\.npz"):
        published("celeba")
    (tmp_path / "asim2020").mkdir()
    (tmp_path / "asim2020" / "celeba_dev.npz").write_bytes(b"no archive")
    with pytest.raises(InputError, match="fetch it again"):
        published("celeba")
    (tmp_path / "asim2020" / "celeba_test.npz").write_bytes(b"no archive")
    with pytest.raises(InputError, match="INVKIT_ASIM2020"):
        files_here()
