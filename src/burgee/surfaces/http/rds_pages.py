"""Pages of the RDS dialect's lists: the body stays an array, and a Link header says where it goes on."""

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec

from burgee.surfaces.http.exchange import Answer, Call, json_answer


def page_answer(call: Call, items: Sequence[msgspec.Struct], cursor: str | None) -> Answer:
    """A page of a list; `cursor` None means that it is the last one."""
    answer = json_answer(items)
    if cursor is None:
        return answer
    query = urlencode({"limit": call.integer("limit", 100), "cursor": cursor})
    link = ("link", f'<?{query}>; rel="next"')  # relative: a proxy may have put a prefix before our paths
    return msgspec.structs.replace(answer, headers=(*answer.headers, link))
