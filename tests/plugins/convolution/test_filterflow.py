"""Kernels that vary: the definition, one kernel for all, nodes, pieces, and messages."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import invkit
from invkit import ShapeError, SpecError

MODES = ["mode=valid", *(f"boundary={each}" for each in ("zero", "replicate", "reflect", "unknown"))]


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("options", MODES)
def test_equal_kernels_are_a_linear_convolution(options: str) -> None:
    flow, plain = (invkit.operator(f"{name}{options}") for name in ("filterflow?tiles=2x3&", "linconv?"))
    w, x = draw(1, 2, 1, 4, 3), draw(2, 2, 3, 11, 13)
    expected = plain(w, x)
    for kernels in (w, w.expand(2, 6, 4, 3)):
        torch.testing.assert_close(flow(kernels, x), expected)
    r = draw(3, *expected.shape)
    torch.testing.assert_close(
        flow.adjoint_x(w.expand(2, 6, 4, 3), r, (3, 11, 13)), plain.adjoint_x(w, r, (3, 11, 13))
    )
    torch.testing.assert_close(flow.adjoint_w(x, r, (6, 4, 3)).sum(1), plain.adjoint_w(x, r, (1, 4, 3))[:, 0])


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_every_pixel_has_the_kernel_interpolated_there(
    rows: int, columns: int, height: int, width: int, seed: int
) -> None:
    operator = invkit.operator(f"filterflow?tiles={rows}x{columns}&mode=valid")
    w, x = draw(seed, 1, rows * columns, 2, 3), draw(seed + 1, 1, 1, height + 1, width + 2)
    y = operator(w, x)
    nodes = operator.nodes((1, height, width))
    assert nodes is not None and nodes.shape == (rows * columns, 2)
    steps = torch.tensor([height / rows, width / columns], dtype=torch.float64)
    for p in product(range(height), range(width)):
        low, high = nodes.amin(0), nodes.amax(0)
        place = torch.tensor(p, dtype=torch.float64).clamp(low, high)
        shares = (1 - (nodes - place).abs() / steps).clamp(min=0).prod(1)
        assert float(shares.sum()) == pytest.approx(1)
        kernel = (shares[:, None, None] * w[0]).sum(0)
        read = x[0, 0, p[0] : p[0] + 2, p[1] : p[1] + 3].flip((0, 1))
        assert float((kernel * read).sum()) == pytest.approx(float(y[0, 0, p[0], p[1]]))
        local, v = operator.local(w, (1, height, width), (slice(p[0], p[0] + 1), slice(p[1], p[1] + 1)))
        part = x[..., p[0] : p[0] + 2, p[1] : p[1] + 3]
        torch.testing.assert_close(local(v, part), y[..., p[0] : p[0] + 1, p[1] : p[1] + 1])


def test_pieces_are_the_cells_unless_all_kernels_are_equal() -> None:
    operator = invkit.operator("filterflow?tiles=2x3")
    w = draw(0, 1, 6, 3, 3)
    whole = (slice(0, 20), slice(0, 30))
    assert operator.pieces(w, (1, 20, 30)) == (2, 3)
    for equal in (w[:, :1], w[:, :1].expand_as(w)):
        assert operator.pieces(equal, (1, 20, 30)) == (1, 1)
        assert torch.equal(operator.local(equal, (1, 20, 30), whole)[1], w[:, :1])
    plain = invkit.operator("linconv")
    assert plain.nodes((1, 20, 30)) is None and plain.pieces(w, (1, 20, 30)) == (1, 1)
    assert plain.local(w, (1, 20, 30), whole) == (plain, w)


def test_the_scene_of_unknown_borders_is_measured_alike() -> None:
    operator = invkit.operator("filterflow?tiles=2x2&boundary=unknown")
    w, x = draw(0, 1, 4, 3, 5), draw(1, 1, 1, 12, 14)
    scene = operator.beyond((4, 3, 5), (1, 12, 14))
    assert scene is not None and scene.x_shape == (1, 14, 18) and scene.start == (1, 2)
    larger = torch.nn.functional.pad(x, (2, 2, 1, 1), "replicate")
    torch.testing.assert_close(scene.operator(w, larger), operator(w, x))
    assert invkit.operator("filterflow").beyond((25, 3, 3), (1, 9, 9)) is None


def test_kernels_whose_shape_follows_are_as_many_as_cells() -> None:
    operator = invkit.operator("filterflow?tiles=2x3&mode=valid")
    assert operator.infer_shapes((3, 8, 9), None, (3, 10, 13)) == ((6, 3, 5), (3, 10, 13))


@pytest.mark.parametrize(
    "options", ["tiles=5", "tiles=0x3", "tiles=1x2x3", "mode=full", "mode=valid&boundary=zeros"]
)
def test_options_that_make_no_sense_are_refused(options: str) -> None:
    with pytest.raises(SpecError):
        invkit.operator(f"filterflow?{options}")


def test_kernels_that_are_not_as_many_as_cells_are_refused() -> None:
    with pytest.raises(ShapeError, match="tiles=2x2 takes 4 kernels, or one, not 5"):
        invkit.operator("filterflow?tiles=2x2")(draw(0, 1, 5, 3, 3), draw(1, 1, 1, 9, 9))
