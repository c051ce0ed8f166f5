"""Options that several commands share, and how they become a connection and an output."""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click
from click.core import ParameterSource

from burgee.model.flag import DEFAULT_FLAG_SET
from burgee.model.json import JsonObject, JsonValue
from burgee.surfaces.cli.environment import DEFAULT_DATA, Environment, Target
from burgee.surfaces.cli.management import Management
from burgee.surfaces.cli.output import Output

if TYPE_CHECKING:
    import httpx

P = ParamSpec("P")
R = TypeVar("R")

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
flag_set_option = click.option(
    "--flag-set", default=DEFAULT_FLAG_SET, show_default=True, metavar="SET", help="The flag set of the flag."
)


def prints(command: Callable[Concatenate[Output, P], R]) -> Callable[..., R]:
    """Give a command that stays local `--json`, and its first argument: the output."""

    @json_option
    @functools.wraps(command)
    def wrapped(*args: Any, as_json: bool, **kwargs: Any) -> R:
        return command(Output(as_json=as_json), *args, **kwargs)

    return wrapped


def reaches_flags(command: Callable[Concatenate[Management, Output, P], R]) -> Callable[..., R]:
    """Give a command `--data`, `--url`, `--token`, `--json`, and its first arguments: API and output."""

    @target_options
    @json_option
    @functools.wraps(command)
    def wrapped(*args: Any, data: str, url: str, token: str, as_json: bool, **kwargs: Any) -> R:
        with _connect(data=data, url=url, token=token) as client:
            return command(Management(client), Output(as_json=as_json), *args, **kwargs)

    return wrapped


def target_options(command: Callable[..., R]) -> Callable[..., R]:
    """`--data`, `--url` and `--token`."""
    for option in (
        click.option(
            "--token", envvar="BURGEE_TOKEN", default="", help="Bearer token for --url [BURGEE_TOKEN]."
        ),
        click.option(
            "--url", envvar="BURGEE_URL", default="", help="Address of a running server [BURGEE_URL]."
        ),
        click.option(
            "--data",
            envvar="BURGEE_DATA",
            default=DEFAULT_DATA,
            metavar="DIR",
            help=f"Data folder [BURGEE_DATA, {DEFAULT_DATA}].",
        ),
    ):
        command = option(command)
    return command


def local_or_stored(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command `snapshots`: of a definition `--file`, or as stored; and `output`."""

    @click.option("--flag-set", metavar="SET", help="Only this flag set; all of them if left out.")
    @click.option(
        "--file",
        "file_path",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="The flags of a definition file instead of stored ones.",
    )
    @target_options
    @json_option
    @functools.wraps(command)
    def wrapped(*args: Any, file_path: Path | None, flag_set: str | None, as_json: bool, **kwargs: Any) -> R:
        from burgee.surfaces.cli import documents

        target = {name: kwargs.pop(name) for name in ("data", "url", "token")}
        if file_path is not None:
            content = documents.read(file_path)
            snapshots = documents.snapshots_in(content, syntax=documents.syntax_of(file_path))
            if flag_set is not None:
                snapshots = tuple(each for each in snapshots if each.flag_set.key == flag_set)
        else:
            with _connect(**target) as client:
                snapshots = documents.stored_snapshots(Management(client), flag_set)
        return command(*args, snapshots=snapshots, output=Output(as_json=as_json), **kwargs)

    return wrapped


def json_or_file(text: str, *, name: str) -> JsonValue:
    """The JSON value that `text` is, or that stands in the file it names.

    Raises InvalidInputError for what is not strict JSON, UsageError for a missing file.
    """
    from burgee.formats import strict_json

    if text.lstrip()[:1] in ("{", "["):
        return strict_json.decode(text.encode())
    try:
        return strict_json.decode(Path(text).read_bytes())
    except OSError as error:
        raise click.BadParameter(
            f"neither a JSON object nor a readable file: {text}", param_hint=name
        ) from error


def object_or_file(text: str, *, name: str) -> JsonObject:
    """As `json_or_file`, for what must be a JSON object."""
    value = json_or_file(text, name=name)
    if not isinstance(value, dict):
        raise click.BadParameter("must be a JSON object", param_hint=name)
    return value


def _connect(*, data: str, url: str, token: str) -> AbstractContextManager["httpx.Client"]:
    """Open the target; a folder named on the command line wins over an address in the environment."""
    context = click.get_current_context()
    environment = context.find_object(Environment)
    assert environment is not None
    if url and context.get_parameter_source("data") is ParameterSource.COMMANDLINE:
        if context.get_parameter_source("url") is ParameterSource.COMMANDLINE:
            raise click.UsageError("give --data or --url, not both")
        url = ""
    return environment.connect(Target(data=data, url=url.rstrip("/"), token=token))
