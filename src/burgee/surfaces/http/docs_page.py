"""The page at /docs: the OpenAPI document as readable HTML, with a form to try what only reads."""

import json
from html import escape
from typing import Any

from burgee.surfaces.http.problems import INTERNAL, KINDS


def docs_html(document: bytes, *, base_path: str = "") -> str:
    """The body of the page for an encoded OpenAPI document; all of it is escaped text of that document.

    `base_path` stands before the addresses that are called.
    """
    api = json.loads(document)
    by_tag: dict[str, list[str]] = {}
    for path, item in api["paths"].items():
        for method, operation in item.items():
            shared = api["components"]["responses"]
            by_tag.setdefault(operation["tags"][0], []).append(
                _operation(path, method, operation, shared, base_path)
            )
    sections = "".join(
        f"<section><h2>{escape(tag)}</h2>{''.join(each)}</section>" for tag, each in by_tag.items()
    )
    base = escape(base_path)
    return (
        f'<header><h1>Burgee HTTP API</h1><a href="{base}/openapi.json">OpenAPI 3.1</a>'
        f'<form method="post" action="{base}/sign-out"><button>Sign out</button></form></header>'
        f"<main><p>{escape(api['info']['description'])}</p>{sections}{_problems()}</main>"
    )


def _operation(
    path: str, method: str, operation: dict[str, Any], shared: dict[str, Any], base_path: str
) -> str:
    parts = [f"<p>{escape(operation['description'])}</p>"] if operation.get("description") else []
    parameters = operation.get("parameters", [])
    if parameters:
        parts.append(_table(("Parameter", "In", "Meaning"), [_parameter(each) for each in parameters]))
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if "example" in content:
            example = json.dumps(content["example"], indent=2)
            parts.append(f'<p class="quiet">{escape(media_type)}</p><pre>{escape(example)}</pre>')
    answers = [
        (status, shared.get(reply.get("$ref", "").rpartition("/")[2], reply)["description"])
        for status, reply in operation["responses"].items()
    ]
    parts.append(_table(("Status", "Answer"), answers))
    if method == "get" and path.startswith("/api/"):
        parts.append(_form(base_path + path, parameters))
    return (
        f'<details id="{escape(operation["operationId"])}"><summary>'
        f'<span class="method">{escape(method.upper())}</span> '
        f"<code>{escape(path)}</code> "
        f'<span class="quiet">{escape(operation["summary"])}</span></summary>'
        f"<div>{''.join(parts)}</div></details>"
    )


def _parameter(parameter: dict[str, Any]) -> tuple[str, str, str]:
    limits = ", ".join(f"{name} {value}" for name, value in parameter["schema"].items())
    return parameter["name"], parameter["in"], f"{parameter['description']} ({limits})"


def _form(path: str, parameters: list[dict[str, Any]]) -> str:
    fields = "".join(
        f'<label><span>{escape(each["name"])}</span><input name="{escape(each["name"])}" '
        f'data-place="{each["in"]}" value="{escape(str(each.get("example", "")))}"'
        f"{' required' if each['required'] else ''}></label>"
        for each in parameters
        if each["in"] != "header"
    )
    return f'<form data-path="{escape(path)}">{fields}<button>Try it</button><output></output></form>'


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    titles = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"


def _problems() -> str:
    lines = "".join(
        f'<tr id="problem-{kind.slug}"><td>{kind.status}</td><td><code>{kind.slug}</code></td>'
        f"<td>{escape(kind.title)}</td></tr>"
        for kind in sorted({*KINDS.values(), INTERNAL}, key=lambda kind: (kind.status, kind.slug))
    )
    return f"<section><h2>Problems</h2><table><tbody>{lines}</tbody></table></section>"
