"""Snapshots as one object: what a reader needs to evaluate, verified before anything of it is believed.

Two lines of JSON, then bytes. The first line holds the SHA-256 of everything behind it; the second says what
follows: of each flag set its zlib-compressed definitions, then the bits of its filter of overridden subjects
(docs/reference/snapshots.md).
"""

import hashlib
import zlib

import msgspec

from burgee.errors import StoreDamagedError
from burgee.model.sdk_key import SdkKey
from burgee.model.snapshot import Snapshot

MAGIC = "burgee-snapshot"
FORMAT = 1
LARGEST_BYTES = 64 * 1024 * 1024
"""The largest object that is read. The definitions of one flag set may unpack to 8 times of it."""

_LEVEL = 6
_UNPACKED_BYTES = 8 * LARGEST_BYTES


class FilterLayer(msgspec.Struct, frozen=True, kw_only=True):
    """One filter of subjects: `bits` as `SubjectFilter` has them, `added` of `room` places taken."""

    room: int
    added: int
    bits: bytes


class SetSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One flag set at one revision: `body` is its definitions, compressed, `sha256` (hex) the hash of them.

    The filter is in layers, of which only the last one grows; a subject is in it when it is in one of them.
    All are of the same `seed`. `flags` is how many flags there are; `updated_at` is the flag set's.
    """

    flag_set: str
    revision: int
    updated_at: float
    flags: int
    body: bytes
    sha256: str
    seed: int = 0
    layers: tuple[FilterLayer, ...] = ()

    def snapshot(self) -> Snapshot:
        """The definitions. Raises StoreDamagedError where they are not what the header says."""
        try:
            unpacker = zlib.decompressobj()
            content = unpacker.decompress(self.body, _UNPACKED_BYTES)
            if not unpacker.eof:
                raise _damaged("definitions that go on too long, or end too soon")
            snapshot = msgspec.json.decode(content, type=Snapshot)
        except (zlib.error, msgspec.DecodeError, RecursionError) as error:
            raise _damaged(f"definitions that cannot be read: {error}") from error
        found = (snapshot.flag_set.key, snapshot.flag_set.revision, len(snapshot.flags))
        if found != (self.flag_set, self.revision, self.flags):
            raise _damaged("definitions of another flag set or revision than it says")
        return snapshot


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """What one object holds: flag sets ordered by key, the SDK keys that open them, and the stop.

    `generation` grows with every write of the object, also over its deletion.
    """

    generation: int = 0
    sets: tuple[SetSnapshot, ...] = ()
    keys: tuple[SdkKey, ...] = ()
    stopped: bool = False

    def find(self, flag_set: str) -> SetSnapshot | None:
        """That flag set."""
        return next((each for each in self.sets if each.flag_set == flag_set), None)


class _Seal(msgspec.Struct, frozen=True, kw_only=True):
    magic: str
    format: int
    sha256: str


class _Layer(msgspec.Struct, frozen=True, kw_only=True):
    room: int
    added: int
    size: int


class _Entry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    flag_set: str
    revision: int
    updated_at: float
    flags: int
    size: int
    sha256: str
    seed: int
    layers: tuple[_Layer, ...]


class _Contents(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    generation: int
    stopped: bool
    sets: tuple[_Entry, ...]
    keys: tuple[SdkKey, ...]


def packed(snapshot: Snapshot) -> SetSnapshot:
    """`snapshot` with an empty filter; equal content gives equal bytes."""
    body = zlib.compress(msgspec.json.encode(snapshot), _LEVEL)
    return SetSnapshot(
        flag_set=snapshot.flag_set.key,
        revision=snapshot.flag_set.revision,
        updated_at=snapshot.flag_set.updated_at,
        flags=len(snapshot.flags),
        body=body,
        sha256=hashlib.sha256(body).hexdigest(),
    )


def encode(archive: Archive) -> bytes:
    """The object."""
    contents = _Contents(
        generation=archive.generation,
        stopped=archive.stopped,
        sets=tuple(map(_entry, archive.sets)),
        keys=archive.keys,
    )
    parts = [msgspec.json.encode(contents), b"\n"]
    for each in archive.sets:
        parts += [each.body, *(layer.bits for layer in each.layers)]
    rest = b"".join(parts)
    seal = _Seal(magic=MAGIC, format=FORMAT, sha256=hashlib.sha256(rest).hexdigest())
    return msgspec.json.encode(seal) + b"\n" + rest


def decode(content: bytes) -> Archive:
    """The archive that `content` is; the definitions in it are still packed.

    Raises StoreDamagedError for anything that `encode` has not made just so.
    """
    try:
        line, found, rest = content.partition(b"\n")
        if not found:
            raise _damaged("no header")
        seal = msgspec.json.decode(line, type=_Seal)
        if seal.magic != MAGIC or seal.format != FORMAT:
            raise _damaged(f"{seal.magic[:40]} of format {seal.format}, not {MAGIC} of format {FORMAT}")
        if hashlib.sha256(rest).hexdigest() != seal.sha256:
            raise _damaged("content that fails its hash")
        line, _, rest = rest.partition(b"\n")
        contents = msgspec.json.decode(line, type=_Contents)
    except msgspec.DecodeError as error:
        raise _damaged(f"a header that cannot be read: {error}") from error
    sets, place = [], 0
    for entry in contents.sets:
        sizes = (entry.size, *(layer.size for layer in entry.layers))
        if min(sizes) < 0 or place + sum(sizes) > len(rest):
            raise _damaged("less in it than it says")
        pieces = []
        for size in sizes:
            pieces.append(rest[place : place + size])
            place += size
        sets.append(_set(entry, pieces))
    if place != len(rest):
        raise _damaged("more in it than it says")
    return Archive(
        generation=contents.generation, sets=tuple(sets), keys=contents.keys, stopped=contents.stopped
    )


def _entry(each: SetSnapshot) -> _Entry:
    return _Entry(
        flag_set=each.flag_set,
        revision=each.revision,
        updated_at=each.updated_at,
        flags=each.flags,
        size=len(each.body),
        sha256=each.sha256,
        seed=each.seed,
        layers=tuple(
            _Layer(room=layer.room, added=layer.added, size=len(layer.bits)) for layer in each.layers
        ),
    )


def _set(entry: _Entry, pieces: list[bytes]) -> SetSnapshot:
    return SetSnapshot(
        flag_set=entry.flag_set,
        revision=entry.revision,
        updated_at=entry.updated_at,
        flags=entry.flags,
        body=pieces[0],
        sha256=entry.sha256,
        seed=entry.seed,
        layers=tuple(
            FilterLayer(room=layer.room, added=layer.added, bits=bits)
            for layer, bits in zip(entry.layers, pieces[1:], strict=True)
        ),
    )


def _damaged(what: str) -> StoreDamagedError:
    return StoreDamagedError(f"the snapshot is not usable: it has {what}")
