"""Flags: list, get (now or as of a revision), put, patch, delete."""

from collections.abc import Callable

from burgee.errors import NotFoundError
from burgee.model.flag import DEFAULT_FLAG_SET, Flag, FlagStatus
from burgee.model.json import JsonObject
from burgee.service.drafts import FlagDraft, check_patch, draft_of_flag, flag_draft, form_of
from burgee.service.merge_patch import merge
from burgee.service.publish import Published
from burgee.surfaces.http.exchange import Answer, Call, json_answer
from burgee.surfaces.http.management.cursors import read_cursor, write_cursor
from burgee.surfaces.http.management.scope import sets_in_scope
from burgee.surfaces.http.management.usage import listings
from burgee.surfaces.http.management.views import FlagPage, flag_view
from burgee.surfaces.http.management.writes import Sides, publish
from burgee.surfaces.http.payloads import decode_object, without_read_only
from burgee.surfaces.http.preconditions import version_tag

DEFAULT_PAGE = 100


def list_flags(call: Call) -> Answer:
    """A page of the flags that the filters leave, ordered by flag set and key."""
    status = call.maybe_text("status")
    # Within the query, not after it: what fills a page or starts the next one would tell of other sets.
    found = call.services.browser.flags(
        within=sets_in_scope(call),
        flag_set=call.maybe_text("flagSet"),
        status=FlagStatus(status) if status is not None else None,
        tag=call.maybe_text("tag"),
        search=call.text("search"),
        cursor=read_cursor(call),
        limit=call.integer("limit", DEFAULT_PAGE),
    )
    page = FlagPage(
        items=listings(call, found.items),
        next_cursor=write_cursor(call, found.next_cursor),
    )
    return json_answer(page)


def get_flag(call: Call) -> Answer:
    """One flag, as it is or as it was at a revision of its set."""
    flag_set, key = place_of(call)
    revision = call.integer("revision", 0)
    browser = call.services.browser
    flag = browser.flag_at(flag_set, key, revision=revision).flag if revision else browser.flag(flag_set, key)
    if flag is None:
        raise NotFoundError(f"the flag {key} in flag set {flag_set} was deleted at revision {revision}")
    return json_answer(flag, etag=version_tag(flag.version))


def put_flag(call: Call) -> Answer:
    """Create the flag, or replace all that a client writes of it."""
    flag_set, key = place_of(call)
    form = _form(call)
    draft = flag_draft(form)
    return publish(
        call,
        lambda precondition, remember: call.services.publisher.put_flag(
            flag_set,
            key,
            draft,
            author=call.author,
            precondition=precondition,
            force=call.is_set("force"),
            remember=remember,
        ),
        answer=answer_flag,
        sides=sides_of(call, lambda _: form_of(draft)),
    )


def patch_flag(call: Call) -> Answer:
    """Change some of what a client writes of a flag, by JSON merge patch."""
    flag_set, key = place_of(call)
    patch = _form(call)
    check_patch(patch, FlagDraft)

    def yours(current: JsonObject | None) -> JsonObject | None:
        merged = merge(current, patch) if current is not None else None
        return merged if isinstance(merged, dict) else None

    return publish(
        call,
        lambda precondition, remember: call.services.publisher.patch_flag(
            flag_set, key, patch, author=call.author, precondition=precondition, remember=remember
        ),
        answer=answer_flag,
        sides=sides_of(call, yours),
    )


def delete_flag(call: Call) -> Answer:
    """Delete the flag; its key stays reserved."""
    flag_set, key = place_of(call)
    return publish(
        call,
        lambda precondition, remember: call.services.publisher.delete_flag(
            flag_set, key, author=call.author, precondition=precondition, remember=remember
        ),
        answer=lambda _: Answer(status=204),
        sides=sides_of(call, lambda _: None),
    )


def place_of(call: Call) -> tuple[str, str]:
    """The flag set and key that the path names; the short paths mean the default set."""
    return call.text("flagSet", DEFAULT_FLAG_SET), call.text("key")


def answer_flag(published: Published) -> Answer:
    """The flag just published: 201 with its address where it is new."""
    flag = published.flag
    if flag is None:
        return Answer(status=204)
    return json_answer(
        flag_view(flag, published.warnings),
        status=201 if published.created else 200,
        etag=version_tag(flag.version),
        location=f"/api/v1/flag-sets/{flag.flag_set}/flags/{flag.key}" if published.created else "",
    )


def sides_of(call: Call, yours: Callable[[JsonObject | None], JsonObject | None]) -> Sides:
    """The sides of a conflict over the flag that the path names."""
    flag_set, key = place_of(call)
    browser = call.services.browser

    def current() -> tuple[int, JsonObject | None]:
        try:
            flag = browser.flag(flag_set, key)
        except NotFoundError:
            return 0, None
        return flag.version, form_of(draft_of_flag(flag))

    def at_version(version: int) -> JsonObject | None:
        try:
            steps = browser.history(flag_set, key, limit=DEFAULT_PAGE).items
        except NotFoundError:
            return None
        flag = next((step.flag for step in steps if step.version == version), None)
        return form_of(draft_of_flag(flag)) if flag is not None else None

    return Sides(current=current, at_version=at_version, yours=yours)


def _form(call: Call) -> JsonObject:
    flag_set, key = place_of(call)
    form = decode_object(call.body, call.services.limits)
    return without_read_only(form, Flag, path={"flagSet": flag_set, "key": key})
