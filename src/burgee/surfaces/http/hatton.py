r"""The Hatton dialect: boolean flags by name, in the default flag set.

Wire forms: the .NET service Hatton92 enhanced-feature-flag-api (source-systems.md section 2). With
`hatton_strict_compat` what its functions answered is answered as they did: JSON in a JSON string, with
PascalCase members, `"` as \u0022, and 400 for a flag that is not there.
"""

import re
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from starlette.datastructures import Headers

from burgee.errors import AlreadyExistsError, ConflictError, Fault, InvalidInputError, NotFoundError
from burgee.model.flag import DEFAULT_FLAG_SET, Flag, FlagStatus
from burgee.model.json import JsonObject
from burgee.service.access import Permission
from burgee.service.drafts import FlagDraft
from burgee.service.services import Services
from burgee.surfaces.http.exchange import Answer, Call, json_answer
from burgee.surfaces.http.operation import JSON, Dialect, Handler, Operation, Payload, Reach, Reply
from burgee.surfaces.http.parameters import Parameter, Place
from burgee.surfaces.http.payloads import convert_struct, decode_object
from burgee.surfaces.http.problems import problem_answer

ALLOW_DELETION = "allow-flag-deletion"
"""The parameter without which no flag is deleted."""

MAX_NAME = 256
_NAME = r"[^/\x00-\x1f\x7f]+"

EXISTS = "Error Creating Flag: Feature Flag Already Exsits"
NOT_RETRIEVED = "Error Retrieving Flag: Feature Flag Does Not Exsit"
NOT_UPDATED = "Error Updating Flag: Feature Flag Does Not Exsit"
NOT_DELETED = "Error Deleting Flag: Feature Flag Does Not Exist"
DELETION_DISABLED = "Deleting Flags is disabled"

_UNSAFE = re.compile(r"[^ !#-%(-*,-;=?-\[\]-_a-z{-~]")
_SHORT = {"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\b": r"\b", "\f": r"\f"}


class HattonFlagForm(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a client writes of a flag; members that are not known are passed over."""

    flag_name: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME, pattern=f"^{_NAME}$")]
    current_variation: bool


class HattonFlag(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A flag as it is now; after a deletion only its name. `last_accessed` is ISO 8601 in UTC."""

    success: bool = True
    flag_name: str
    current_variation: bool | None = None
    last_accessed: str | None = None


class HattonError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was refused."""

    message: str


class _StrictAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    success: bool
    error_message: str | None = None
    flag_name: str | None = None
    current_variation: bool | None = None


def create_flag(call: Call) -> Answer:
    """Make a boolean flag of a name that no other has."""
    form = _form(call)
    draft = FlagDraft(variants={"on": True, "off": False}, default_variant=_variant(form.current_variation))
    try:
        made = call.services.publisher.create_named_flag(
            DEFAULT_FLAG_SET, form.flag_name, draft, author=call.author
        )
    except AlreadyExistsError:
        return _refused(call, 400, EXISTS)
    return _changed(call, form.flag_name, made.flag)


def get_flag(call: Call) -> Answer:
    """The value of a flag; that it was read is noted beside it."""
    try:
        flag = call.services.flag_names.flag(DEFAULT_FLAG_SET, call.text("flagName"))
    except NotFoundError:
        return _refused(call, 404, NOT_RETRIEVED)
    value = value_of(flag)
    read_at = call.services.last_access.note(flag.id)
    name = call.text("flagName")
    if call.services.hatton_strict_compat:
        return _strict(200, _StrictAnswer(success=True, flag_name=name, current_variation=value))
    return json_answer(HattonFlag(flag_name=name, current_variation=value, last_accessed=_iso(read_at)))


def put_flag(call: Call) -> Answer:
    """Change the value of a flag that is there."""
    form, name = _form(call), call.text("flagName")
    if form.flag_name != name:
        raise InvalidInputError(
            [Fault("/flagName", "differs-from-path", f"flagName is {name!r} in the path")]
        )
    services = call.services
    try:
        flag = services.flag_names.flag(DEFAULT_FLAG_SET, name)
        patch: JsonObject = {"defaultVariant": _variant_of(flag, form.current_variation)}
        if form.current_variation:
            patch["status"] = FlagStatus.ENABLED.value  # else what was put would not be what is read
        changed = services.publisher.patch_flag(DEFAULT_FLAG_SET, flag.key, patch, author=call.author)
    except NotFoundError:
        return _refused(call, 404, NOT_UPDATED)
    return _changed(call, name, changed.flag)


def delete_flag(call: Call) -> Answer:
    """Delete a flag where deleting is allowed, which is asked before anything else."""
    services, name = call.services, call.text("flagName")
    if not services.parameters.is_true(ALLOW_DELETION):
        services.publisher.record_refused_deletion(
            DEFAULT_FLAG_SET, name, author=call.author, reason=f"{ALLOW_DELETION} is not true"
        )
        return _refused(call, 403, DELETION_DISABLED)
    try:
        flag = services.flag_names.flag(DEFAULT_FLAG_SET, name)
        services.publisher.delete_flag(DEFAULT_FLAG_SET, flag.key, author=call.author)
    except NotFoundError:
        return _refused(call, 404, NOT_DELETED)
    return _changed(call, name, None)


def value_of(flag: Flag) -> bool:
    """What the dialect says of a flag: its default variant, and false where it is disabled.

    Raises ConflictError for a flag that is not boolean.
    """
    if not all(isinstance(value, bool) for value in flag.variants.values()):
        raise ConflictError(f"the flag {flag.key} is not boolean: read and write it under /api/v1")
    return flag.status is FlagStatus.ENABLED and flag.variants.get(flag.default_variant or "") is True


def _variant(value: bool) -> str:
    return "on" if value else "off"


def _variant_of(flag: Flag, value: bool) -> str:
    value_of(flag)
    for name in (_variant(value), *sorted(flag.variants)):
        if flag.variants.get(name) is value:
            return name
    raise ConflictError(f"the flag {flag.key} has no variant that is {str(value).lower()}")


def _form(call: Call) -> HattonFlagForm:
    try:
        form = decode_object(call.body, call.services.limits)
        known = {field.encode_name for field in msgspec.structs.fields(HattonFlagForm)}
        read = convert_struct({name: form[name] for name in form.keys() & known}, HattonFlagForm)
        if not re.fullmatch(_NAME, read.flag_name):
            raise InvalidInputError([Fault("/flagName", "invalid-name", "a name has no control characters")])
    except InvalidInputError:
        if call.services.hatton_strict_compat:
            raise InvalidInputError([Fault("", "invalid-body", "Invalid request body")]) from None
        raise
    return read


def _changed(call: Call, name: str, flag: Flag | None) -> Answer:
    if call.services.hatton_strict_compat:
        return _strict(200, _StrictAnswer(success=True))
    if flag is None:
        return json_answer(HattonFlag(flag_name=name))
    last = call.services.last_access.last(flag.id)
    return json_answer(
        HattonFlag(
            flag_name=name,
            current_variation=value_of(flag),
            last_accessed=_iso(last) if last is not None else None,
        )
    )


def _refused(call: Call, status: int, message: str) -> Answer:
    if call.services.hatton_strict_compat:
        status = 400 if status == 404 else status
        return _strict(status, _StrictAnswer(success=False, error_message=message))
    return json_answer(HattonError(message=message.replace("Exsit", "Exist")), status=status)


def _strict(status: int, content: _StrictAnswer) -> Answer:
    # Encoded twice, as System.Text.Json does it: the inner document's quotes are \u0022, its own \u are \\u.
    pairs = msgspec.structs.asdict(content).items()
    names = {field.name: field.encode_name for field in msgspec.structs.fields(_StrictAnswer)}
    inner = ",".join(f'"{names[name]}":{_dotnet(value)}' for name, value in pairs)
    body = _dotnet("{" + inner + "}").encode("ascii")
    return Answer(status=status, body=body, headers=(("content-type", JSON),))


def _dotnet(value: bool | str | None) -> str:
    if isinstance(value, str):
        return '"' + _UNSAFE.sub(_escaped, value) + '"'
    return "null" if value is None else str(value).lower()


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    long = "".join(f"\\u{units[at]:02X}{units[at + 1]:02X}" for at in range(0, len(units), 2))
    return _SHORT.get(match[0], long)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def error_answer(error: Exception, _: Services, __: Headers) -> Answer:
    """Errors that are not the dialect's own: status and headers as everywhere, as body a message."""
    problem = problem_answer(error, request_id="")
    said = msgspec.json.decode(problem.body)
    message = "; ".join(fault["detail"] for fault in said.get("errors", ())) or said["detail"]
    answer = json_answer(HattonError(message=message), status=problem.status)
    others = tuple(header for header in problem.headers if header[0] != "content-type")
    return msgspec.structs.replace(answer, headers=(*answer.headers, *others))


HATTON = Dialect(error_answer=error_answer, error_schema=HattonError)
"""The dialect of every operation of this surface."""

_PATH = "/feature-flag/{flagName}"
_FLAG_NAME = Parameter(
    name="flagName",
    place=Place.PATH,
    description="The name of the flag, exactly.",
    pattern=r"[^/]+",
    min_length=1,
    max_length=MAX_NAME,
    example="new-checkout",
)
_PAYLOAD = Payload(schema=HattonFlagForm, example={"flagName": "new-checkout", "currentVariation": True})
_STRICT = "With BURGEE_HATTON_STRICT_COMPAT the answer is a JSON string that holds PascalCase JSON."


def _operation(name: str, method: str, path: str, handler: Handler, summary: str, done: str) -> Operation:
    writes = method != "GET"
    return Operation(
        name=name,
        method=method,
        path=path,
        permission=Permission.WRITE if writes else Permission.EVALUATE,
        handler=handler,
        summary=summary,
        description=_STRICT,
        tag="Hatton dialect",
        parameters=(_FLAG_NAME,) if path == _PATH else (),
        payload=_PAYLOAD if method in ("POST", "PUT") else None,
        replies=(Reply(status=200, description=done, schema=HattonFlag),),
        problems=(*((404,) if path == _PATH else ()), 409, *((507,) if writes else ())),
        reach=Reach.DEFAULT,
        dialect=HATTON,
    )


HATTON_OPERATIONS: tuple[Operation, ...] = (
    _operation("createHattonFlag", "POST", "/feature-flag", create_flag, "Create a boolean flag", "Created."),
    _operation("getHattonFlag", "GET", _PATH, get_flag, "The value of a boolean flag", "As it is now."),
    _operation("putHattonFlag", "PUT", _PATH, put_flag, "Change a boolean flag", "As it is now."),
    _operation("deleteHattonFlag", "DELETE", _PATH, delete_flag, "Delete a boolean flag", "Deleted."),
)
"""The dialect's part of the route table."""
