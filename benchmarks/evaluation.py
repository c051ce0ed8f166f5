"""In-process evaluation: seven shapes, Burgee and its peers, interleaved in one process."""

import gc
import importlib
import logging
import random
import statistics
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from peers import burgee_itself
from report import Budget, table
from shapes import BY_HAND, SHAPES, Shape, contexts

PEERS = ["flagd_core", "launchdarkly", "growthbook_sdk", "flagsmith", "unleash", "eppo"]
SUBJECTS = 64
EMPTY_LOOP, EMPTY_CALL = "a loop around nothing", "a call of nothing"
TIMES_FASTER = 15
TIMES_BY_HAND = 2

Runner = Callable[[], None]


def run(*, quick: bool) -> list[Budget]:
    """Measure, print a table, and return how the budgets of the issue are met."""
    logging.disable(logging.CRITICAL)
    rounds = 7 if quick else 25
    subjects = contexts(SUBJECTS)
    budgets: list[Budget] = []
    rows: list[list[str]] = []
    for shape in SHAPES:
        runners, languages = _contenders(shape, subjects)
        medians = _interleaved(runners, rounds)
        rows.append([shape.name, *(_cell(medians.get(name)) for name in COLUMNS)])
        budgets += _budgets(shape, medians, languages)
    print(table("In-process evaluation, ns each (64 subjects in turn, medians of interleaved rounds)",
                ["shape", *COLUMNS], rows))  # fmt: skip
    _cold()
    return budgets


COLUMNS = [
    "burgee bound", "by hand", "burgee by key", "by hand, by key", "openfeature-flagd-core", "launchdarkly-server-sdk",
    "growthbook", "flagsmith-flag-engine", "UnleashClient", "eppo-server-sdk",
]  # fmt: skip


def _contenders(
    shape: Shape, subjects: list[dict[str, Any]]
) -> tuple[dict[str, tuple[Runner, int]], dict[str, str]]:
    """Name to (a function that evaluates for every subject, how many evaluations that is), checked before."""
    by_hand = BY_HAND[shape.name]
    expected = [by_hand(subject) for subject in subjects]
    runners: dict[str, tuple[Runner, int]] = {}
    languages: dict[str, str] = {}
    for module_name in PEERS:
        module = importlib.import_module(f"peers.{module_name}")
        functions = module.prepare(shape, subjects)
        if functions is None:
            continue
        answers = [function() for function in functions]
        fair = 0.2 < sum(answers) / SUBJECTS < 0.8 if shape.split else answers == expected
        if not fair:
            raise AssertionError(
                f"{module.NAME} answers {shape.name} otherwise: it would measure something else"
            )
        runners[module.NAME] = _calls(functions)
        languages[module.NAME] = module.LANGUAGE
    bound, by_key = burgee_itself.bound(shape), burgee_itself.by_key(shape)
    assert [bound(subject).value for subject in subjects] == expected, (
        f"Burgee answers {shape.name} otherwise"
    )
    dispatch = {"flag": by_hand, **{f"other-{number}": by_hand for number in range(99)}}
    runners["burgee bound"] = _direct(bound, subjects)
    runners["by hand"] = _direct(by_hand, subjects)
    runners["burgee by key"] = _keyed(by_key, subjects)
    runners["by hand, by key"] = _keyed(lambda key, context: dispatch[key](context), subjects)
    return runners, languages


def _calls(functions: list[Callable[[], Any]]) -> tuple[Runner, int]:
    def all_of_them() -> None:
        for function in functions:
            function()

    return all_of_them, len(functions)


def _direct(function: Callable[[dict[str, Any]], Any], subjects: list[dict[str, Any]]) -> tuple[Runner, int]:
    many = subjects * 8

    def all_of_them() -> None:
        for subject in many:
            function(subject)

    return all_of_them, len(many)


def _keyed(
    function: Callable[[str, dict[str, Any]], Any], subjects: list[dict[str, Any]]
) -> tuple[Runner, int]:
    many = subjects * 8

    def all_of_them() -> None:
        for subject in many:
            function("flag", subject)

    return all_of_them, len(many)


def _interleaved(runners: dict[str, tuple[Runner, int]], rounds: int) -> dict[str, float]:
    """Nanoseconds for one evaluation of each contender; every round runs all of them, in another order.

    What it takes to reach a contender is taken off: the loop, and for a peer the call of the function that
    holds its arguments.
    """
    runners = {**runners, EMPTY_CALL: _calls([lambda: None] * SUBJECTS), EMPTY_LOOP: _loop()}
    samples: dict[str, list[float]] = {name: [] for name in runners}
    chance = random.Random(1)
    names = list(runners)
    for runner, _ in runners.values():
        runner()
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            chance.shuffle(names)
            for name in names:
                runner, count = runners[name]
                repeats = 4 if count > SUBJECTS else 1
                began = perf_counter_ns()
                for _ in range(repeats):
                    runner()
                samples[name].append((perf_counter_ns() - began) / (count * repeats))
    finally:
        gc.enable()
    medians = {name: statistics.median(values) for name, values in samples.items()}
    empty_loop, empty_call = medians.pop(EMPTY_LOOP), medians.pop(EMPTY_CALL)
    return {
        name: median - (empty_call if runners[name][1] == SUBJECTS else empty_loop)
        for name, median in medians.items()
    }


def _loop() -> tuple[Runner, int]:
    many = range(SUBJECTS * 8)

    def nothing() -> None:
        for _ in many:
            pass

    return nothing, len(many)


def _budgets(shape: Shape, medians: dict[str, float], languages: dict[str, str]) -> list[Budget]:
    ours = medians["burgee bound"]
    python = {name: medians[name] for name, language in languages.items() if language == "Python"}
    fastest = min(python, key=python.__getitem__)
    rust = next(name for name, language in languages.items() if language == "Rust")
    return [
        Budget(f"{shape.name}: times faster than {fastest}", python[fastest] / ours, at_least=TIMES_FASTER),
        Budget(f"{shape.name}: times faster than {rust} (Rust)", medians[rust] / ours, at_least=1),
        Budget(f"{shape.name}: times the same by hand", ours / medians["by hand"], at_most=TIMES_BY_HAND),
    ]


def _cold() -> None:
    """Random flags of 10,000 for random subjects of 2,000: nothing stays in the processor's caches."""
    from shapes import flagd_rule

    from burgee.engine.program import compile_program
    from burgee.model.flag import Flag
    from burgee.model.flag_set import FlagSet
    from burgee.model.snapshot import Snapshot

    chance = random.Random(2)
    flags = tuple(
        Flag(id=f"f{number}", key=f"f{number}", variants={"on": True, "off": False}, default_variant="off",
             targeting=flagd_rule(SHAPES[number % len(SHAPES)]))
        for number in range(10_000)
    )  # fmt: skip
    program = compile_program(Snapshot(flag_set=FlagSet(), flags=flags), clock=lambda: 0)
    pairs = [
        (f"f{chance.randrange(10_000)}", subject) for subject in contexts(2_000, seed=3) for _ in range(10)
    ]
    chance.shuffle(pairs)
    began = perf_counter_ns()
    for key, subject in pairs:
        program.evaluate(key, subject)
    print(
        f"\ncold and random (10,000 flags, 2,000 subjects): {(perf_counter_ns() - began) / len(pairs):.0f} ns each"
    )


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
