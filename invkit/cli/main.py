"""The ``invkit`` command: a lazy group of commands, and the boundary where errors become one line.

    invkit --help            # imports neither torch nor numpy
    invkit deblur photo.png --prior vae:blurA --prior vae:mnist --out out/
    invkit --traceback deblur …

Exit codes: 0 done; 1 some items failed, or an internal error; 2 usage; 3 a bad spec, configuration or input;
130 interrupted, by Ctrl-C, SIGTERM or SIGHUP. A command returns its exit code, or ``None`` for 0. Commands
are named in a table and imported when called; plugins add theirs through ``registry.command``.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Final

import click

from invkit import __version__
from invkit.cli.output import results_alone, say, to_stderr
from invkit.errors import InvkitError, InvkitWarning, OutputError, PluginError
from invkit.plugin import loading
from invkit.plugin.guarding import one_line
from invkit.plugin.loading import default_manager
from invkit.plugin.registry import CORE_COMMANDS, Entry, nearest

_NO_ARGUMENTS: Final = getattr(click.exceptions, "NoArgsIsHelpError", ())  # since click 8.2

_SLOW = 3.0  # seconds; a plugin that loads takes milliseconds

DONE, FAILED, USAGE, BAD_INPUT, INTERRUPTED = 0, 1, 2, 3, 130


class LazyGroup(click.Group):
    """Commands by name, imported when called; plugins are loaded when the core does not know a name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*CORE_COMMANDS, *_of_plugins()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = CORE_COMMANDS.get(cmd_name) or _of_plugins().get(cmd_name)
        if entry is None:
            return None
        found = entry.load()
        if not isinstance(found, click.Command):
            raise PluginError(f"{entry.target} of {entry.distribution} is no click.Command")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is a usage error that names the nearest."""
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            registry = default_manager().registry
            failed = f" (not loaded: {', '.join(registry.failed)})" if registry.failed else ""
            raise click.UsageError(
                f"no command {args[0]!r}; {nearest(args[0], self.list_commands(ctx))}{failed}", ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, entries in (("Commands", CORE_COMMANDS), ("Commands of plugins", _of_plugins())):
            if entries:
                with formatter.section(title):
                    formatter.write_dl([(name, entry.summary) for name, entry in entries.items()])


def _of_plugins() -> dict[str, Entry]:
    return {entry.name: entry for entry in default_manager().registry.entries("command")}


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, message="invkit %(version)s")
@click.option("--traceback", is_flag=True, help="Show where an error comes from.")
@click.pass_context
def cli(ctx: click.Context, traceback: bool) -> None:
    """Bilinear inverse problems with generative priors: recover w and x from y = A(w, x) + noise.

    `invkit list operators` (or priors, solvers, methods …) names what there is; `invkit describe NAME`
    explains it.
    """
    if ctx.invoked_subcommand is None:
        say(ctx.get_help())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; never raises for what went wrong inside a command.

    Args:
        argv: the arguments after the program's name; ``sys.argv[1:]`` where ``None``.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Before torch is imported: OpenMP's idle threads sleep. Where other work shares the cores, threads that
    # wait in a loop for their next piece took seven times the CPU time.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started this
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show "×" shows "?", and no error
            stream.reconfigure(errors="replace")
    show = "--traceback" in arguments  # anywhere on the line: people add it at the end
    only_results = results_alone(for_good=argv is None) if "--json" in arguments else contextlib.nullcontext()
    try:
        with only_results, _stopped_as_by_ctrl_c(), _warnings_in_a_line():
            code = _run([argument for argument in arguments if argument != "--traceback"])
        _flush()
        return code
    except BrokenPipeError:
        return _reader_has_left()
    except click.UsageError as error:
        if isinstance(error, _NO_ARGUMENTS):  # a plugin's group, called without a command: its help
            say(error.format_message(), err=True)
            return USAGE
        path = error.ctx.command_path if error.ctx is not None else "invkit"
        return _fail(error, f"{error.format_message().rstrip('.')}; try `{path} --help`", USAGE, show)
    except click.ClickException as error:
        return _fail(error, error.format_message(), BAD_INPUT, show)
    except (click.Abort, KeyboardInterrupt) as error:
        return _fail(error, "interrupted", INTERRUPTED, show)
    except InvkitError as error:
        return _fail(error, str(error), error.exit_code, show)
    except BaseException as error:  # the boundary: whatever is left is a defect
        what = f"internal error: {one_line(error)}"
        return _fail(error, f"{what}; run it again with --traceback and report it", FAILED, show)


@contextlib.contextmanager
def _stopped_as_by_ctrl_c() -> Iterator[None]:
    """Let the system's other ways to end a program do what Ctrl-C does, unless they are ignored."""
    here = threading.current_thread() is threading.main_thread()
    ways = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name) and here]
    plain = [way for way in ways if signal.getsignal(way) is signal.SIG_DFL]
    for way in plain:
        signal.signal(way, signal.default_int_handler)
    try:
        yield
    finally:
        for way in plain:
            signal.signal(way, signal.SIG_DFL)


@contextlib.contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Show warnings of invkit's as one line on stderr, without the place in the code."""
    before = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, InvkitWarning):
            to_stderr(f"invkit: warning: {message}")
        else:
            before(message, category, *place, **more)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _run(arguments: list[str]) -> int:
    try:
        result = cli.main(arguments, prog_name="invkit", standalone_mode=False)
    except SystemExit as error:  # click ends this way when the reader of a pipe has left
        result = error.code
    if loading.default_manager.cache_info().currsize:
        _say_slow_plugins()
    return result if isinstance(result, int) else DONE


def _fail(error: BaseException, message: str, code: int, show: bool) -> int:
    if show:
        import traceback

        say("".join(traceback.format_exception(error)).rstrip("\n"), err=True)
    to_stderr(f"invkit: error: {' '.join(message.split())}")
    return code


def _flush() -> None:
    """Send off what is still held back; OutputError where stdout does not take it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write results to stdout: {error.strerror}") from error


def _say_slow_plugins() -> None:
    """Name plugins that took long and did not load: every command waits for them."""
    for state in default_manager().states:
        if state.status == "broken" and state.seconds > _SLOW:
            named, took = state.candidate.name, f"{state.seconds:.0f} s"
            to_stderr(f"invkit: waited {took} for plugin {named}: {state.remarks}")


def _reader_has_left() -> int:
    # Python flushes stdout once more at exit, which would complain again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED
