"""Rebucketing counts subjects, flag by flag."""

import pytest

from burgee.engine.rebucket import rebucket
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet, FractionalGeneration
from burgee.model.json import JsonObject
from burgee.model.snapshot import Snapshot

V2, V3 = FractionalGeneration.V2, FractionalGeneration.V3
HALF: JsonObject = {"fractional": [["on", 50], ["off", 50]]}
CONTEXTS: list[JsonObject] = [{"targetingKey": f"user-{number}"} for number in range(400)]


def snapshot(pinned: FractionalGeneration | None = None) -> Snapshot:
    variants: JsonObject = {"on": True, "off": False}
    split = Flag(id="s", key="split", variants=variants, default_variant="off", targeting=HALF)
    fixed = Flag(id="f", key="fixed", variants=variants, default_variant="off")
    return Snapshot(flag_set=FlagSet(fractional=pinned), flags=(split, fixed))


@pytest.mark.parametrize("pinned", [None, V2, V3])
def test_only_flags_with_fractional_move_subjects(pinned: FractionalGeneration | None) -> None:
    source = snapshot(pinned)
    moves = {
        move.flag_key: (move.subjects, move.moved)
        for move in rebucket(source, CONTEXTS, before=V2, after=V3, clock=lambda: 0)
    }
    assert moves["fixed"] == (400, 0)
    subjects, moved = moves["split"]
    assert subjects == 400
    assert 120 < moved < 280, "about half of the subjects change sides"


def test_the_same_generation_moves_nobody() -> None:
    moves = rebucket(snapshot(), CONTEXTS, before=V3, after=V3, clock=lambda: 0)
    assert [(move.flag_key, move.moved) for move in moves] == [("fixed", 0), ("split", 0)]
