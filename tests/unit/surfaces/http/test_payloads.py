"""Bodies into structs: what was read may be sent back, and every fault is named."""

import pytest

from burgee.errors import InvalidInputError
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet
from burgee.model.json import JsonObject
from burgee.surfaces.http.management.views import TokenRequest
from burgee.surfaces.http.payloads import convert_struct, read_only_members, without_read_only


def test_the_server_s_own_members_are_known() -> None:
    assert {"id", "key", "flagSet", "version", "createdAt", "updatedBy"} <= set(read_only_members(Flag))
    assert "revision" not in read_only_members(Flag)
    assert {"key", "revision", "createdAt"} <= set(read_only_members(FlagSet))


def test_what_a_client_writes_is_kept() -> None:
    form: JsonObject = {"key": "a", "version": 9, "name": "x", "unknown": 1}
    assert without_read_only(form, Flag, path={"key": "a"}) == {"name": "x", "unknown": 1}


@pytest.mark.parametrize("key", ["b", None, 1])
def test_another_key_than_in_the_path_is_refused(key: str | int | None) -> None:
    with pytest.raises(InvalidInputError) as caught:
        without_read_only({"key": key}, Flag, path={"key": "a"})
    assert caught.value.faults[0].pointer == "/key"


def test_all_faults_of_a_struct_are_named() -> None:
    with pytest.raises(InvalidInputError) as caught:
        convert_struct({"subject": 1, "role": "root", "a/b": 1}, TokenRequest)
    found = {(fault.pointer, fault.code) for fault in caught.value.faults}
    assert found == {
        ("/subject", "wrong-type"),
        ("/role", "wrong-type"),
        ("/a~1b", "unknown-field"),
        ("/ttlSeconds", "missing-field"),
    }


def test_defaults_hold_where_nothing_is_sent() -> None:
    made = convert_struct({"subject": "ci", "role": "reader", "ttlSeconds": 60}, TokenRequest)
    assert made.flag_sets == ()
