"""Overrides: of a flag, of a subject, one of them, and many at once as CSV."""

from urllib.parse import quote

import msgspec

from burgee.errors import AlreadyExistsError, Fault, InvalidInputError, NotFoundError, VersionConflictError
from burgee.formats import overrides_csv
from burgee.model.flag import DEFAULT_FLAG_SET, FlagStatus
from burgee.model.json import JsonObject
from burgee.model.override import Override
from burgee.service.access import Permission
from burgee.service.overrides import OverrideDraft, OverrideRow
from burgee.surfaces.http.differences import differences
from burgee.surfaces.http.exchange import Answer, Call, json_answer
from burgee.surfaces.http.management.cursors import invalid_cursor, read_cursor, write_cursor
from burgee.surfaces.http.management.flags import DEFAULT_PAGE, place_of
from burgee.surfaces.http.management.scope import sets_in_scope
from burgee.surfaces.http.payloads import convert_struct, decode_object
from burgee.surfaces.http.preconditions import Condition, read_condition, version_tag
from burgee.surfaces.http.problems import PreconditionFailedError


class OverrideForm(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a client writes of an override: exactly one of `status` and `variant`.

    What was read may be sent back: the place must be that of the path, and what only the server writes is
    ignored.
    """

    status: FlagStatus | None = None
    variant: str | None = None
    reason: str = ""
    expires_at: float | None = None
    flag_set: str | msgspec.UnsetType = msgspec.UNSET
    flag_key: str | msgspec.UnsetType = msgspec.UNSET
    targeting_key: str | msgspec.UnsetType = msgspec.UNSET
    version: int | msgspec.UnsetType = msgspec.UNSET
    created_at: float | msgspec.UnsetType = msgspec.UNSET
    created_by: str | msgspec.UnsetType = msgspec.UNSET
    updated_at: float | msgspec.UnsetType = msgspec.UNSET
    updated_by: str | msgspec.UnsetType = msgspec.UNSET


class OverridePage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Overrides, and the cursor of the next page; null on the last one."""

    items: tuple[Override, ...]
    next_cursor: str | None


def list_flag_overrides(call: Call) -> Answer:
    """A page of the overrides of one flag, ordered by targeting key; they tell of every subject."""
    call.services.access.require_subject(call.identity, None)
    flag_set, key = place_of(call)
    call.services.browser.flag(flag_set, key)
    limit = call.integer("limit", DEFAULT_PAGE)
    found = call.services.overrides.of_flag(flag_set, key, after=read_cursor(call) or "", limit=limit + 1)
    after = found[limit - 1].targeting_key if len(found) > limit else None
    return json_answer(OverridePage(items=found[:limit], next_cursor=write_cursor(call, after)))


def list_subject_overrides(call: Call) -> Answer:
    """A page of the overrides of one subject, ordered by flag set and flag."""
    call.services.access.require_subject(call.identity, call.text("targetingKey"))
    limit = call.integer("limit", DEFAULT_PAGE)
    found = _of_subject(call, limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    page = OverridePage(
        items=found[:limit],
        next_cursor=write_cursor(call, f"{last.flag_set}/{last.flag_key}" if last is not None else None),
    )
    return json_answer(page)


def get_override(call: Call) -> Answer:
    """One override."""
    call.services.access.require_subject(call.identity, call.text("targetingKey"))
    found = _stored(call)
    if found is None:
        raise NotFoundError(f"the flag {call.text('key')} has no override for this subject")
    return json_answer(found, etag=version_tag(found.version))


def put_override(call: Call) -> Answer:
    """Create the override, or replace it."""
    draft = _draft(call)
    condition = read_condition(call)
    before = _existing(call, condition)
    try:
        put = call.services.overrides.put(
            draft, author=call.author, must_not_exist=condition.must_not_exist, version=condition.version
        )
    except (VersionConflictError, AlreadyExistsError) as error:
        if not condition.is_given:
            raise
        raise _precondition_failed(call, draft) from error
    return json_answer(
        put,
        status=201 if before is None else 200,
        etag=version_tag(put.version),
        location=_address(put) if before is None else "",
    )


def delete_override(call: Call) -> Answer:
    """Delete the override."""
    flag_set, key = place_of(call)
    condition = read_condition(call)
    _existing(call, condition)
    try:
        call.services.overrides.delete(
            flag_set, key, call.text("targetingKey"), author=call.author, version=condition.version
        )
    except VersionConflictError as error:
        if not condition.is_given:
            raise
        raise _precondition_failed(call, None) from error
    return Answer(status=204)


def import_overrides(call: Call) -> Answer:
    """Put the overrides of a CSV file, none of them where one has a fault."""
    lines = overrides_csv.read(
        call.body, flag_set=call.text("flagSet", DEFAULT_FLAG_SET), flag_key=call.text("key")
    )
    for flag_set in sorted({line.flag_set for line in lines}):
        call.services.access.require(call.identity, Permission.WRITE, flag_set)
    rows = [
        OverrideRow(
            line.line,
            OverrideDraft(
                flag_set=line.flag_set,
                flag_key=line.flag_key,
                targeting_key=line.targeting_key,
                status=line.status,
                variant=line.variant,
                reason=line.reason,
                expires_at=line.expires_at,
            ),
        )
        for line in lines
    ]
    report = call.services.overrides.import_rows(rows, author=call.author, dry_run=call.is_set("dryRun"))
    return json_answer(report)


def _of_subject(call: Call, limit: int) -> tuple[Override, ...]:
    """At most `limit` overrides of the subject, of those flag sets only that the caller reaches.

    They are read set by set, not passed over afterwards: a page, and the place where the next one starts,
    would tell of the sets that are out of reach.
    """
    subject, after, reached = call.text("targetingKey"), _after(call), sets_in_scope(call)
    wanted: tuple[str | None, ...] = (call.maybe_text("flagSet"),)
    if wanted == (None,) and reached is not None:
        wanted = tuple(sorted({each for each in reached if after is None or each >= after[0]}))
    found: tuple[Override, ...] = ()
    for flag_set in wanted:
        if len(found) < limit:
            found += call.services.overrides.of_subject(
                subject, flag_set=flag_set, after=after, limit=limit - len(found)
            )
    return found


def _draft(call: Call) -> OverrideDraft:
    flag_set, key = place_of(call)
    place = {"flagSet": flag_set, "flagKey": key, "targetingKey": call.text("targetingKey")}
    sent = decode_object(call.body, call.services.limits)
    faults = [
        Fault(f"/{name}", "differs-from-path", f"{name} is {wanted} in the path")
        for name, wanted in place.items()
        if name in sent and sent[name] != wanted
    ]
    if faults:
        raise InvalidInputError(faults)
    form = convert_struct(sent, OverrideForm)
    return OverrideDraft(
        flag_set=flag_set,
        flag_key=key,
        targeting_key=place["targetingKey"],
        status=form.status,
        variant=form.variant,
        reason=form.reason,
        expires_at=form.expires_at,
    )


def _stored(call: Call) -> Override | None:
    flag_set, key = place_of(call)
    return call.services.overrides.get(flag_set, key, call.text("targetingKey"))


def _existing(call: Call, condition: Condition) -> Override | None:
    found = _stored(call)
    if found is None and condition.must_exist:
        raise PreconditionFailedError("nothing is stored here", current_version=0)
    return found


def _precondition_failed(call: Call, draft: OverrideDraft | None) -> PreconditionFailedError:
    current = _stored(call)
    diff = differences(before=None, yours=_form(draft), current=_form(current) or {})
    version = current.version if current is not None else 0
    message = f"version {version} is stored" if version else "nothing is stored here"
    return PreconditionFailedError(message, current_version=version, diff=diff)


def _form(override: Override | OverrideDraft | None) -> JsonObject | None:
    if override is None:
        return None
    return {
        "status": override.status.value if override.status is not None else None,
        "variant": override.variant,
        "reason": override.reason,
        "expiresAt": override.expires_at,
    }


def _address(override: Override) -> str:
    flag = f"/api/v1/flag-sets/{override.flag_set}/flags/{override.flag_key}"
    return f"{flag}/overrides/{quote(override.targeting_key, safe='')}"


def _after(call: Call) -> tuple[str, str] | None:
    place = read_cursor(call)
    if place is None:
        return None
    flag_set, slash, key = place.partition("/")
    if not slash:
        raise invalid_cursor()
    return flag_set, key
