"""`burgee`: the group of all commands, and the one place where errors become exit codes."""

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence

import click
from click.shell_completion import shell_complete

from burgee import __version__
from burgee.errors import BurgeeError, InvalidInputError
from burgee.surfaces.cli.environment import Environment
from burgee.surfaces.cli.exit_codes import ExitCode, exit_code
from burgee.surfaces.cli.output import Output, printable

PROGRAM = "burgee"
COMPLETION_VARIABLE = "_BURGEE_COMPLETE"

# Name -> (module, what it does). The modules are imported only when their command runs: help stays quick.
COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("serve", "Start the server."),
    "flags": ("flags", "List, read and change flags."),
    "overrides": ("overrides", "Give single subjects another status or variant."),
    "evaluate": ("evaluate", "Evaluate one flag for a context."),
    "import": ("importing", "Publish flagd definition files."),
    "export": ("export", "Print a flag set as a flagd definition file."),
    "validate": ("validate", "Check definition files and list every fault."),
    "lint": ("lint", "Check definition files and list what looks like a mistake."),
    "rebucket": ("rebucket", "Count the subjects that another fractional generation would move."),
    "token": ("tokens", "Make tokens."),
    "keys": ("keys", "Make, list and revoke SDK keys."),
    "audit": ("audit", "Read and verify the audit log."),
    "budget": ("budget", "Show, reset and stop the request budget."),
    "migrate": ("migrate", "Move everything from one store into another."),
    "bench": ("bench", "Measure evaluation of the stored flags in this process."),
    "completion": ("completion", "Print a shell completion script."),
}


class LazyGroup(click.Group):
    """A group that knows the names and first lines of its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """All names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"burgee.surfaces.cli.{COMMANDS[cmd_name][0]}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 refused or faults found, 2 wrong usage, 3 not found, 4 conflict, "
    "5 not allowed, 6 unavailable.",
)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
def burgee() -> None:
    """Feature flags: serve, change and evaluate them."""


def run(arguments: Sequence[str], environment: Environment) -> int:
    """Run one command line and return its exit code; nothing is ever raised."""
    if instruction := os.environ.get(COMPLETION_VARIABLE):
        return shell_complete(burgee, {}, PROGRAM, COMPLETION_VARIABLE, instruction)
    as_json = "--json" in arguments
    try:
        with burgee.make_context(PROGRAM, list(arguments), obj=environment) as context:
            result = burgee.invoke(context)
        sys.stdout.flush()
        return result if isinstance(result, int) else ExitCode.OK
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.exceptions.NoArgsIsHelpError as nothing:
        nothing.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Python flushes stdout once more at exit; there is nobody left to read it.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.PIPE_CLOSED
    except BurgeeError as error:
        return _tell(error, as_json=as_json)
    except Exception as error:
        if os.environ.get("BURGEE_DEBUG"):
            raise
        sys.stderr.write(
            f"{PROGRAM}: this is a fault in Burgee: {type(error).__name__}: {printable(str(error))}\n"
            "Set BURGEE_DEBUG=1 to see where.\n"
        )
        return ExitCode.BUG


def _tell(error: BurgeeError, *, as_json: bool) -> ExitCode:
    code = exit_code(error)
    faults = error.faults if isinstance(error, InvalidInputError) else ()
    if as_json:
        document = {
            "error": str(error),
            "exitCode": int(code),
            "faults": [fault._asdict() for fault in faults],
        }
        import msgspec

        sys.stderr.write(msgspec.json.encode(document).decode() + "\n")
        return code
    output = Output()
    if faults:
        for fault in faults:
            output.remark(f"{PROGRAM}: {fault.pointer or '/'}: {fault.message} [{fault.code}]")
    else:
        output.remark(f"{PROGRAM}: {error}")
    return code
