"""The group and the error boundary: exit codes, one-line errors, help that imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from invkit import __version__
from invkit.cli import main as cli_main
from invkit.cli.main import cli, main
from invkit.errors import InputError, InvkitWarning, UsageError
from invkit.plugin.loading import PluginManager
from invkit.plugin.registry import CORE_COMMANDS
from tests.plugin.distributions import hook, run_invkit, run_python, write_distribution

LIGHT = (
    "import sys; from invkit.cli.main import main; code = main({arguments!r});"
    "bad = {{'torch', 'numpy', 'attr', 'packaging', 'email', 'difflib'}} & set(sys.modules);"
    "assert not bad, bad; sys.exit(code)"
)


@pytest.mark.parametrize("arguments", [["--help"], ["list-plugins"], ["--version"], ["list", "solvers"], []])
def test_listing_imports_nothing_slow(tmp_path: Path, arguments: list[str]) -> None:
    done = run_python(tmp_path, "-c", LIGHT.format(arguments=arguments))
    assert done.returncode == 0, done.stderr


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in CORE_COMMANDS)


@pytest.mark.parametrize("name", CORE_COMMANDS)
def test_every_command_has_help_and_is_called_what_the_table_says(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    assert f"invkit {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "begun", "found"),
    [
        ([], "list-", "list-plugins"),
        (["list"], "exp", "experiments"),
        (["describe"], "altg", "altgd"),
        (["deblur", "--method"], "fac", "faces"),
        (["deblur", "--prior"], "gaussian:ce", "gaussian:celeba"),
        (["deblur", "--prior"], "bounded:gaussian:ob", "bounded:gaussian:objects"),
        (["describe"], "vae:celeb", "vae:celeba"),
        (["bench"], "table1", "table1"),
        (["train"], "vae", "vae"),
        (["datasets", "fetch"], "mnist-", "mnist-sample"),
    ],
)
def test_a_shell_completes_names(words: list[str], begun: str, found: str) -> None:
    shell = ShellComplete(cli, {}, "invkit", "_INVKIT_COMPLETE")
    assert [item.value for item in shell.get_completions(words, begun)] == [found]


def test_a_warning_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def warn(**options: object) -> None:
        warnings.simplefilter("always")
        warnings.warn("this takes long", InvkitWarning, stacklevel=1)

    monkeypatch.setattr(cli.get_command(click.Context(cli), "list-plugins"), "callback", warn)
    assert main(["list-plugins"]) == 0
    assert capsys.readouterr().err == "invkit: warning: this takes long\n"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"invkit {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["lst"], "did you mean 'list'?"),
        (["list"], "operators"),
        (["list", "operator"], "operator"),
        (["list-plugins", "--jsn"], "--json"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_usage_errors(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith("invkit: error: ") and says in err and "--help" in err


def fault_command(monkeypatch: pytest.MonkeyPatch, error: BaseException | int | None) -> None:
    """Make ``invkit fault`` a plugin's command that raises or returns."""

    @click.command("fault")
    def fault() -> int | None:
        if isinstance(error, BaseException):
            raise error
        return error

    monkeypatch.setattr(cli_main, "fault", fault, raising=False)
    manager = PluginManager()
    manager.registry.command("fault", "invkit.cli.main:fault", summary="fails as told")
    monkeypatch.setattr(cli_main, "default_manager", lambda: manager)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("a\nb", hint="type c"), 3, "invkit: error: a b; type c"),
        (UsageError("no"), 2, "invkit: error: no"),
        (click.ClickException("bad file"), 3, "invkit: error: bad file"),
        (KeyboardInterrupt(), 130, "invkit: error: interrupted"),
        (
            ZeroDivisionError("x"),
            1,
            "invkit: error: internal error: ZeroDivisionError: x; "
            "run it again with --traceback and report it",
        ),
    ],
)
def test_errors_become_one_line(
    error: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fault_command(monkeypatch, error)
    assert main(["fault"]) == code
    assert capsys.readouterr().err.strip("\n") == line
    assert main(["fault", "--traceback"]) == code
    shown = capsys.readouterr().err
    assert "Traceback" in shown and shown.rstrip("\n").endswith(line)


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1), (130, 130)])
def test_commands_return_their_exit_code(
    returned: int | None, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault_command(monkeypatch, returned)
    assert main(["fault"]) == code


def test_commands_of_plugins_are_in_the_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fault_command(monkeypatch, None)
    assert main(["--help"]) == 0
    assert "fails as told" in capsys.readouterr().out


def test_a_reader_that_leaves_early_is_no_crash() -> None:
    command = f"{sys.executable} -m invkit describe --help | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.stderr == ""


def test_a_terminal_that_cannot_show_a_sign_is_no_crash(tmp_path: Path) -> None:
    write_distribution(tmp_path, "plug-sign", hook("registry.solver('sign', 'a:b', summary='w × x')"))
    done = run_invkit(tmp_path, "list", "solvers", PYTHONIOENCODING="cp1251")
    assert done.returncode == 0 and "w ? x" in done.stdout


def test_a_group_of_a_plugin_shows_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fault_command(monkeypatch, None)
    group = click.Group("fault", commands=[click.Command("inner", help="Do the inner thing.")])
    monkeypatch.setattr(cli_main, "fault", group)
    assert main(["fault"]) == 2
    assert "Do the inner thing." in capsys.readouterr().err


def test_python_dash_m(tmp_path: Path) -> None:
    assert run_invkit(tmp_path, "--version").stdout == f"invkit {__version__}\n"
    assert run_invkit(tmp_path, "no-such-command").returncode == 2
