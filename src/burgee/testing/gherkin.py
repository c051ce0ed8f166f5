"""A reader of Gherkin features, as far as flagd's testbed uses them: outlines, examples, tags, tables."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec


class Step(msgspec.Struct, frozen=True):
    """One step's text without its keyword, and the rows of the table below it, header first."""

    text: str
    table: tuple[tuple[str, ...], ...] = ()


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario with its outline's placeholders filled in; background steps come first."""

    feature: str
    name: str
    tags: frozenset[str]
    steps: tuple[Step, ...]


class _Outline:
    def __init__(self, name: str, tags: set[str]) -> None:
        self.name, self.tags = name, tags
        self.steps: list[tuple[str, list[tuple[str, ...]]]] = []
        self.examples: list[tuple[set[str], list[tuple[str, ...]]]] = []


def read_feature(path: Path) -> list[Scenario]:
    """All scenarios of a feature file, one for each example row."""
    outlines: list[_Outline] = []
    background = _Outline("background", set())
    feature_tags: set[str] = set()
    tags: set[str] = set()
    current = background
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith("@"):
            tags |= set(text.split())
        elif text.startswith("Feature:"):
            feature_tags, tags = tags, set()
        elif match := re.match(r"Scenario(?: Outline)?:(.*)", text):
            current = _Outline(match[1].strip(), tags)
            outlines.append(current)
            tags = set()
        elif text.startswith("Examples:"):
            current.examples.append((tags, []))
            tags = set()
        elif text.startswith("|"):
            rows = current.examples[-1][1] if current.examples else current.steps[-1][1]
            rows.append(_cells(text))
        elif match := re.match(r"(?:Given|When|Then|And|But) (.*)", text):
            current.steps.append((match[1], []))
    return [
        scenario for outline in outlines for scenario in _filled(path.stem, outline, background, feature_tags)
    ]


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1])


def _filled(feature: str, outline: _Outline, background: _Outline, tags: set[str]) -> Iterator[Scenario]:
    for example_tags, rows in outline.examples or [(set(), [(), ()])]:
        header, *values = rows
        for row in values:
            filling = dict(zip(header, row, strict=True))
            steps = [
                Step(_substitute(text, filling), tuple(table))
                for text, table in [*background.steps, *outline.steps]
            ]
            yield Scenario(
                feature=feature,
                name=f"{outline.name} {' '.join(row)[:60]}".strip(),
                tags=frozenset(tags | outline.tags | example_tags),
                steps=tuple(steps),
            )


def _substitute(text: str, filling: dict[str, str]) -> str:
    return re.sub(r"<([^<>]+)>", lambda match: filling.get(match[1], match[0]), text)
