"""What commands print: results alone on stdout, no control characters, and streams that are not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invkit.cli import output
from invkit.cli.output import print_json, print_table, printable, results_alone, say, to_stderr
from tests.plugin.distributions import run_invkit

EVIL = "a\x1b[2J\x07\x9b31m\u202eb\r"


@given(st.text())
def test_only_ends_of_lines_and_tabulators_are_left(text: str) -> None:
    shown = printable(text)
    assert all(letter in "\n\t" or not (ord(letter) < 32 or 127 <= ord(letter) < 160) for letter in shown)
    assert printable(shown) == shown


def test_each_way_out_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    say(EVIL)
    to_stderr(EVIL)
    print_table((EVIL,), [(EVIL,)])
    print_json({"a": EVIL})
    out, err = capsys.readouterr()
    for text in (out, err):
        assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r"} & set(text)
    assert err == "a\\x1b[2J\\x07\\x9b31m\\u202eb\\x0d\n" or err == "a\\x1b[2J\\x07\\x9b31m\\u202eb\\r\n"
    assert json.loads("{" + out.partition("{")[2]) == {"a": EVIL}


def test_a_name_that_is_no_utf8_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert printable(os.fsdecode(b"\xff.png")) == "\\udcff.png"
    print_table((os.fsdecode(b"\xfe"),), [])
    assert capsys.readouterr().out == "\\udcfe\n"


def test_a_name_with_an_end_of_line_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    to_stderr("a\ninvkit: error: b")
    print_table(("name",), [("a\nb",)])
    assert capsys.readouterr() == ("name\na\\nb\n", "a\\ninvkit: error: b\n")


def test_the_picture_of_a_table_on_a_terminal_is_clean(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table(("a",), [("x\x07[b]",)])
    shown = capsys.readouterr().out
    assert r"x\x07[b]" in shown and "\x07" not in shown


def test_prints_of_others_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with results_alone(for_good=False):
        print("chatter")
        print_json(1)
    print("after")
    assert capsys.readouterr() == ("1\nafter\n", "chatter\n")
    assert output._results is None


def test_names_of_files_reach_no_terminal(tmp_path: Path) -> None:
    name = "a\x1b[31m\x07.png"
    (tmp_path / name).write_text("no picture")
    arguments = ("--prior", "vae:blurA", "--prior", "vae:mnist", "--out", str(tmp_path / "o"))
    done = run_invkit(tmp_path, "deblur", str(tmp_path / name), *arguments)
    assert done.returncode == 3 and r"a\x1b[31m\x07.png" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    done = run_invkit(tmp_path, "describe", "x\x1b[31m?a=\x07")
    assert done.returncode == 3 and "\x1b" not in done.stderr


@pytest.mark.parametrize("json_flag", ["", "--json"])
@pytest.mark.parametrize(
    ("redirection", "code"), [(">&-", 0), ("2>&-", 0), (">&- 2>&-", 0), (">/dev/full", 3)]
)
def test_streams_that_are_closed_or_full(redirection: str, code: int, json_flag: str) -> None:
    command = f"{sys.executable} -m invkit list operators {json_flag} {redirection}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.returncode == code and "internal error" not in done.stderr
    assert code == 0 or "cannot write results to stdout" in done.stderr


@pytest.mark.parametrize("redirection", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("extra", ["", "--jobs 2", "--json"])
def test_pictures_are_solved_without_streams(redirection: str, extra: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", np.random.default_rng(0).random((28, 28)))
    solver = "altgd?steps=2,restarts=2,keep=1"
    priors = f"--prior vae:blurA --prior vae:mnist --solver '{solver}'"
    command = f"{sys.executable} -m invkit deblur a.npy b.npy {priors} --out o {extra} {redirection}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path)
    assert done.returncode == 0
    made = {path.name for path in (tmp_path / "o").iterdir()}
    assert {"a_sharp.png", "b_sharp.png", "a.json", "b.json"} <= made
