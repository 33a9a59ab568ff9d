"""The command group: errors become sentences and exit codes, never a traceback."""

import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import click

from harvester.display import shown
from harvester.errors import ConfigError, HarvestError

log = logging.getLogger(__name__)

EXIT_INTERNAL, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
MOST_CHARS = 2000


class Cli(click.Group):
    """A group in which an error ends with the exit code that the documentation promises."""

    def __init__(self, *, name: str, commands: Sequence[click.Command], help: str) -> None:
        super().__init__(
            name=name, commands=commands, help=help, context_settings={"help_option_names": ["-h", "--help"]}
        )
        self.params.append(
            click.Option(
                ["--version"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                help="Show the version and exit.",
                callback=_print_version,
            )
        )

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and end the process as its outcome says."""
        try:
            return super().invoke(ctx)
        except ConfigError as exc:
            _say(*exc.faults)
            sys.exit(EXIT_USAGE)
        except HarvestError as exc:
            _say(str(exc))
            sys.exit(EXIT_INTERNAL)
        except KeyboardInterrupt:
            _say("interrupted")
            sys.exit(EXIT_INTERRUPTED)
        except (click.exceptions.Exit, click.Abort, click.ClickException, BrokenPipeError):
            raise
        except Exception as exc:
            log.exception("internal error")
            _say(f"internal error: {type(exc).__name__}: {exc}", "What was stored is safe: run the command again.")
            sys.exit(EXIT_INTERNAL)


def _say(*sentences: str) -> None:
    first, *rest = (shown(sentence, MOST_CHARS) for sentence in sentences)
    click.echo(f"Error: {first}", err=True)
    for sentence in rest:
        click.echo(f"       {sentence}", err=True)


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"harvester {version('harvester')}")
        ctx.exit()
