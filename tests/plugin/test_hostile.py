"""Plugins that do their worst, installed together: each is named, and every command works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.plugin.distributions import hook, run_invkit, write_distribution

NOISY = (
    "import atexit, os, sys\n"
    "print('NOISE'); os.write(1, b'NOISE'); sys.__stdout__.write('NOISE')\n"
    "atexit.register(lambda: (print('NOISE'), os.write(1, b'NOISE')))\n"
)
SOURCES = {
    "plug-base": "class Rude(BaseException): pass\nraise Rude('\\x1b[31mred')",
    "plug-ctrl": "raise KeyboardInterrupt",
    "plug-exit": "import sys; sys.exit(0)",
    "plug-clear": hook("registry._entries.clear(); registry._entries = registry._weights = 5"),
    "plug-forge": hook("registry._entries['operator', 'circconv'] = 3"),
    "plug-colour": hook("registry.operator('colour', 'a:b', summary='\\x1b[31mred')"),
    "plug-hang": "import time\nwhile True:\n    try:\n        time.sleep(1000)\n    except Exception: pass\n",
}
REASONS = {
    "plug_base": "Rude: \x1b[31mred",
    "plug_ctrl": "KeyboardInterrupt",
    "plug_exit": "SystemExit",
    "plug_clear": "ruined its registry",
    "plug_forge": "ruined its registry",
    "plug_colour": "expected one printable line",
    "plug_hang": "more than 4 s",
    "convolution": "invkit has a plugin of that name already",
    "damaged": "its metadata cannot be read",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    for name, source in SOURCES.items():
        write_distribution(folder, name, source)
    good = "registry.solver('noisy', 'a:b', summary='s'); print('NOISE')"
    write_distribution(folder, "plug-noisy", NOISY + hook(good))
    write_distribution(folder, "plug-taker", hook("1 / 0"), points="convolution = plug_taker")
    damaged = {
        "damaged": (b"Name: damaged\nVersion: \xff\n", b"[invkit]\na = json\n"),
        "foreign": (b"\xff\xfe", b"[console_scripts]\na = json\n"),
        "nothing": (b"\xff\xfe", b"\xff\xfe"),
    }
    for name, (metadata, points) in damaged.items():
        info = folder / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_bytes(metadata)
        (info / "entry_points.txt").write_bytes(points)
    (folder / "empty-1.dist-info").mkdir()
    (folder / "file-1.dist-info").write_bytes(b"a file")
    return folder


def test_each_is_named_with_its_reason_and_json_stays_json(site: Path) -> None:
    done = run_invkit(site, "list-plugins", "--json", INVKIT_PLUGIN_SECONDS="4")
    states = {each["name"]: each for each in json.loads(done.stdout)["plugins"]}
    assert done.returncode == 1 and "NOISE" in done.stderr
    for name, reason in REASONS.items():
        found = [each for each in json.loads(done.stdout)["plugins"] if each["name"] == name]
        assert [each["status"] for each in found][-1] == "broken" and reason in found[-1]["reason"]
    assert states["plug_noisy"]["status"] == "ok"
    assert not {"foreign", "nothing", "empty", "file"} & set(states)
    assert "waited" in done.stderr and "plug_hang" in done.stderr


def test_other_commands_work_and_nothing_reaches_the_terminal(site: Path) -> None:
    off = {"INVKIT_DISABLE_PLUGINS": "plug_hang"}
    done = run_invkit(site, "list", "operators", "--json", **off)
    assert done.returncode == 0
    assert "circconv" in {each["name"] for each in json.loads(done.stdout)["operators"]}
    listed = run_invkit(site, "list-plugins", **off)
    assert r"Rude: \x1b[31mred" in listed.stdout and "\x1b" not in listed.stdout + listed.stderr


def test_a_plugin_of_a_built_in_ones_name_is_not_what_is_disabled(site: Path) -> None:
    done = run_invkit(site, "list-plugins", "--json", INVKIT_DISABLE_PLUGINS="plug_hang,convolution")
    named = [each for each in json.loads(done.stdout)["plugins"] if each["name"] == "convolution"]
    assert [(each["distribution"], each["status"]) for each in named] == [
        ("invkit", "disabled"),
        ("plug-taker", "broken"),
    ]
