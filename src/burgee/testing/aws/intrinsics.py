"""CloudFormation's intrinsic functions, as far as our templates use them: read from YAML, and resolved."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import yaml

Resolver: TypeAlias = Callable[[str, str | None], Any]
"""What `Ref` (with no attribute) and `Fn::GetAtt` give: from a name and an attribute."""

NO_VALUE = object()
"""What `AWS::NoValue` resolves to: the property is then not there."""

_PLACE = re.compile(r"\$\{([^}]*)\}")


class _Loader(yaml.SafeLoader):
    """YAML with the short forms `!Ref`, `!Sub` and so on."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


yaml.add_multi_constructor("!", _short_form, Loader=_Loader)


def read_yaml(text: str) -> dict[str, Any]:
    """A template as JSON would have it, with the long forms of all functions."""
    document = _Loader(text).get_single_data()
    if not isinstance(document, dict):
        raise TypeError("a template is a mapping")
    return document


def resolve(value: Any, look_up: Resolver, conditions: Mapping[str, bool]) -> Any:
    """`value` without functions. Raises KeyError for names and functions that it does not know."""

    def walk(node: Any) -> Any:
        match node:
            case {"Ref": "AWS::NoValue"}:
                return NO_VALUE
            case {"Ref": str(name)}:
                return look_up(name, None)
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return look_up(name, attribute)
            case {"Fn::Sub": str(text)}:
                return _substituted(text, {}, look_up)
            case {"Fn::Sub": [str(text), dict(variables)]}:
                return _substituted(text, {key: walk(each) for key, each in variables.items()}, look_up)
            case {"Fn::Join": [str(sign), values]}:
                return sign.join(str(each) for each in walk(values))
            case {"Fn::If": [str(name), then, otherwise]}:
                return walk(then if conditions[name] else otherwise)
            case {"Fn::Equals": [left, right]}:
                return str(walk(left)) == str(walk(right))
            case {"Fn::Not": [inner]}:
                return not walk(inner)
            case {"Fn::And": list(parts)}:
                return all(walk(each) for each in parts)
            case {"Fn::Or": list(parts)}:
                return any(walk(each) for each in parts)
            case {"Condition": str(name)} if len(node) == 1:
                return conditions[name]
            case dict() if len(node) == 1 and next(iter(node)).startswith("Fn::"):
                raise KeyError(f"{next(iter(node))} is not resolved here")
            case dict():
                pairs = ((key, walk(each)) for key, each in node.items())
                return {key: each for key, each in pairs if each is not NO_VALUE}
            case list():
                return [each for each in map(walk, node) if each is not NO_VALUE]
            case _:
                return node

    return walk(value)


def _substituted(text: str, variables: Mapping[str, Any], look_up: Resolver) -> str:
    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        if name.startswith("!"):
            return "${" + name[1:] + "}"
        if name in variables:
            return str(variables[name])
        owner, _, attribute = name.partition(".")
        return str(look_up(owner, attribute or None))

    return _PLACE.sub(fill, text)
