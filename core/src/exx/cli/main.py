"""The ``exx`` command: a group whose commands are imported when they are called."""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from exx import __version__

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from click.shell_completion import CompletionItem

_COMMANDS = {
    "run": ("running", "Run an experiment, all phases; prints the verdict."),
    "plan": ("running", "Show what a run would do, and why; asks no model."),
    "resume": ("running", "Go on with a run that was stopped or killed."),
    "audit": ("auditing", "Measure every prompt, and price the treatment's; asks no model."),
    "validate": ("running", "Check a config, its plugins and its prompts."),
    "status": ("runs", "Show how far a run is."),
    "list": ("runs", "List the runs of an experiments folder."),
    "show": ("runs", "Show what a run asked and what came of it."),
    "compare": ("comparing", "Compare two runs on the items that both have."),
    "stop": ("runs", "Ask a run to stop at the next safe point."),
    "archive": ("archiving", "Pack a finished run into one checksummed file; check or unpack one."),
    "clean": ("archiving", "List what can be removed, and remove it with --yes."),
    "prepare": ("running", "Phase: datasets into prepared items."),
    "build": ("running", "Phase: items and prompts into requests."),
    "submit": ("running", "Phase: ask what has no response yet."),
    "poll": ("running", "Phase: collect the responses."),
    "parse": ("files", "Phase, or on a file: raw results into predictions.csv."),
    "score": ("files", "Phase, or on files: predictions into per-item scores."),
    "stats": ("files", "Phase, or on a file: scores into significance.json."),
    "costs": ("files", "Phase, or on a file: tokens and dollars per arm."),
    "report": ("files", "Phase, or on a folder: write the reports."),
    "analyze": ("studies", "Run one study analysis on a run or a score file."),
    "plugins": ("plugins", "List the installed plugins, show one, or check them."),
    "new": ("new", "Write a plugin package that works as it is."),
    "init": ("setting_up", "Start an experiment in a folder."),
    "schema": ("setting_up", "Print the JSON Schema of a config, for editors."),
    "doctor": ("setting_up", "Look at the set-up, and say what is missing."),
    "completion": ("setting_up", "Print the script that completes words in a shell."),
}


class LazyGroup(click.Group):
    """Knows its commands by name and imports a command's module only to run it, so that ``--help`` stays quick."""

    @property
    def extra(self) -> dict[str, list[EntryPoint]]:
        """The commands that plugins add."""
        from exx.cli.extra import extra_commands

        return extra_commands(frozenset(_COMMANDS))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Command names, in the order in which a person meets them; those of plugins last."""
        return [*_COMMANDS, *self.extra]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in _COMMANDS:
            return self._get_extra(cmd_name)
        module = import_module(f"exx.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def _get_extra(self, name: str) -> click.Command | None:
        if name not in self.extra:
            return None
        from exx.cli.common import load_environment
        from exx.cli.extra import load

        load_environment()  # as for every command that may need a key
        return load(name, self.extra[name])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Point a misspelt command to the nearest one."""
        from difflib import get_close_matches

        if args and args[0] not in _COMMANDS and not args[0].startswith("-") and args[0] not in self.extra:
            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            raise click.UsageError(f"no command {args[0]!r}" + (f"; did you mean {near[0]!r}?" if near else ""), ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name without importing any command."""
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        known = {name: words for name, (_, words) in _COMMANDS.items()} | dict.fromkeys(self.extra, "")
        return [CompletionItem(name, help=words) for name, words in known.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in _COMMANDS.items()])
        if self.extra:
            from exx.cli.extra import words_of

            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, words_of(entries)) for name, entries in self.extra.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="exx")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Ask a model the same questions under two system prompts, and learn how sure one may be of the difference."""
    ctx.obj = {"debug": debug}


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit with the status that contracts give each kind of ending."""
    sys.exit(run(sys.argv[1:] if args is None else args))


def run(args: list[str]) -> int:
    """Run the command line.

    Returns:
        0 done; 1 it failed; 2 usage or configuration; 3 stopped on request, can be resumed; 4 a gate failed.
    """
    from exx.errors import ExxError

    try:
        outcome: Any = cli.main(args=args, prog_name="exx", standalone_mode=False)
        return outcome if isinstance(outcome, int) else 0
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nexx: interrupted at once; what was answered is stored, exx resume goes on", err=True)
        return 3
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except ExxError as error:
        return _failed(error, error.exit_code, f"exx: {error}", args)
    except MemoryError as error:
        return _failed(error, 1, "exx: out of memory; try --limit-items or --lines-per-part, then exx resume", args)
    except Exception as error:  # noqa: BLE001 - the outermost edge: a bug is told as such, with its traceback on request
        hint = "this is a defect in exx or a plugin; exx --debug … shows where"
        return _failed(error, 1, f"exx: {type(error).__name__}: {error}\n  → {hint}", args)


def _failed(error: BaseException, status: int, message: str, args: list[str]) -> int:
    from exx.cli.show import clean

    if "--debug" in args:
        traceback.print_exception(error)
    click.echo(clean(message), err=True)
    return status
