"""Random rules and contexts through Burgee and PyPI openfeature-flagd-core: no unexplained difference.

The oracle is the published Python evaluator (panzi-json-logic with flagd's operators). Where Burgee answers
otherwise, the oracle with the patches of `oracle_differences` must give exactly Burgee's answer.
Fractional is compared in v3, which the oracle speaks; all other operators are the same in v2.
"""

import json
import logging
import os
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError

from burgee.engine.program import compile_program
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet, FractionalGeneration
from burgee.model.json import JsonValue
from burgee.model.snapshot import Snapshot
from burgee.testing.differential import Pair, random_pair

sys.path.insert(0, str(Path(__file__).parent))
from oracle_differences import DIFFERENCES, patched

logging.getLogger("openfeature.contrib").setLevel(logging.CRITICAL + 1)

PAIRS = int(os.environ.get("BURGEE_DIFFERENTIAL_EXAMPLES", "4000"))
SEED = int(os.environ.get("BURGEE_DIFFERENTIAL_SEED", "20261121"))
NOW = 1_700_000_000
VARIANTS: dict[str, JsonValue] = {
    name: name for name in ("a", "b", "c", "true", "false", "0", "1", "2", "3", "10")
}


def burgees_answer(pair: Pair, generation: FractionalGeneration) -> str:
    flag = Flag(id="f", key="flag", variants=VARIANTS, default_variant="a", targeting=pair.rule)
    snapshot = Snapshot(flag_set=FlagSet(), flags=(flag,))
    program = compile_program(snapshot, fractional=generation, clock=lambda: NOW)
    resolution = program.evaluate("flag", pair.context)
    if resolution.error_code is not None:
        return f"error {resolution.error_code.value}"
    return f"{resolution.reason.value} {resolution.variant}"


def oracles_answer(pair: Pair) -> str:
    core = FlagdCore()
    flag = {"state": "ENABLED", "variants": VARIANTS, "defaultVariant": "a", "targeting": pair.rule}
    core.set_flags(json.loads(json.dumps({"flags": {"flag": flag}})))
    context = dict(pair.context)
    subject = context.pop("targetingKey", None)
    try:
        details = core.resolve_string_value("flag", "", EvaluationContext(subject, context))
    except OpenFeatureError as error:
        return f"error {error.error_code.value}"
    except Exception as error:
        return f"raised {type(error).__name__}"
    return f"{details.reason} {details.variant}"


def explanation(pair: Pair, ours: str) -> str | None:
    """The listed difference that accounts for Burgee's answer, None where all of them together do not."""
    for difference in DIFFERENCES:
        with patched(difference):
            if oracles_answer(pair) == ours:
                return str(difference.__name__)
    with patched(*DIFFERENCES):
        return "several together" if oracles_answer(pair) == ours else None


@pytest.mark.parametrize("generation", list(FractionalGeneration), ids=lambda value: value.value)
def test_burgee_answers_as_the_published_evaluator_does(generation: FractionalGeneration) -> None:
    chance = random.Random(f"{SEED}-{generation.value}")
    explained: Counter[str] = Counter()
    compared = 0
    for _ in range(PAIRS if generation is FractionalGeneration.V3 else PAIRS // 4):
        pair = random_pair(chance, with_fractional=generation is FractionalGeneration.V3)
        ours, theirs = burgees_answer(pair, generation), oracles_answer(pair)
        compared += 1
        assert not ours.startswith("error PARSE_ERROR"), pair
        if ours != theirs:
            name = explanation(pair, ours)
            assert name is not None, (
                f"{pair.rule!r} on {pair.context!r}: Burgee {ours}, oracle {theirs} (seed {SEED})"
            )
            explained[name] += 1
    print(
        f"{generation.value}: {compared} pairs, {sum(explained.values())} explained differences, seed {SEED}"
    )
    for name, count in explained.most_common():
        print(f"  {count:6} {name}")
    assert sum(explained.values()) < compared * 0.25, "the pairs must mostly be ones where both must agree"


def any_value(chance: random.Random, depth: int) -> Any:
    kinds = 6 if depth <= 0 else 8
    match chance.randrange(kinds):
        case 0:
            return chance.choice([None, True, False])
        case 1:
            return chance.randint(-3, 12)
        case 2:
            return chance.choice([0.0, 1.0, 0.5, -1.5, 1e20, 1e-7])
        case 3 | 4 | 5:
            return chance.choice(["", "a", "b", "1", "1.0.0", "v2", "length", "$flagd", "x.y", "\U0001f600"])
        case 6:
            return [any_value(chance, depth - 1) for _ in range(chance.randrange(4))]
        case _:
            return {chance.choice(["a", "b", "$ref", "var", "if", "=="]): any_value(chance, depth - 1)}


def test_no_rule_and_no_context_makes_an_evaluation_raise() -> None:
    chance = random.Random(SEED)
    for _ in range(PAIRS):
        rule = (
            random_pair(chance, with_fractional=True).rule
            if chance.random() < 0.5
            else {"if": any_value(chance, 4)}
        )
        context = {"a": any_value(chance, 3), "b": any_value(chance, 3), "targetingKey": any_value(chance, 1)}
        for generation in FractionalGeneration:
            assert burgees_answer(Pair(rule, context), generation)


def test_every_difference_is_explained_to_users() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "differences.md"
    text = page.read_text(encoding="utf-8")
    assert [difference.__name__ for difference in DIFFERENCES if f"`{difference.__name__}`" not in text] == []
