"""Operators made of others: the contract on every combination, shapes, names, and what belongs to each."""

from __future__ import annotations

import pytest
import torch

import invkit
from invkit import ConfigError, InputError, ShapeError, SpecError
from invkit.testing import check_operator

RNG = torch.Generator().manual_seed(0)
SENSING = torch.randn(9, 24, generator=RNG, dtype=torch.complex128)

circle, product_ = invkit.operator("circconv"), invkit.operator("pointwise")
line = invkit.operator("pointwise?dims=1")
crop, dft, half = invkit.linear("crop?margin=1"), invkit.linear("dft"), invkit.linear("downsample")
sense = invkit.from_matrix(SENSING)
full, point = invkit.operator("linconv?mode=full"), invkit.operator("linconv?mode=valid")

COMBINATIONS = {
    "a linear map after": crop @ circle,
    "two maps after": half @ crop @ circle,
    "a complex map after": invkit.linear("dft?centred=true") @ product_,
    "a multiple and a sum after": (2 * dft + 1j * dft) @ circle,
    "maps before both": product_ @ (dft, half),
    "a map before x": circle @ (None, crop),
    "matrices before both": line @ (sense, invkit.from_matrix(SENSING.conj())),
    "two sources": circle + circle,
    "three sources": circle + circle + circle,
    "sources behind matrices": line @ (sense, None) + line @ (invkit.from_matrix(SENSING.real), None),
    "a map after sources": crop @ (circle + circle),
    "a stack": invkit.stack(each for each in (circle, circle)),
    "a stack of different maps": invkit.stack([product_, dft @ product_]),
    "a stack of sources": invkit.stack([circle + circle, circle + circle]),
    "three dimensions": invkit.linear("downsample?by=first") @ invkit.operator("linconv?dims=3"),
}


@pytest.mark.parametrize("name", COMBINATIONS)
def test_the_contract_holds_on_every_combination(name: str) -> None:
    operator = COMBINATIONS[name]
    check_operator(operator, shapes=operator.example_shapes()[:1])


def test_a_map_of_each_measurement_goes_with_it() -> None:
    masks = torch.rand(4, 1, 7, 6, generator=RNG, dtype=torch.float64)
    operator = invkit.diagonal(masks, each=True) @ circle
    w, x = torch.rand(4, 1, 3, 3, dtype=torch.float64), torch.rand(4, 1, 7, 6, dtype=torch.float64)
    y = operator(w, x)
    torch.testing.assert_close(y, masks * circle(w, x))
    index = torch.tensor([2, 0, 2])
    torch.testing.assert_close(operator.select(index)(w[index], x[index]), y[index])
    misfit = operator.misfit(y).select(index)
    torch.testing.assert_close(misfit(w[index], x[index]), torch.zeros(3, dtype=torch.float64))
    view = operator.given(w=w, x_shape=(1, 7, 6)).select(index)
    torch.testing.assert_close(view(x[index]), y[index])
    combined = (operator @ (None, None)) + operator
    pair = torch.cat([w, w], 1)[index], torch.cat([x, x], 1)[index]
    torch.testing.assert_close(combined.select(index)(*pair), 2 * y[index])
    stacked = invkit.stack([operator, operator]).select(index)
    torch.testing.assert_close(stacked(w[index], x[index]), torch.cat([y, y], 1)[index])
    before = (product_ @ (None, invkit.diagonal(masks, each=True))).select(index)
    torch.testing.assert_close(before(x[index], x[index]), (masks * x * x)[index])


def test_a_pipeline_takes_a_mask_of_each_measurement() -> None:
    masks = torch.ones(3, 1, 6, 6)
    masks[1, :, :3] = 0.5
    operator = invkit.diagonal(masks, each=True) @ circle
    rng = torch.Generator().manual_seed(1)
    w, x = torch.rand(3, 1, 3, 3, generator=rng), torch.rand(3, 1, 6, 6, generator=rng)
    y, solver = operator(w, x), "altgd?steps=60"
    found = invkit.compose(operator, [invkit.Given(w, each=True), "identity"], solver)(y)
    second = operator.select(torch.tensor([1]))
    alone = invkit.compose(second, [invkit.Given(w[1]), "identity"], solver)(y[1:2])
    torch.testing.assert_close(found.x[1], alone.x[0], atol=1e-3, rtol=0)


def test_names_are_chained_by_bars() -> None:
    operator = invkit.operator("circconv | crop?margin=1 | downsample?factor=2")
    w, x = torch.rand(2, 1, 3, 3), torch.rand(2, 1, 8, 6)
    torch.testing.assert_close(operator(w, x), half(crop(circle(w, x))))
    same = invkit.operator(["circconv", {"kind": "crop", "margin": 1}, half])
    torch.testing.assert_close(same(w, x), operator(w, x))
    assert operator.infer_shapes((1, 3, 2)) == ((1, 8, 6), (1, 8, 6))


def test_a_chain_is_written_down_and_read_again() -> None:
    chain = "circconv | downsample?factor=2"
    pipeline = invkit.compose(chain, ["simplex?size=3", "identity"], "altgd?steps=2")
    config = pipeline.to_config()
    assert [part["kind"] for part in config["operator"]] == ["circconv", "downsample"]
    y = torch.rand(4, 4)
    assert torch.equal(invkit.load_config(config)(y).x, pipeline(y).x)
    with pytest.raises(ConfigError, match="Stack was given as an object"):
        invkit.compose(invkit.stack([circle]), ["simplex?size=3", "identity"], "altgd").to_config()


def signals(sources: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Kernels of 3 × 3 and images of 8 × 8 pixels."""
    return torch.rand(1, sources, 3, 3), torch.rand(1, sources, 8, 8)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: invkit.operator("circconv | blur"), "unknown linear 'blur'"),
        (lambda: invkit.operator("circconv | | dft"), "does not start with a kind"),
        (lambda: invkit.operator([]), "empty list"),
        (lambda: invkit.stack([]), "no operators"),
        (lambda: invkit.stack(["circconv"]), "str is no operator"),
        (lambda: circle @ (crop,), "pair of linear maps"),
        (lambda: circle @ (crop, "dft"), "pair of linear maps"),
        (lambda: circle + invkit.operator("circconv?dims=1"), "1 and 2 axes"),
        (lambda: invkit.stack([circle, invkit.operator("circconv?dims=3")]), "2 and 3 axes"),
        (lambda: (circle + circle)(torch.rand(1, 3, 2, 2), torch.rand(1, 2, 4, 4)), "3 channels for 2"),
        (lambda: invkit.stack([circle, full])(*signals(1)), r"\(1, 8, 8\) and \(1, 10, 10\)"),
        (lambda: invkit.stack([circle, full]).given(w=signals(1)[0], x_shape=(1, 8, 8)), "stacked"),
        (lambda: invkit.stack([circle, circle]).adjoint_x(*signals(1), (1, 8, 8)), "y has shape"),
        (lambda: (circle + full)(*signals(2)), r"sources measure as \(1, 8, 8\) and \(1, 10, 10\)"),
        (lambda: (circle + point)(signals(2)[1], signals(2)[1]), r"\(1, 8, 8\) and \(1, 1, 1\)"),
        (lambda: (dft + half)(signals(1)[1]), r"cannot add results of shapes \(1, 8, 8\) and \(1, 4, 4\)"),
        (lambda: (dft + half)(torch.rand(1, 1, 2, 2)), r"cannot add results"),  # torch would repeat the 1
        (lambda: (half @ circle)(torch.rand(1, 1, 2, 2), torch.rand(1, 1, 5, 4)), "do not divide"),
        (lambda: (half @ circle).infer_shapes((1, 3, 3), x_shape=(1, 5, 5)), "y has shape"),
    ],
)
def test_what_does_not_fit_is_refused(make, says: str) -> None:
    with pytest.raises((InputError, ShapeError, SpecError), match=says):
        make()


def test_ambiguities_follow_from_the_parts() -> None:
    assert [each.name for each in (half @ circle).ambiguities] == ["scaling", "shift"]
    assert [each.name for each in invkit.stack([circle, circle]).ambiguities] == ["scaling", "shift"]
    assert [each.name for each in (circle @ (None, crop)).ambiguities] == ["scaling"]
    assert [each.name for each in (circle + circle).ambiguities] == ["source scaling"]


def test_fast_paths_follow_from_the_parts() -> None:
    blur = circle.given(w=torch.rand(1, 1, 3, 3), x_shape=(1, 6, 6))
    assert (circle @ (None, blur)).given(w=torch.rand(1, 1, 2, 2), x_shape=(1, 6, 6)).spectrum() is not None
    assert (blur @ circle).given(w=torch.rand(1, 1, 2, 2), x_shape=(1, 6, 6)).spectrum() is not None
    assert (crop @ circle).given(w=torch.rand(1, 1, 2, 2), x_shape=(1, 6, 6)).spectrum() is None


@pytest.mark.wrong_types
def test_what_is_no_list_is_not_stacked() -> None:
    with pytest.raises(InputError, match=r"int is no list of operators; write stack\(\[A, B\]\)"):
        invkit.stack(3)  # type: ignore[arg-type]
