"""The benchmark of starting runs and counts in multiples of a bare interpreter. No time is judged here."""

from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner

from benchmarks import startup


def test_times_are_set_beside_a_bare_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "cpu_time", lambda arguments: 10.0 * len(arguments) ** 2)
    result = CliRunner().invoke(startup.main, ["--repeats", "1", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["milliseconds"]["bare"] == 40.0
    assert report["times_bare"]["invkit list-plugins"] == 90.0 / 40.0
    assert report["over_bare"]["invkit list-plugins"] == 50.0


def test_a_command_that_fails_is_named() -> None:
    assert startup.cpu_time(["-c", "pass"]) > 0
    with pytest.raises(click.ClickException, match="code 3"):
        startup.cpu_time(["-c", "raise SystemExit(3)"])
