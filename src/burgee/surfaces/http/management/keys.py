"""SDK keys: make, list and revoke them."""

from typing import Any

from burgee.model.sdk_key import SdkKey
from burgee.service.sdk_keys import PREFIXES, SdkKeyDraft
from burgee.surfaces.http.exchange import Answer, Call, json_answer
from burgee.surfaces.http.management.cursors import read_cursor, write_cursor
from burgee.surfaces.http.management.flags import DEFAULT_PAGE
from burgee.surfaces.http.management.views import NewSdkKeyView, SdkKeyPage, SdkKeyRequest, SdkKeyView
from burgee.surfaces.http.payloads import convert_struct, decode_object


def create_key(call: Call) -> Answer:
    """A new key; its secret is in this answer and nowhere else."""
    request = convert_struct(decode_object(call.body, call.services.limits), SdkKeyRequest)
    draft = SdkKeyDraft(
        name=request.name, kind=request.kind, flag_sets=request.flag_sets, ttl_seconds=request.ttl_seconds
    )
    key, text = call.services.sdk_keys.create(draft, author=call.author)
    return json_answer(NewSdkKeyView(**_fields(call, key), key=text), status=201)


def list_keys(call: Call) -> Answer:
    """A page of keys in the order of their ids."""
    limit = call.integer("limit", DEFAULT_PAGE)
    keys = call.services.sdk_keys.list(after=read_cursor(call) or "", limit=limit)
    page = SdkKeyPage(
        items=tuple(SdkKeyView(**_fields(call, key)) for key in keys),
        next_cursor=write_cursor(call, keys[-1].id if len(keys) == limit else None),
    )
    return json_answer(page)


def revoke_key(call: Call) -> Answer:
    """End a key; it stays in the list."""
    call.services.sdk_keys.revoke(call.text("keyId"), author=call.author)
    return Answer(status=204)


def _fields(call: Call, key: SdkKey) -> dict[str, Any]:
    names = [name for name in SdkKeyView.__struct_fields__ if name not in ("prefix", "active")]
    return {
        **{name: getattr(key, name) for name in names},
        "prefix": f"{PREFIXES[key.kind]}_{key.id}",
        "active": key.is_active(call.services.clock()),
    }
