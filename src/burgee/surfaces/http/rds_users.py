"""What single users get of flags, in the RDS dialect: its mappings are overrides of the default flag set."""

from burgee.errors import AlreadyExistsError, ForbiddenError, NotFoundError, VersionConflictError
from burgee.model.flag import DEFAULT_FLAG_SET, Flag, FlagStatus
from burgee.model.override import Override
from burgee.service.overrides import OverrideDraft
from burgee.surfaces.http.exchange import Answer, Call, json_answer
from burgee.surfaces.http.management.cursors import read_cursor, write_cursor
from burgee.surfaces.http.rds_bodies import Body, required
from burgee.surfaces.http.rds_errors import RdsError
from burgee.surfaces.http.rds_flags import flag_of, program_of
from burgee.surfaces.http.rds_pages import page_answer
from burgee.surfaces.http.rds_views import RdsMapping, mapping_view

ATTEMPTS = 16
MANAGE = "You can only manage your own feature flag mappings"
ACCESS = "You can only access your own feature flag mappings"

_ABSENT = "Mapping of User Id and Flag Id does not exist"
_NOT_FOUND = "User feature flag not found"
_PAGE = 1000


def create_mapping(call: Call) -> Answer:
    """Pin one user to a status of one flag; exactly one of many attempts succeeds."""
    user = user_of(call, words=MANAGE)
    status = _status(call, malformed="Error unmarshal request body")
    flag = flag_of(call)
    try:
        made = _put(call, OverrideDraft(flag_key=flag.key, targeting_key=user, status=status))
    except AlreadyExistsError:
        raise RdsError(409, "Mapping of User Id and Flag Id already exists", old_status=404) from None
    return json_answer(mapping_view(made, flag))


def patch_mapping(call: Call) -> Answer:
    """Change the status of a mapping that is there; its reason and expiry stay."""
    user = user_of(call, words=MANAGE)
    status = _status(call, malformed="Error unmarshalling request body")
    flag = flag_of(call, missing=_ABSENT)
    for _ in range(ATTEMPTS):
        present = _mapping(call, flag, user, missing=_ABSENT)
        draft = OverrideDraft(
            flag_key=flag.key,
            targeting_key=user,
            status=status,
            reason=present.reason,
            expires_at=present.expires_at,
        )
        try:
            return json_answer(mapping_view(_put(call, draft, version=present.version), flag))
        except VersionConflictError as error:
            overtaken = error
    raise overtaken


def get_mapping(call: Call) -> Answer:
    """The mapping of one user and one flag."""
    user = user_of(call, words=ACCESS)
    flag = flag_of(call, missing=_NOT_FOUND)
    return json_answer(mapping_view(_mapping(call, flag, user, missing=_NOT_FOUND), flag))


def list_mappings(call: Call) -> Answer:
    """Every mapping of one user in one array, or `limit` of them."""
    user = user_of(call, words=ACCESS)
    if "limit" in call.parameters or "cursor" in call.parameters:
        limit = call.integer("limit", 100)
        found = _overrides(call, user, after=read_cursor(call) or "", limit=limit + 1)
        place = found[limit - 1].flag_key if len(found) > limit else None
        return page_answer(call, _views(call, found[:limit]), write_cursor(call, place))
    mappings: list[RdsMapping] = []
    after = ""
    while True:
        found = _overrides(call, user, after=after, limit=_PAGE)
        mappings += _views(call, found)
        if len(found) < _PAGE:
            break
        after = found[-1].flag_key
    if not mappings and call.services.rds_strict_compat:
        raise RdsError(404, "User feature flags not found")
    return json_answer(mappings)


def delete_mapping(call: Call) -> Answer:
    """Give one user again what everybody gets."""
    user = user_of(call, words=MANAGE)
    flag = flag_of(call, missing=_NOT_FOUND)
    try:
        call.services.overrides.delete(DEFAULT_FLAG_SET, flag.key, user, author=call.author)
    except NotFoundError:
        raise RdsError(404, _NOT_FOUND) from None
    return Answer(status=204)


def user_of(call: Call, *, words: str) -> str:
    """The user in the path. Raises RdsError 403 with `words` where that is somebody else's affair."""
    user = call.text("userId")
    try:
        call.services.access.require_subject(call.identity, user, own=True)
    except ForbiddenError:
        raise RdsError(403, words) from None
    return user


def _status(call: Call, *, malformed: str) -> FlagStatus:
    body = Body(call, malformed=RdsError(422, malformed))
    body.text("userId")
    status = body.status()
    if status is None:
        raise required("status", call=call)
    return status


def _put(call: Call, draft: OverrideDraft, *, version: int | None = None) -> Override:
    try:
        return call.services.overrides.put(
            draft, author=call.author, must_not_exist=version is None, version=version
        )
    except NotFoundError:
        raise RdsError(404, "Feature flag not found") from None  # deleted since it was looked up


def _mapping(call: Call, flag: Flag, user: str, *, missing: str) -> Override:
    found = call.services.overrides.get(DEFAULT_FLAG_SET, flag.key, user)
    if found is None:
        raise RdsError(404, missing)
    return found


def _overrides(call: Call, user: str, *, after: str, limit: int) -> tuple[Override, ...]:
    return call.services.overrides.of_subject(
        user, flag_set=DEFAULT_FLAG_SET, after=(DEFAULT_FLAG_SET, after), limit=limit
    )


def _views(call: Call, overrides: tuple[Override, ...]) -> list[RdsMapping]:
    """The mappings that `overrides` are; those of flags that are gone are none."""
    program = program_of(call)
    views = []
    for each in overrides:
        compiled = program.flags.get(each.flag_key) if program is not None else None
        flag = compiled.source if compiled is not None else _stored(call, each.flag_key)
        if flag is not None:
            views.append(mapping_view(each, flag))
    return views


def _stored(call: Call, key: str) -> Flag | None:
    """The flag of a key that is not served here, or not yet."""
    try:
        return call.services.browser.flag(DEFAULT_FLAG_SET, key)
    except NotFoundError:
        return None
