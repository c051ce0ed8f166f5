"""The part of the route table that is for people and tools: documentation, OpenAPI, signing in and out."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from burgee.surfaces.http import sign_in
from burgee.surfaces.http.docs_page import docs_html
from burgee.surfaces.http.exchange import JSON_TYPE, Answer, Call
from burgee.surfaces.http.openapi import encoded_document
from burgee.surfaces.http.operation import FORM, HTML, JSON, Operation, Payload, Reply
from burgee.surfaces.http.pages import html_answer, page_file
from burgee.surfaces.http.parameters import Parameter, Place
from burgee.surfaces.http.preconditions import IF_NONE_MATCH

_KEPT_BASES = 8
"""A server has one base path, or one for each of its names."""

_CODE_PATTERN = "[A-Za-z0-9_-]{1,256}"
_CODE = Parameter(
    name="code",
    place=Place.QUERY,
    description="The one-time code that the server printed.",
    pattern=_CODE_PATTERN,
    max_length=256,
)
_FORM_SCHEMA = {
    "type": "object",
    "properties": {"code": {"type": "string", "pattern": f"^{_CODE_PATTERN}$"}},
    "required": ["code"],
}
_SIGNED = Reply(status=303, description="To the documentation.", headers=("Location", "Set-Cookie"))


def page_operations(all_operations: Callable[[], Sequence[Operation]]) -> tuple[Operation, ...]:
    """The open operations; the documents among them describe `all_operations()`, once it is complete."""

    @lru_cache(maxsize=_KEPT_BASES)
    def document(base_path: str) -> bytes:
        return encoded_document(all_operations(), base_path=base_path)

    @lru_cache(maxsize=_KEPT_BASES)
    def page(base_path: str) -> Answer:
        body = docs_html(document(base_path), base_path=base_path)
        return html_answer("Burgee HTTP API", body, base_path=base_path, script="/docs/try.js")

    def show_document(call: Call) -> Answer:
        headers = (JSON_TYPE, ("cache-control", "no-cache"))
        return Answer(body=document(call.base_path), headers=headers)

    def show_page(call: Call) -> Answer:
        return page(call.base_path)

    return (
        _page(
            "getOpenApi", "/openapi.json", show_document, "This description", JSON, schema={"type": "object"}
        ),
        _page("getDocs", "/docs", show_page, "The documentation as a page", HTML),
        _page("getDocsStyle", "/docs/style.css", _file("style.css", "text/css"), "Its style", "text/css"),
        _page(
            "getDocsScript",
            "/docs/try.js",
            _file("try.js", "text/javascript"),
            "Its script",
            "text/javascript",
        ),
        Operation(
            name="showSignIn",
            method="GET",
            path="/sign-in",
            permission=None,
            handler=sign_in.show_sign_in,
            summary="The page behind a one-time link; changes nothing",
            tag="access",
            parameters=(_CODE,),
            replies=(_text(200, "A page with one button.", HTML),),
        ),
        Operation(
            name="signIn",
            method="POST",
            path="/sign-in",
            permission=None,
            handler=sign_in.sign_in,
            summary="Sign this browser in",
            tag="access",
            payload=Payload(schema=_FORM_SCHEMA, media_types=(FORM,), example={"code": "a-one-time-code"}),
            replies=(_SIGNED, _text(401, "The code is used up, expired or unknown.", HTML)),
            problems=(403, 409, 503),
        ),
        Operation(
            name="signOut",
            method="POST",
            path="/sign-out",
            permission=None,
            handler=sign_in.sign_out,
            summary="Sign this browser out",
            tag="access",
            replies=(_SIGNED,),
            problems=(403,),
        ),
    )


def _file(name: str, media_type: str) -> Callable[[Call], Answer]:
    headers = (("content-type", f"{media_type}; charset=utf-8"), ("cache-control", "no-cache"))
    return lambda _: Answer(body=page_file(name), headers=headers)


def _text(status: int, description: str, media_type: str) -> Reply:
    return Reply(status=status, description=description, schema={"type": "string"}, media_type=media_type)


def _page(
    name: str,
    path: str,
    handler: Callable[[Call], Answer],
    summary: str,
    media_type: str,
    *,
    schema: object = None,
) -> Operation:
    reply = Reply(
        status=200,
        description=summary,
        schema=schema or {"type": "string"},
        media_type=media_type,
        headers=("ETag",),
    )
    return Operation(
        name=name,
        method="GET",
        path=path,
        permission=None,
        handler=handler,
        summary=summary,
        tag="pages",
        parameters=(IF_NONE_MATCH,),
        replies=(
            reply,
            Reply(status=304, description="The client's copy is still right.", headers=("ETag",)),
        ),
    )
