"""Request bodies into objects and small structs, with every fault and its JSON pointer."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

import msgspec

from burgee.errors import Fault, InvalidInputError
from burgee.formats import strict_json
from burgee.model.json import JsonObject
from burgee.model.limits import Limits
from burgee.service.drafts import escape

Content = TypeVar("Content", bound=msgspec.Struct)


def decode_object(body: bytes, limits: Limits) -> JsonObject:
    """The JSON object in `body`, decoded strictly. Raises InvalidInputError."""
    value = strict_json.decode(body, limits=limits)
    if not isinstance(value, dict):
        raise InvalidInputError([Fault("", "wrong-type", "the body must be a JSON object")])
    return value


def without_read_only(form: JsonObject, kind: type[msgspec.Struct], *, path: Mapping[str, str]) -> JsonObject:
    """`form` without the members that only the server writes, so that what was read can be sent back.

    `kind` says which they are: `READ_ONLY[kind]`. Raises InvalidInputError where one says something else
    than the `path`.
    """
    faults = [
        Fault(f"/{name}", "differs-from-path", f"{name} is {wanted} in the path")
        for name, wanted in path.items()
        if name in form and form[name] != wanted
    ]
    if faults:
        raise InvalidInputError(faults)
    return {name: content for name, content in form.items() if name not in read_only_members(kind)}


def read_only_members(kind: type[msgspec.Struct]) -> Collection[str]:
    """The wire names of what the server adds to a flag or flag set."""
    times = {"createdAt", "createdBy", "updatedAt", "updatedBy", "warnings", "key", "lastEvaluatedAt"}
    names = {field.encode_name for field in msgspec.structs.fields(kind)}
    return times | ({"id", "flagSet", "version"} if "flagSet" in names else {"revision"})


def convert_struct(form: JsonObject, kind: type[Content]) -> Content:
    """`form` as a `kind`. Raises InvalidInputError with all unknown, missing and ill-typed members."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    faults = [Fault(f"/{escape(n)}", "unknown-field", "unknown member") for n in form if n not in fields]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name not in form and field.required:
            faults.append(Fault(f"/{name}", "missing-field", f"{name} is required"))
        elif name in form:
            try:
                values[field.name] = msgspec.convert(form[name], field.type)
            except msgspec.ValidationError as error:
                faults.append(Fault(f"/{name}", "wrong-type", str(error)))
    if faults:
        raise InvalidInputError(faults)
    return kind(**values)
