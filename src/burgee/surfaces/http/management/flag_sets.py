"""Flag sets: list, get, put, patch."""

from collections.abc import Callable

from burgee.errors import NotFoundError
from burgee.model.flag_set import FlagSet
from burgee.model.json import JsonObject
from burgee.service.drafts import FlagSetDraft, check_patch, draft_of_flag_set, flag_set_draft, form_of
from burgee.service.merge_patch import merge
from burgee.service.publish import Published
from burgee.surfaces.http.exchange import Answer, Call, json_answer
from burgee.surfaces.http.management.scope import in_scope
from burgee.surfaces.http.management.views import FlagSetPage, flag_set_view
from burgee.surfaces.http.management.writes import Sides, publish
from burgee.surfaces.http.payloads import decode_object, without_read_only
from burgee.surfaces.http.preconditions import version_tag


def list_flag_sets(call: Call) -> Answer:
    """All flag sets that the caller may read, ordered by key."""
    sets = call.services.browser.flag_sets()
    page = FlagSetPage(items=tuple(flag_set for flag_set in sets if in_scope(call, flag_set.key)))
    return json_answer(page)


def get_flag_set(call: Call) -> Answer:
    """One flag set, without its flags."""
    flag_set = call.services.browser.flag_set(call.text("flagSet"))
    return json_answer(flag_set, etag=version_tag(flag_set.revision))


def put_flag_set(call: Call) -> Answer:
    """Create the flag set, or replace all that a client writes of it; its flags stay."""
    draft = flag_set_draft(_form(call))
    return publish(
        call,
        lambda precondition, remember: call.services.publisher.put_flag_set(
            call.text("flagSet"), draft, author=call.author, precondition=precondition, remember=remember
        ),
        answer=_answer,
        sides=_sides(call, lambda _: form_of(draft)),
    )


def patch_flag_set(call: Call) -> Answer:
    """Change some of what a client writes of a flag set, by JSON merge patch."""
    patch = _form(call)
    check_patch(patch, FlagSetDraft)

    def yours(current: JsonObject | None) -> JsonObject | None:
        merged = merge(current, patch) if current is not None else None
        return merged if isinstance(merged, dict) else None

    return publish(
        call,
        lambda precondition, remember: call.services.publisher.patch_flag_set(
            call.text("flagSet"), patch, author=call.author, precondition=precondition, remember=remember
        ),
        answer=_answer,
        sides=_sides(call, yours),
    )


def _form(call: Call) -> JsonObject:
    form = decode_object(call.body, call.services.limits)
    return without_read_only(form, FlagSet, path={"key": call.text("flagSet")})


def _answer(published: Published) -> Answer:
    flag_set = published.flag_set
    return json_answer(
        flag_set_view(flag_set, published.warnings),
        status=201 if published.created else 200,
        etag=version_tag(flag_set.revision),
        location=f"/api/v1/flag-sets/{flag_set.key}" if published.created else "",
    )


def _sides(call: Call, yours: Callable[[JsonObject | None], JsonObject | None]) -> Sides:
    def current() -> tuple[int, JsonObject | None]:
        try:
            flag_set = call.services.browser.flag_set(call.text("flagSet"))
        except NotFoundError:
            return 0, None
        return flag_set.revision, form_of(draft_of_flag_set(flag_set))

    # The store keeps the history of flags, not of a set's own settings: there is no earlier side to show.
    return Sides(current=current, at_version=lambda _: None, yours=yours)
