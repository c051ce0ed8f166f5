"""A program takes over from the one before it what did not change, and nothing else."""

from typing import Any

import msgspec
import pytest

from burgee.engine.program import Program, compile_program
from burgee.model.flag import Flag, FlagStatus
from burgee.model.flag_set import FlagSet, FractionalGeneration
from burgee.model.snapshot import Snapshot

V: Any = {"var": "v"}
RULE: Any = {"if": [{"$ref": "e"}, "on"]}
FLAG = Flag(id="i", key="f", variants={"on": 1, "off": 0}, default_variant="off", targeting=RULE)
SET = FlagSet(metadata={"n": 1}, evaluators={"e": {"===": [V, 1]}})


def program(
    *flags: Flag, flag_set: FlagSet = SET, previous: Program | None = None, **options: Any
) -> Program:
    snapshot = Snapshot(flag_set=flag_set, flags=flags)
    return compile_program(snapshot, clock=lambda: 0, previous=previous, **options)


def copied(flag: Flag) -> Flag:
    return msgspec.json.decode(msgspec.json.encode(flag), type=Flag)


def test_a_flag_that_did_not_change_stays_the_same_object() -> None:
    before = program(FLAG, msgspec.structs.replace(FLAG, key="g"))
    after = program(
        copied(FLAG), FLAG.__class__(**msgspec.structs.asdict(FLAG) | {"key": "g"}), previous=before
    )
    assert after is not before
    assert all(after.flags[key] is before.flags[key] for key in ("f", "g"))
    assert after.evaluate("f", {"v": 1}) is before.evaluate("f", {"v": 1})


def test_without_a_program_before_it_everything_is_compiled_anew() -> None:
    assert program(FLAG).flags["f"] is not program(FLAG).flags["f"]


@pytest.mark.parametrize(
    ("changes", "variant"),
    [
        ({"version": 2}, "on"),
        ({"variants": {"on": 2, "off": 0}}, "on"),
        ({"targeting": None}, "off"),
        ({"targeting": {"if": [{"$ref": "e"}, "off"]}}, "off"),
        ({"status": FlagStatus.DISABLED}, None),
        ({"metadata": {"x": 1}}, "on"),
    ],
)
def test_only_the_flag_that_changed_is_compiled_anew(changes: dict[str, Any], variant: str | None) -> None:
    before = program(FLAG, msgspec.structs.replace(FLAG, key="g"))
    newer = msgspec.structs.replace(FLAG, **changes)
    after = program(newer, msgspec.structs.replace(FLAG, key="g"), previous=before)
    assert after.flags["g"] is before.flags["g"]
    assert after.flags["f"] is not before.flags["f"]
    assert after.flags["f"].source is newer
    assert after.evaluate("f", {"v": 1}).variant == variant


def test_flags_come_and_go() -> None:
    before = program(FLAG, msgspec.structs.replace(FLAG, key="g"))
    after = program(FLAG, msgspec.structs.replace(FLAG, key="h"), previous=before)
    assert list(after.flags) == ["f", "h"]
    assert list(before.flags) == ["f", "g"]


@pytest.mark.parametrize(
    ("changes", "reused"),
    [
        ({"revision": 9}, True),
        ({"priority": 9, "source": "x", "updated_at": 1.0}, True),
        ({"key": "other"}, False),
        ({"metadata": {"n": 2}}, False),
        ({"evaluators": {"e": {"===": [V, 2]}}}, False),
        ({"fractional": FractionalGeneration.V2}, True),
        ({"fractional": FractionalGeneration.V3}, False),
    ],
)
def test_what_a_flag_takes_from_its_set_decides_too(changes: dict[str, Any], reused: bool) -> None:
    before = program(FLAG)
    after = program(FLAG, flag_set=msgspec.structs.replace(SET, **changes), previous=before)
    assert (after.flags["f"] is before.flags["f"]) is reused


def test_another_generation_of_the_server_compiles_everything_anew() -> None:
    before = program(FLAG)
    assert (
        program(FLAG, previous=before, fractional=FractionalGeneration.V3).flags["f"] is not before.flags["f"]
    )


# Python has 1 == True == 1.0, JSON has three values.
@pytest.mark.parametrize("newer", [True, pytest.param(1.0, id="1.0")])
def test_metadata_that_only_changes_its_type_is_answered(newer: Any) -> None:
    before = program(FLAG)
    after = program(
        FLAG, flag_set=msgspec.structs.replace(SET, metadata={"n": newer}, revision=2), previous=before
    )
    assert repr(after.evaluate("f", {}).metadata["n"]) == repr(newer)


def test_an_evaluator_whose_constant_only_changes_its_type_is_compiled() -> None:
    evaluators: Any = {"e": {"===": [V, True]}}
    newer = msgspec.structs.replace(SET, evaluators=evaluators, revision=2)
    assert program(FLAG, flag_set=newer, previous=program(FLAG)).evaluate("f", {"v": True}).variant == "on"


@pytest.mark.parametrize("newer", [True, pytest.param(1.0, id="1.0")])
def test_a_value_that_only_changes_its_type_is_answered(newer: Any) -> None:
    flag = msgspec.structs.replace(FLAG, variants={"on": newer, "off": 0})
    assert repr(program(flag, previous=program(FLAG)).evaluate("f", {"v": 1}).value) == repr(newer)
