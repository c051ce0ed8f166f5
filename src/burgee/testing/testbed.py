"""flagd's testbed read for Burgee: its flag files as snapshots, its evaluation scenarios as cases.

The data is other people's and lies outside the project; this only reads it.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from burgee.model.flag import DEFAULT_FLAG_SET, Flag, FlagStatus
from burgee.model.flag_set import FlagSet
from burgee.model.snapshot import Snapshot
from burgee.testing.gherkin import Scenario, Step, read_feature

FEATURES = ("evaluation", "targeting", "disabled", "metadata", "selector")
LEFT_OUT = {
    "@fractional-v1": "a dead generation",
    "@deprecated": "superseded by @no-default-variant",
}


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One evaluation with what must come of it. `selector` is a source name, "" for none.

    `type_name` and `default` are what the caller asked for; `expected` maps aspects (`value`, `reason`,
    `error-code`, `metadata`) to the text or table of the scenario.
    """

    name: str
    selector: str
    key: str
    type_name: str
    default: Any
    context: dict[str, Any]
    expected: dict[str, Any]


def merged_document(flags: Path) -> dict[str, Any]:
    """`allFlags.json` of the testbed: every file of its `flags` folder merged, but for the selector ones."""
    merged: dict[str, Any] = {"flags": {}, "$evaluators": {}}
    for path in sorted(flags.glob("*.json")):
        if not path.name.startswith("selector-"):
            document = json.loads(path.read_text(encoding="utf-8"))
            merged["flags"] |= document["flags"]
            merged["$evaluators"] |= document.get("$evaluators", {})
    return merged


def snapshots(flags: Path) -> dict[str, Snapshot]:
    """Snapshots by source name, as the testbed's launchpad names them."""
    documents = {"flags/allFlags.json": merged_document(flags)}
    for name in ("selector-flags", "selector-flag-combined-metadata"):
        text = (flags / f"{name}.json").read_text(encoding="utf-8")
        documents[f"rawflags/{name}.json"] = json.loads(text)
    return {source: _snapshot(document, source) for source, document in documents.items()}


def _snapshot(document: dict[str, Any], source: str) -> Snapshot:
    metadata = document.get("metadata", {})
    key = metadata.get("flagSetId", DEFAULT_FLAG_SET)
    flag_set = FlagSet(
        key=key, revision=1, source=source, metadata=metadata, evaluators=document.get("$evaluators", {})
    )
    flags = tuple(
        Flag(
            id=name,
            key=name,
            flag_set=key,
            status=FlagStatus(flag["state"]),
            variants=flag["variants"],
            default_variant=flag.get("defaultVariant") or None,
            targeting=flag.get("targeting"),
            metadata=flag.get("metadata", {}),
        )
        for name, flag in sorted(document["flags"].items())
    )
    return Snapshot(flag_set=flag_set, flags=flags)


def cases(gherkin: Path, *, generation: str) -> list[Case]:
    """All evaluation cases that hold for a fractional generation ("v2" or "v3")."""
    other = {"@fractional-v2", "@fractional-v3"} - {f"@fractional-{generation}"}
    return [
        _case(scenario)
        for feature in FEATURES
        for scenario in read_feature(gherkin / f"{feature}.feature")
        if not scenario.tags & (other | LEFT_OUT.keys())
    ]


def _case(scenario: Scenario) -> Case:
    quoted = {"selector": "", "key": "", "type_name": "", "default": None}
    context: dict[str, Any] = {}
    expected: dict[str, Any] = {}
    for step in scenario.steps:
        _read_step(step, quoted, context, expected)
    return Case(name=f"{scenario.feature}: {scenario.name}", context=context, expected=expected, **quoted)  # type: ignore[arg-type]


def _read_step(step: Step, quoted: dict[str, Any], context: dict[str, Any], expected: dict[str, Any]) -> None:
    words = step.text.split('"')
    match words:
        case ["an option ", "selector", *_, selector, ""]:
            quoted["selector"] = selector
        case ["a " | "an ", *_]:
            pass
        case ["a context containing a targeting key with value ", key, ""]:
            context["targetingKey"] = key
        case ["a context containing a key ", key, ", with type ", kind, " and with value ", *value]:
            context[key] = typed(kind, '"'.join(value[:-1]))
        case [
            "a context containing a nested property with outer key ",
            outer,
            " and inner key ",
            inner,
            _,
            value,
            "",
        ]:
            context[outer] = {inner: value}
        case [flag, key, " and a default value ", *default] if flag.endswith("-flag with key "):
            quoted["type_name"] = flag.removeprefix("a ").removesuffix("-flag with key ")
            quoted["key"] = key
            quoted["default"] = typed(quoted["type_name"], '"'.join(default[:-1]))
        case ["the resolved details value should be ", *value]:
            expected["value"] = typed(quoted["type_name"], '"'.join(value[:-1]))
        case ["the reason should be ", reason, ""]:
            expected["reason"] = reason
        case ["the error-code should be ", code, ""]:
            expected["error-code"] = code
        case ["the resolved metadata is empty"]:
            expected["metadata"] = None
        case ["the resolved metadata should contain"]:
            expected["metadata"] = {row[0]: typed(row[1], row[2]) for row in step.table[1:]}
        case [text] if text in (
            "the flag was evaluated with details",
            "a stable flagd provider",
            "a metadata flagd provider",
        ):
            pass
        case ["an option ", *_]:
            pass
        case _:
            raise ValueError(f"a step that this reader does not know: {step.text}")


def typed(kind: str, text: str) -> Any:
    """A value of the scenarios' type names; a backslash in a text is a backslash."""
    match kind:
        case "Boolean":
            return text == "true"
        case "Integer":
            return int(text)
        case "Float":
            return float(text)
        case "Object":
            return json.loads(text)
        case _:
            return text
