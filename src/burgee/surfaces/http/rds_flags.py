"""Flags in the RDS dialect: create, list, get, patch, delete; always those of the default flag set."""

import uuid

from burgee.engine.program import Program
from burgee.errors import AlreadyExistsError, KeyReservedError, NotFoundError
from burgee.model.flag import DEFAULT_FLAG_SET, Flag
from burgee.model.json import JsonObject
from burgee.model.slug import SLUG_CHARACTERS, slug
from burgee.service.drafts import FlagDraft
from burgee.service.publish import Precondition
from burgee.surfaces.http.exchange import Answer, Call, json_answer
from burgee.surfaces.http.management.cursors import read_cursor, write_cursor
from burgee.surfaces.http.rds_bodies import DESCRIPTION_CHARACTERS, NAME_CHARACTERS, Body, required
from burgee.surfaces.http.rds_errors import RdsError
from burgee.surfaces.http.rds_pages import page_answer
from burgee.surfaces.http.rds_views import created_view, flag_view

_NEW = Precondition(must_not_exist=True)


def create_flag(call: Call) -> Answer:
    """Make a boolean flag that is on for everybody; several may have one name."""
    body = Body(call, malformed=RdsError(422, "Error unmarshalling request body"))
    body.text("userId")  # read for its type alone: who acts is whom the token is for
    name = body.bounded("name", NAME_CHARACTERS)
    description = body.bounded("description", DESCRIPTION_CHARACTERS)
    if not name or not description:
        raise required("name", "description", call=call)
    draft = FlagDraft(
        name=name, description=description, variants={"on": True, "off": False}, default_variant="on"
    )
    return json_answer(created_view(_published(call, draft)), status=201)


def list_flags(call: Call) -> Answer:
    """Every flag in one array, or `limit` of them."""
    if "limit" in call.parameters or "cursor" in call.parameters:
        page = call.services.browser.flags(
            flag_set=DEFAULT_FLAG_SET, cursor=read_cursor(call), limit=call.integer("limit", 100)
        )
        items = [flag_view(flag) for flag in page.items]
        return page_answer(call, items, write_cursor(call, page.next_cursor))
    flags = call.services.browser.snapshot(DEFAULT_FLAG_SET).flags
    if not flags and call.services.rds_strict_compat:
        raise RdsError(404, "No feature flags found.")
    return json_answer([flag_view(flag) for flag in flags])


def get_flag(call: Call) -> Answer:
    """One flag."""
    return json_answer(flag_view(flag_of(call)))


def patch_flag(call: Call) -> Answer:
    """Change the status; also the name and the description, which the source could not."""
    body = Body(call, malformed=RdsError(400, "Error in reading input"))
    body.text("userId")
    patch: JsonObject = {}
    if not call.services.rds_strict_compat:
        name = body.bounded("name", NAME_CHARACTERS)
        description = body.bounded("description", DESCRIPTION_CHARACTERS)
        patch = {key: text for key, text in (("name", name), ("description", description)) if text}
    status = body.status()
    if status is not None:
        patch["status"] = status.value
    if not patch:
        raise required("status", call=call)
    flag = flag_of(call, missing="Feature flag with given flagId doesn't exists")
    try:
        published = call.services.publisher.patch_flag(DEFAULT_FLAG_SET, flag.key, patch, author=call.author)
    except NotFoundError:
        raise RdsError(404, "Feature flag with given flagId doesn't exists") from None
    return json_answer(flag_view(published.flag or flag))


def delete_flag(call: Call) -> Answer:
    """Delete a flag; its key stays reserved for 30 days."""
    flag = flag_of(call)
    try:
        call.services.publisher.delete_flag(DEFAULT_FLAG_SET, flag.key, author=call.author)
    except NotFoundError:
        raise RdsError(404, "Feature flag not found") from None
    return Answer(status=204)


def flag_of(call: Call, *, missing: str = "Feature flag not found") -> Flag:
    """The flag whose id is in the path. Raises RdsError 404 with the words `missing`."""
    try:
        return call.services.browser.flag_by_id(DEFAULT_FLAG_SET, call.text("flagId"))
    except NotFoundError:
        raise RdsError(404, missing) from None


def program_of(call: Call) -> Program | None:
    """What evaluates the default flag set, None before its first publish.

    Looks first whether another process has published.
    """
    call.services.refresher.look()
    return call.services.live.current.programs.get(DEFAULT_FLAG_SET)


def _published(call: Call, draft: FlagDraft) -> Flag:
    """The flag that `draft` makes, under the slug of its name, or under that and a part of its id."""
    flag_id = str(uuid.uuid4())
    key = slug(draft.name)
    try:
        return _put(call, key, draft, flag_id)
    except (AlreadyExistsError, KeyReservedError):
        return _put(call, f"{key[:SLUG_CHARACTERS]}-{flag_id[:8]}", draft, flag_id)


def _put(call: Call, key: str, draft: FlagDraft, flag_id: str) -> Flag:
    published = call.services.publisher.put_flag(
        DEFAULT_FLAG_SET, key, draft, author=call.author, precondition=_NEW, new_id=flag_id
    )
    if published.flag is None:
        raise NotFoundError(f"the flag {key} is gone")  # a put leaves a flag behind
    return published.flag
