"""The snapshot object: what was encoded comes back, and nothing else is believed."""

import hashlib
import json
import zlib

import msgspec
import pytest

from burgee.errors import StoreDamagedError
from burgee.formats.snapshot import FORMAT, MAGIC, Archive, FilterLayer, decode, encode, packed
from burgee.model.flag import Flag
from burgee.model.flag_set import FlagSet
from burgee.model.sdk_key import SdkKey, SdkKind
from burgee.model.snapshot import Snapshot
from burgee.testing.builders import a_flag

SNAPSHOT = Snapshot(flag_set=FlagSet(key="web", revision=7, updated_at=12.5), flags=(a_flag(flag_set="web"),))
LAYERS = (FilterLayer(room=8, added=3, bits=b"\x01\n\xff"), FilterLayer(room=16, added=0, bits=b"\n\n"))
ARCHIVE = Archive(
    generation=41,
    sets=(
        packed(Snapshot(flag_set=FlagSet(key="api", revision=1))),
        msgspec.structs.replace(packed(SNAPSHOT), seed=9, layers=LAYERS),
    ),
    keys=(
        SdkKey(id="a" * 16, name="k", kind=SdkKind.CLIENT, digest="d", flag_sets=("web",), created_at=1.5),
    ),
    stopped=True,
)


def test_what_was_encoded_is_decoded() -> None:
    found = decode(encode(ARCHIVE))
    assert found == ARCHIVE
    assert [each.snapshot() for each in found.sets][1] == SNAPSHOT


def test_an_archive_of_nothing_is_one_too() -> None:
    assert decode(encode(Archive())) == Archive()


def test_equal_content_has_an_equal_hash() -> None:
    assert packed(SNAPSHOT).sha256 == packed(SNAPSHOT).sha256
    assert packed(SNAPSHOT).sha256 == hashlib.sha256(packed(SNAPSHOT).body).hexdigest()


def test_the_first_line_names_what_it_is_and_the_hash_of_the_rest() -> None:
    line, _, rest = encode(ARCHIVE).partition(b"\n")
    assert json.loads(line) == {
        "magic": MAGIC,
        "format": FORMAT,
        "sha256": hashlib.sha256(rest).hexdigest(),
    }


def resealed(rest: bytes, *, magic: str = MAGIC, version: int = FORMAT) -> bytes:
    """`rest` behind a first line that vouches for it."""
    digest = hashlib.sha256(rest).hexdigest()
    return json.dumps({"magic": magic, "format": version, "sha256": digest}).encode() + b"\n" + rest


GOOD = encode(ARCHIVE)
REST = GOOD.partition(b"\n")[2]

BAD = {
    "nothing": b"",
    "one line": b"x" * 40,
    "text that is no JSON": b"<html>\n</html>",
    "another magic": resealed(REST, magic="else"),
    "the next format": resealed(REST, version=FORMAT + 1),
    "cut by one byte": GOOD[:-1],
    "one byte more": GOOD + b"x",
    "cut in the first line": GOOD[:20],
    "sealed without its last byte": resealed(REST[:-1]),
    "sealed with one byte more": resealed(REST + b"x"),
    "sealed with other contents": resealed(b'{"sets":"no"}\n'),
    "sealed with a size below zero": resealed(REST.replace(b'"size":3', b'"size":-3', 1)),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(StoreDamagedError):
        decode(content)


@pytest.mark.parametrize("place", range(0, len(GOOD), 7))
def test_no_bit_may_change(place: int) -> None:
    content = bytearray(GOOD)
    content[place] ^= 4
    with pytest.raises(StoreDamagedError):
        decode(bytes(content)).sets[1].snapshot()


def test_definitions_of_another_revision_than_the_header_says_are_refused() -> None:
    with pytest.raises(StoreDamagedError, match="another flag set or revision"):
        msgspec.structs.replace(packed(SNAPSHOT), revision=8).snapshot()


@pytest.mark.parametrize(
    "body",
    [b"", b"no zlib", zlib.compress(b"[]"), zlib.compress(b"{}"), packed(SNAPSHOT).body[:-5]],
    ids=["empty", "not compressed", "no snapshot", "no flag set", "cut"],
)
def test_definitions_that_cannot_be_read_are_refused(body: bytes) -> None:
    with pytest.raises(StoreDamagedError):
        msgspec.structs.replace(packed(SNAPSHOT), body=body).snapshot()


def test_ten_thousand_flags_are_small() -> None:
    flags = tuple(
        Flag(id=f"{number}", key=f"flag-{number}", variants={"on": True, "off": False}, default_variant="on")
        for number in range(10_000)
    )
    content = encode(Archive(sets=(packed(Snapshot(flag_set=FlagSet(revision=1), flags=flags)),)))
    assert len(content) < 200_000
