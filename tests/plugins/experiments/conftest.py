"""One finished run of the small study, for every test that only looks at it."""

from __future__ import annotations

import pytest

from invkit_experiments.engine.benchmark import Settings
from invkit_experiments.engine.kept import Kept
from invkit_experiments.output.report import Report
from tests.plugins.experiments.small import SMALL


@pytest.fixture(scope="session")
def small_report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return SMALL.run(Settings(3), Kept(tmp_path_factory.mktemp("small")))
