"""The command group: errors become sentences and exit codes, never a traceback."""

import ast
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from pkgutil import get_data
from typing import Any

import click

from harvester.display import shown
from harvester.errors import ConfigError, HarvestError

EXIT_INTERNAL, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
MOST_CHARS = 2000


class Cli(click.Group):
    """A group in which an error ends with the exit code that the documentation promises."""

    def __init__(self, *, name: str, package: str, sections: Mapping[str, Sequence[str]], help: str) -> None:
        """`sections`: the commands by what they are for, in the order in which the help shows them.

        Each is in a module of its name in `package`, and is imported when it is asked for: a run need not wait for
        the sandbox.
        """
        super().__init__(
            name=name, help=help, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
        )
        self._package = package
        self._sections = sections
        click.version_option(package_name=name, message=f"{name} %(version)s")(self)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return [name for names in self._sections.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; None if there is none of that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = getattr(import_module(f"{self._package}.{cmd_name}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments begin with. Raises UsageError that names the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as exc:
            if near := get_close_matches(args[0], self.list_commands(ctx), n=1):
                raise click.UsageError(f"{exc.message.rstrip('.')}; did you mean {near[0]}?", exc.ctx) from None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in sections."""
        width = max(map(len, self.list_commands(ctx)))
        for title, names in self._sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), self._short_help(name)) for name in names])

    def _short_help(self, name: str) -> str:
        """Return a command's help in one line, read from its source: to import them all takes most of a second."""
        source = get_data(self._package, f"{name}.py") or b""
        functions = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == name)
        return click.Command(name, help=ast.get_docstring(next(functions))).get_short_help_str(80)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the command line; what click says of it is made harmless."""
        with _harmless():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and end the process as its outcome says."""
        _open_standard_streams()
        try:
            with _harmless():
                return super().invoke(ctx)
        except ConfigError as exc:
            _say(*exc.faults)
            sys.exit(EXIT_USAGE)
        except HarvestError as exc:
            _say(str(exc))
            sys.exit(EXIT_INTERNAL)
        except (KeyboardInterrupt, click.Abort):  # the latter while something was asked
            _say("interrupted")
            sys.exit(EXIT_INTERRUPTED)
        except (click.exceptions.Exit, click.ClickException, BrokenPipeError):
            raise
        except Exception as exc:
            _say(f"internal error: {type(exc).__name__}: {exc} ({_place(exc)})", "What was stored is safe.")
            sys.exit(EXIT_INTERNAL)


@contextmanager
def _harmless() -> Iterator[None]:
    """Let no error of click repeat an argument that steers the terminal."""
    try:
        yield
    except click.ClickException as exc:
        said = exc.format_message()
        if said.replace("\n", "").replace("\t", "").isprintable():
            raise
        raise click.UsageError(shown(said, MOST_CHARS), getattr(exc, "ctx", None)) from None


def _open_standard_streams() -> None:
    """Open those that whoever started us has closed: else a file of rows could become standard error."""
    for name, flag, mode in (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_WRONLY, "w"), ("stderr", os.O_WRONLY, "w")):
        if getattr(sys, name) is None:
            fd = os.open(os.devnull, flag)  # takes the lowest number that is free
            setattr(sys, name, os.fdopen(fd, mode, closefd=False))


def _say(*sentences: str) -> None:
    first, *rest = map(_both_ends, sentences)
    click.echo(f"Error: {first}", err=True)
    for sentence in rest:
        click.echo(f"       {sentence}", err=True)


def _both_ends(sentence: str) -> str:
    """Return a sentence without the middle that it has no room for: what is wrong stands at its end."""
    half = MOST_CHARS // 2
    kept = sentence if len(sentence) <= MOST_CHARS else f"{sentence[:half]} … {sentence[-half:]}"
    return shown(kept, 6 * MOST_CHARS)


def _place(exc: Exception) -> str:
    """Return where an error of ours began: without it nobody could mend it."""
    frame = traceback.extract_tb(exc.__traceback__)[-1]
    return f"{Path(frame.filename).name}, line {frame.lineno}"
