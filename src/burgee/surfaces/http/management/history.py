"""A flag's history, and going back to a point of it."""

from burgee.errors import Fault, InvalidInputError, NotFoundError
from burgee.model.json import JsonObject
from burgee.model.limits import MAX_SAFE_INTEGER
from burgee.service.drafts import draft_of_flag, form_of
from burgee.surfaces.http.exchange import Answer, Call, json_answer
from burgee.surfaces.http.management.cursors import invalid_cursor, read_cursor, write_cursor
from burgee.surfaces.http.management.flags import DEFAULT_PAGE, answer_flag, place_of, sides_of
from burgee.surfaces.http.management.views import HistoryPage, RestoreRequest
from burgee.surfaces.http.management.writes import publish
from burgee.surfaces.http.payloads import convert_struct, decode_object

MAX_PLACE_CHARACTERS = 24
"""A version of up to 18 digits in base64: a longer one was made up, and no store could look for it."""


def list_history(call: Call) -> Answer:
    """A page of a flag's versions, newest first; a deleted flag keeps its history."""
    flag_set, key = place_of(call)
    found = call.services.browser.history(
        flag_set, key, cursor=_place(call), limit=call.integer("limit", DEFAULT_PAGE)
    )
    page = HistoryPage(items=found.items, next_cursor=write_cursor(call, found.next_cursor))
    return json_answer(page)


def _place(call: Call) -> str | None:
    place = read_cursor(call)
    if place is not None and len(place) > MAX_PLACE_CHARACTERS:
        raise invalid_cursor()
    return place


def restore_flag(call: Call) -> Answer:
    """Publish a new version with the content that the flag had at a revision."""
    flag_set, key = place_of(call)
    request = convert_struct(decode_object(call.body, call.services.limits), RestoreRequest)
    if not 1 <= request.revision <= MAX_SAFE_INTEGER:
        raise InvalidInputError([Fault("/revision", "out-of-range", "revisions start at 1")])

    def yours(_: JsonObject | None) -> JsonObject | None:
        try:
            flag = call.services.browser.flag_at(flag_set, key, revision=request.revision).flag
        except NotFoundError:
            return None
        return form_of(draft_of_flag(flag)) if flag is not None else None

    return publish(
        call,
        lambda precondition, remember: call.services.publisher.restore_flag(
            flag_set,
            key,
            revision=request.revision,
            author=call.author,
            precondition=precondition,
            remember=remember,
        ),
        answer=answer_flag,
        sides=sides_of(call, yours),
    )
