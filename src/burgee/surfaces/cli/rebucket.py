"""`burgee rebucket`: what changing the fractional generation would do to these subjects."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from burgee.errors import Fault, InvalidInputError
from burgee.formats import strict_json
from burgee.model.flag_set import FractionalGeneration
from burgee.model.json import JsonObject
from burgee.model.snapshot import Snapshot
from burgee.surfaces.cli.environment import Environment
from burgee.surfaces.cli.options import local_or_stored
from burgee.surfaces.cli.output import Output

_GENERATIONS = click.Choice([generation.value for generation in FractionalGeneration])


@click.command()
@click.option("--from", "before", type=_GENERATIONS, required=True, help="The generation now.")
@click.option("--to", "after", type=_GENERATIONS, required=True, help="The generation to come.")
@click.option(
    "--subjects",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="One targeting key a line, or one JSON context a line.",
)
@local_or_stored
@click.pass_obj
def command(
    environment: Environment,
    output: Output,
    snapshots: tuple[Snapshot, ...],
    before: str,
    after: str,
    subjects: Path,
) -> None:
    """Count, per flag, the subjects whose variant would be another one."""
    from burgee.engine.rebucket import rebucket

    contexts = list(read_contexts(subjects))
    compare = functools.partial(
        rebucket,
        contexts=contexts,
        before=FractionalGeneration(before),
        after=FractionalGeneration(after),
        clock=environment.clock,
    )
    moves: list[dict[str, Any]] = [
        {
            "flagSet": snapshot.flag_set.key,
            "flagKey": move.flag_key,
            "subjects": move.subjects,
            "moved": move.moved,
        }
        for snapshot in snapshots
        for move in compare(snapshot)
    ]
    if output.as_json:
        output.document(moves)
        return
    columns = ("flag set", "flag", "subjects", "moved", "share")
    output.table(columns, ((*move.values(), _share(move)) for move in moves), empty="no flags")


def read_contexts(path: Path) -> Iterator[JsonObject]:
    """The contexts of a subjects file; blank lines count for nothing.

    Raises InvalidInputError naming the line that starts as JSON and is none.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            text = line.strip()
            if text.startswith("{"):
                try:
                    context = strict_json.decode(text.encode())
                except InvalidInputError as error:
                    message = f"{path}, line {number}: {error.faults[0].message}"
                    raise InvalidInputError([Fault("", "malformed-context", message)]) from error
                if isinstance(context, dict):
                    yield context
            elif text:
                yield {"targetingKey": text}


def _share(move: dict[str, Any]) -> str:
    return f"{100 * move['moved'] / move['subjects']:.1f} %" if move["subjects"] else ""
