"""What tests get: run-time checks of shapes and types, reproducible hypothesis, real data or a skip.

The import hook must come before the first import of invkit, which is why this file imports nothing of it.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import jaxtyping
import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

ROOT = Path(__file__).resolve().parent.parent

# Every annotated shape in the core and in our plugins can be checked at each call, plugins yet to come
# included. That makes tests five times slower. So one test in five does it, always the same ones; all of them
# with HYPOTHESIS_PROFILE=explore.
CHECKED = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else 5
PACKAGES = ["invkit", *sorted(path.name for path in (ROOT / "plugins").glob("invkit_*"))]
assert "invkit" not in sys.modules, "invkit was imported before its shapes could be checked"
install_import_hook(PACKAGES, "beartype.beartype")

# Timings vary with the machine, and the run-time checks slow generation down: neither is a failure.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("ci", PATIENT, derandomize=True, max_examples=20)
settings.register_profile("explore", PATIENT, max_examples=300)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Commands that the tests start inherit this: thread pools in several processes slow all of them down.
os.environ.setdefault("OMP_NUM_THREADS", "1")


# A shell's background jobs ignore Ctrl-C, and so does what they start; the tests of Ctrl-C need the default.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Spread the whole suite over the cores; run a chosen part here: it starts at once, can be debugged."""
    whole_suite = config.args_source is not pytest.Config.ArgsSource.ARGS
    return len(os.sched_getaffinity(0)) if whole_suite and hasattr(os, "sched_getaffinity") else 0


def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Check shapes in this test, or do not."""
    unchecked = item.get_closest_marker("wrong_types") or crc32(item.nodeid.encode()) % CHECKED
    jaxtyping.config.update("jaxtyping_disable", bool(unchecked))


@pytest.fixture(autouse=True, scope="session")
def one_thread_a_worker() -> None:
    """Let each process use one core, so that workers do not fight over them and sums come out the same."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def private_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep the user's own store of trained priors out of the tests, and the tests out of it."""
    home = tmp_path_factory.mktemp("invkit-home")
    os.environ["INVKIT_HOME"] = str(home)
    return home


@pytest.fixture(autouse=True)
def nothing_stays(private_home: Path) -> Iterator[None]:
    """Undo what a test registers and installs, so that no test depends on those before it."""
    from invkit.plugin.loading import default_manager

    registry = default_manager().registry
    before = dict(registry._entries)
    yield
    registry._entries = before
    for installed in private_home.iterdir():
        shutil.rmtree(installed)


@pytest.fixture(autouse=True, scope="session")
def private_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep decoded data sets out of the user's cache, and what is kept there out of the tests."""
    os.environ["INVKIT_CACHE"] = str(tmp_path_factory.mktemp("invkit-cache"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working directory, so that specs can name files in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder with the real data sets, or skip where there is none."""
    folder = Path(os.environ.get("INVKIT_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set INVKIT_DATA to the folder that holds mnist/, levin/, …")
    return folder.resolve()


@pytest.fixture(scope="session")
def mnist_folder(data_folder: Path) -> Path:
    """Return the folder with the four official MNIST files, or skip."""
    folder = data_folder / "mnist"
    if not folder.is_dir():
        pytest.skip(f"no MNIST at {folder}; set INVKIT_DATA to the folder that holds mnist/")
    return folder
