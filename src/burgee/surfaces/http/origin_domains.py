"""Which domains a pattern of origins stands for: each must be spelled out, so that a reader sees it.

`https://[a-z-]*example\\.com` looks like the sub-domains of example.com, and lets evil-example.com in.
"""

from burgee.surfaces.http.origin_pattern import InvalidPatternError, OriginPattern, bits

DOMAINS = 100
STEPS = 20_000
HOST_CHARACTERS = 253


def domains_of(pattern: OriginPattern, shared: frozenset[str]) -> frozenset[str]:
    """The domains below which every host of `pattern` lies; `*.` stands before open ones.

    `shared` are suffixes under which anybody gets a name, such as `co.uk`. A domain is the last two labels
    of a host, three below a shared one, all of an address.

    Raises InvalidPatternError where the pattern does not spell its domains out.
    """
    ends, before = _ends_of_hosts(pattern)
    found: set[str] = set()
    waiting = [(position, "") for position in ends]
    seen = set(waiting)
    for _ in range(STEPS):
        if not waiting:
            return frozenset(found)
        position, suffix = waiting.pop()
        letter = _spelled(pattern.letters[position])
        if letter == "/" or (letter == "." and _is_domain(suffix, shared)):
            found.add(f"*.{suffix}" if letter == "." else suffix)
            if len(found) > DOMAINS:
                break
            continue
        if not letter:
            where = f"before {suffix}" if suffix else "last"
            raise InvalidPatternError(
                f"its domain is not spelled out: a class stands {where}, so that hosts of others match"
            )
        suffix = letter + suffix
        if len(suffix) > HOST_CHARACTERS:
            break
        new = {(each, suffix) for each in bits(before[position])} - seen
        seen |= new
        waiting += new
    raise InvalidPatternError("it stands for too many domains: list them")


def _ends_of_hosts(pattern: OriginPattern) -> tuple[list[int], list[int]]:
    """The positions that can be the last of a host, and for each position those before it."""
    size = len(pattern.letters)
    before = [0] * size
    for position in range(size):
        for after in bits(pattern.follow[position]):
            before[after] |= 1 << position
    colons = sum(1 << each for each in range(size) if pattern.letters[each] == {":"})
    # A host starts after the slashes and ends at a colon; what only follows a colon is a port.
    hosts = sum(1 << each for each in range(size) if "/" in pattern.letters[each])
    waiting = list(bits(hosts))
    while waiting:
        new = pattern.follow[waiting.pop()] & ~hosts & ~colons
        hosts |= new
        waiting += bits(new)
    ends = pattern.last & hosts
    for colon in bits(colons):
        ends |= before[colon] & hosts
    return list(bits(ends)), before


def _spelled(letters: frozenset[str]) -> str:
    """The one letter that a position means, in lower case; empty where it means several."""
    folded = {letter.lower() for letter in letters}
    return folded.pop() if len(folded) == 1 else ""


def _is_domain(suffix: str, shared: frozenset[str]) -> bool:
    """Whether a host that ends in `.suffix` lies in a domain that one owner has."""
    labels = suffix.split(".")
    if labels[-1].isdigit():
        return False  # an address: all of it counts
    return len(labels) > 2 or (len(labels) == 2 and suffix not in shared)
