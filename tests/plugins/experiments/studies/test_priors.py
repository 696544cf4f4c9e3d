"""``invkit bench priors``: floors are those of `invkit.project`, distances those of their definition."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import invkit
from invkit.errors import InputError
from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.inputs.published import published
from invkit_experiments.studies import priors as module
from invkit_experiments.studies.priors import PRIORS, SUBJECTS, digest
from tests.plugins.experiments.inputs.test_published import write


@pytest.fixture(autouse=True)
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVKIT_ASIM2020", str(tmp_path))
    write(tmp_path)
    module._images.cache_clear()
    monkeypatch.setattr(module, "TRAINING_IMAGES", 400)
    monkeypatch.setattr(module, "SAMPLES", 12)


def test_only_what_has_inputs_can_be_measured() -> None:
    for name, subject in SUBJECTS.items():
        if subject.images == "svhn":
            PRIORS.check(Settings(1), [name])
        elif subject.images is not None:
            with pytest.raises(InputError, match=f"published {subject.images} inputs"):
                PRIORS.check(Settings(1), [name])


def test_the_floor_of_a_prior() -> None:
    row = PRIORS.figures("vae:housenumbers", Settings(2, steps=5))
    prior, truth = invkit.prior("vae:housenumbers"), published("svhn").x[:2]
    found = invkit.project(prior, truth, restarts=1, steps=5)
    assert row["floor"] == pytest.approx(found.psnr.mean().item(), abs=1e-3)
    assert row["floor_worst"] == pytest.approx(found.psnr.min().item(), abs=1e-3)
    assert row["encoded"] <= row["floor"] and row["images"] == 2
    assert row["weights"] == digest(prior) != digest(invkit.prior("vae:mnist"))


def test_validation_images_where_none_are_published(data_folder: Path) -> None:
    name = "vae:svhn"
    subject = SUBJECTS[name]
    if not (data_folder / "svhn").is_dir():
        pytest.skip(f"no SVHN in {data_folder}")
    truth = invkit.dataset(subject.data).take(torch.arange(3), "validation")
    assert torch.equal(subject.truth(3), truth)
    assert subject.source(3) == f"3 validation pictures of {subject.data}"
    row = PRIORS.figures(name, Settings(3, steps=2))
    assert row["images"] == 3 and 15 < row["floor_worst"] <= row["floor"]


def test_components_of_the_same_images() -> None:
    row = PRIORS.figures("svhn-pca256", Settings(3))
    training = invkit.dataset("housenumbers").take(torch.arange(400), "train").flatten(1)
    truth = published("svhn").x
    centre = training.mean(0)
    axes = torch.linalg.svd(training - centre, full_matrices=False)[2][:256]
    made = (centre + (truth.flatten(1) - centre) @ axes.T @ axes).clamp(0, 1).view_as(truth)
    assert row["floor"] == pytest.approx(invkit.metrics.psnr(made, truth).mean().item(), abs=0.2)


def test_copies_and_collapse_would_show() -> None:
    training = invkit.dataset("housenumbers").take(torch.arange(60), "train")
    copies = module._distances(training[:10].flip(-1), training)
    assert copies["to_training"] == pytest.approx(0, abs=1e-3)
    collapsed = module._distances(training[:1].expand(10, -1, -1, -1), training)
    assert collapsed["to_each_other"] == pytest.approx(0, abs=1e-6)
    new = PRIORS.figures("svhn", Settings(3))
    assert new["to_training"] > 0.02 and new["to_each_other"] > new["to_training"]


def test_distances_are_root_mean_squares() -> None:
    training = torch.zeros(3, 1, 4, 4)
    training[1] = 1
    samples = torch.full((2, 1, 4, 4), 0.75)
    samples[1] = 0.25
    found = module._distances(samples, training)
    assert found["to_training"] == pytest.approx(0.25) and found["to_each_other"] == pytest.approx(0.5)


def test_a_row_depends_on_weights_and_data(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "vae:housenumbers"
    before = PRIORS.identity(name, Settings(9))
    assert PRIORS.identity(name, Settings(9)) == before != PRIORS.identity(name, Settings(9, steps=7))
    monkeypatch.setattr(type(invkit.dataset("housenumbers")), "fingerprint", lambda self: "other")
    assert PRIORS.identity(name, Settings(9)) != before
