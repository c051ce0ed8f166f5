"""`burgee evaluate`: one flag, one context, one answer."""

from urllib.parse import quote

import click
import msgspec

from burgee.model.json import JsonObject
from burgee.surfaces.cli.exit_codes import ExitCode
from burgee.surfaces.cli.management import Management, as_object
from burgee.surfaces.cli.options import object_or_file, reaches_flags
from burgee.surfaces.cli.output import Output, compact


@click.command()
@click.argument("key")
@click.option("--context", "context_text", default="{}", metavar="JSON|FILE", help="The evaluation context.")
@click.option("--targeting-key", metavar="ID", help="The subject; short for a context with a targetingKey.")
@click.option("--flag-set", metavar="SET", help="Look only in this flag set.")
@reaches_flags
def command(
    management: Management,
    output: Output,
    key: str,
    context_text: str,
    targeting_key: str | None,
    flag_set: str | None,
) -> int:
    """Evaluate the flag KEY as OpenFeature clients do, over OFREP."""
    context = object_or_file(context_text, name="--context")
    if targeting_key is not None:
        context = {**context, "targetingKey": targeting_key}
    answer = _evaluate(management, key, context, flag_set)
    if output.as_json:
        output.document(answer)
    else:
        for line in _lines(answer):
            output.text(line)
    match answer.get("errorCode"):
        case None:
            return ExitCode.OK
        case "FLAG_NOT_FOUND":
            return ExitCode.NOT_FOUND
        case _:
            return ExitCode.REFUSED


def _evaluate(management: Management, key: str, context: JsonObject, flag_set: str | None) -> JsonObject:
    answer = management.send(
        "POST",
        f"/ofrep/v1/evaluate/flags/{quote(key, safe='')}",
        content=msgspec.json.encode({"context": context}),
        headers={"Flagd-Selector": f"flagSetId={flag_set}"} if flag_set is not None else None,
        accept=(400, 404),
    )
    return as_object(answer.document)


def _lines(answer: JsonObject) -> list[str]:
    if "errorCode" in answer:
        return [f"error    {answer['errorCode']}", f"detail   {answer.get('errorDetails', '')}"]
    value = compact(answer["value"]) if "value" in answer else "(the default in the caller's code)"
    return [
        f"value    {value}",
        f"variant  {answer.get('variant') or '(none)'}",
        f"reason   {answer.get('reason')}",
    ]
