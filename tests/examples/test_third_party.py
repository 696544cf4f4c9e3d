"""The example plugin, as its author's users have it: installed into an environment of its own, found by name.

Needs no network: the new environment sees this one's packages, and only the example is installed into it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import attrs
import pytest

import invkit

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "third_party_plugin"


@attrs.frozen
class Environment:
    """A virtual environment and the copy of the example that was installed into it."""

    python: Path
    example: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run its Python in the example's folder, free of what this process was started with."""
        ours = ("PYTHON", "PYTEST", "COV_", "INVKIT_DISABLE")
        env = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=self.example,
            env={**env, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=300,
        )


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Make the environment and install the example with pip: no dependencies, no network."""
    folder = tmp_path_factory.mktemp("third-party")
    ignored = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "build", "dist")
    example = shutil.copytree(EXAMPLE, folder / "example", ignore=ignored)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True, timeout=300)
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    made = Environment(python, example)
    site = made.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    # addsitedir, not the bare path: it also follows the .pth file of an editable installation of invkit.
    ours = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    lines = [f"import site; site.addsitedir({path!r})" for path in ours]
    lines.append(str(Path(invkit.__file__).resolve().parents[1]))
    (Path(site) / "borrowed.pth").write_text("\n".join(lines) + "\n")
    install = ["install", "--no-deps", "--no-index", "--no-build-isolation", "--quiet", str(example)]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    done = subprocess.run([*pip, *install], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def test_it_is_found_and_ok(environment: Environment) -> None:
    done = environment.run("-m", "invkit", "list-plugins", "--json")
    states = {state["name"]: state for state in json.loads(done.stdout)["plugins"]}
    mine = states["example"]
    assert (mine["status"], mine["distribution"], mine["notes"]) == ("ok", "invkit-example-plugin", [])


def test_it_comes_from_the_new_environment(environment: Environment) -> None:
    done = environment.run("-c", "import invkit_example; print(invkit_example.__file__)")
    assert str(environment.python.parents[1]) in done.stdout


@pytest.mark.parametrize("name", ["crosscorr", "gaussian-blob", "barzilai-borwein"])
def test_it_describes_itself(environment: Environment, name: str) -> None:
    done = environment.run("-m", "invkit", "describe", name)
    assert done.returncode == 0, done.stderr
    assert f" {name}: " in done.stdout and "invkit-example-plugin" in done.stdout


def test_its_own_tests_pass(environment: Environment) -> None:
    done = environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout and "skipped" not in done.stdout


COMPOSE = """
import torch, invkit
rng = torch.Generator().manual_seed(3)
prior = invkit.prior("gaussian-blob?size=5")
h = prior.sample_latent(2, rng)
x = torch.rand(2, 1, 12, 12, generator=rng)
y = invkit.operator("{operator}")(prior(h), x)
pipeline = invkit.compose("{operator}", ["gaussian-blob?size=5", "{prior_x}"], "{solver}", seed=1)
solution = pipeline(y)
again = invkit.load_config(pipeline.to_config())(y)
assert torch.equal(solution.x, again.x), "the configuration gives other numbers"
assert pipeline.to_config()["versions"]["invkit-example-plugin"] == "0.1.0"
print((solution.residual / y.square().flatten(1).sum(1)).max().item())
"""


@pytest.mark.parametrize(
    ("operator", "prior_x", "solver"),
    [
        ("crosscorr", "identity", "barzilai-borwein?steps=100"),
        ("circconv", "identity", "barzilai-borwein?steps=100"),
        ("crosscorr", "identity", "altgd?steps=300"),
    ],
)
def test_its_parts_compose_with_invkits_own(
    environment: Environment, operator: str, prior_x: str, solver: str
) -> None:
    done = environment.run("-c", COMPOSE.format(operator=operator, prior_x=prior_x, solver=solver))
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.01
