"""Routes that take a path for what it is, to its last character."""

import re

from starlette.routing import Route


def whole_path(route: Route, *, may_end_in_slash: bool = False) -> Route:
    """`route`, matching line breaks like any other character.

    Starlette's own patterns stop at them: a `path` parameter cannot hold one, and `$` passes one over at
    the end, so `/docs%0A` would be `/docs`.
    """
    pattern = route.path_regex.pattern.removesuffix("$")
    route.path_regex = re.compile(pattern + ("/?" if may_end_in_slash else "") + r"\Z", re.DOTALL)
    return route
