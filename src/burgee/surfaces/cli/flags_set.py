"""`burgee flags set`: make a flag, or change what is named and leave the rest."""

from collections.abc import Sequence
from typing import Any

import click
import msgspec

from burgee.errors import MalformedError, NotFoundError, VersionConflictError
from burgee.formats import strict_json
from burgee.model.json import JsonObject, JsonValue
from burgee.surfaces.cli.management import Management, as_object, flag_path
from burgee.surfaces.cli.options import flag_set_option, object_or_file, reaches_flags
from burgee.surfaces.cli.output import Output, show_warnings

ATTEMPTS = 5
_BOOLEAN: JsonObject = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What the options name; None and () leave a thing as it is."""

    variants: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    default: str | None = None
    targeting: str | None = None
    status: str | None = None
    name: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()


@click.command("set")
@click.argument("key")
@flag_set_option
@click.option("--file", "file_name", metavar="FILE", help="Replace the whole flag by this JSON file.")
@click.option("--variant", "variants", multiple=True, metavar="NAME=JSON", help="Add or change a variant.")
@click.option("--remove-variant", "removed", multiple=True, metavar="NAME", help="Remove a variant.")
@click.option("--default", "default", metavar="NAME", help="Default variant; '' for none.")
@click.option("--targeting", metavar="JSON|FILE", help="The rule; '{}' for none.")
@click.option("--status", type=click.Choice(["ENABLED", "DISABLED"], case_sensitive=False), help="On or off.")
@click.option("--name", help="Name for people.")
@click.option("--description", help="What the flag decides.")
@click.option("--tag", "tags", multiple=True, help="Tags; they replace all that were there.")
@click.option("--metadata", multiple=True, metavar="NAME=JSON", help="Add or change a metadata entry.")
@click.option(
    "--if-version", type=click.IntRange(0), help="Only if this is its version; 0: only if it is new."
)
@click.option("--force", is_flag=True, help="Use a key again although it was deleted lately.")
@reaches_flags
def command(
    management: Management,
    output: Output,
    /,
    key: str,
    flag_set: str,
    file_name: str | None,
    if_version: int | None,
    force: bool,
    **options: Any,
) -> None:
    """Make the flag KEY, or change it.

    Without --variant a new flag is boolean: on=true, off=false, default on. A value that is not JSON is
    taken as text: --variant greeting=hello.
    """
    path = flag_path(flag_set, key)
    changes = Changes(**options)
    if file_name is not None:
        if changes != Changes():
            raise click.UsageError("--file replaces the whole flag; no other content can be given beside it")
        draft = object_or_file(file_name, name="--file")
        flag = _put(management, path, draft, precondition(if_version), force=force)
    else:
        flag = _edit(management, path, changes, if_version=if_version, force=force)
    if output.as_json:
        output.document(flag)
    else:
        output.text(f"{flag['key']} is at version {flag['version']}")
        show_warnings(output, flag.get("warnings"))


def precondition(version: int | None) -> dict[str, str]:
    """The headers by which a write is refused unless the flag is at `version`; 0 means not there yet."""
    match version:
        case None:
            return {}
        case 0:
            return {"If-None-Match": "*"}
        case _:
            return {"If-Match": f'"{version}"'}


def edited(flag: JsonObject, changes: Changes) -> JsonObject:
    """`flag` with what `changes` names; the rest stays.

    Raises UsageError for a change that cannot be read, NotFoundError for a variant to remove that is not
    there.
    """
    result = dict(flag)
    variants = _part(flag, "variants")
    missing = ", ".join(repr(name) for name in changes.removed if name not in variants)
    if missing:
        raise NotFoundError(f"the flag has no variant {missing} to remove")
    kept = {name: value for name, value in variants.items() if name not in changes.removed}
    result["variants"] = kept | assignments(changes.variants, name="--variant")
    if changes.metadata:
        result["metadata"] = _part(flag, "metadata") | assignments(changes.metadata, name="--metadata")
    if changes.tags:
        result["tags"] = list(changes.tags)
    if changes.default is not None:
        result["defaultVariant"] = changes.default or None
    if changes.targeting is not None:
        result["targeting"] = object_or_file(changes.targeting, name="--targeting") or None
    named = {"status": changes.status, "name": changes.name, "description": changes.description}
    return result | {name: value for name, value in named.items() if value is not None}


def assignments(texts: Sequence[str], *, name: str) -> JsonObject:
    """`NAME=JSON` arguments as an object; a value that is not JSON is text. Raises UsageError without `=`."""
    result: JsonObject = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"must look like NAME=VALUE: {text}", param_hint=name)
        result[key] = _value(value)
    return result


def _edit(
    management: Management,
    path: str,
    changes: Changes,
    *,
    if_version: int | None,
    force: bool,
) -> JsonObject:
    """Read, change, write on condition that nobody wrote between; again where somebody did."""
    for attempt in range(1, ATTEMPTS + 1):
        condition = precondition(if_version)
        try:
            if if_version == 0:
                raise NotFoundError(path)
            answer = management.send("GET", path)
            current = as_object(answer.document)
            condition = condition or {"If-Match": answer.etag}
        except NotFoundError:
            current = {} if changes.variants else dict(_BOOLEAN)
            condition = condition or {"If-None-Match": "*"}
        try:
            return _put(management, path, edited(current, changes), condition, force=force)
        except VersionConflictError:
            if if_version is not None or attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _put(
    management: Management, path: str, draft: JsonObject, headers: dict[str, str], *, force: bool
) -> JsonObject:
    answer = management.send(
        "PUT",
        path,
        query={"force": True} if force else None,
        content=strict_json.encode(draft),
        headers=headers,
    )
    return as_object(answer.document)


def _part(flag: JsonObject, name: str) -> JsonObject:
    part = flag.get(name)
    return part if isinstance(part, dict) else {}


def _value(text: str) -> JsonValue:
    try:
        return strict_json.decode(text.encode())
    except MalformedError:
        return text
