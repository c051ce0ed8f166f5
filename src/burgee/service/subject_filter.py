"""A compact filter of subjects: a certain no, or a probable yes, in about ten bits each."""

from mmh3 import mmh3_x64_128_utupledigest

BITS_EACH = 10
# mmh3 is only ever given bytes: given a text with half a character it ends the process.
# Seven places in ten bits each are wrong for 0.8 % of the subjects that were never added.
_PLACES = 7


class SubjectFilter:
    """Room for `room` subjects; beyond that, more than 1 in 100 others seem to be in it.

    One thread may add while others ask. `seed` makes it impossible to know from outside which subjects
    fall together.
    """

    __slots__ = ("_bits", "_seed", "_size", "added", "room")

    def __init__(self, room: int, *, seed: int = 0) -> None:
        self.room = room
        self.added = 0
        self._seed = seed
        self._size = max(1, room) * BITS_EACH
        self._bits = bytearray((self._size + 7) // 8)

    @classmethod
    def restored(cls, bits: bytes, room: int, *, added: int, seed: int = 0) -> "SubjectFilter":
        """The filter that `bits` were taken from. Raises ValueError where `room` needs another number."""
        made = cls.__new__(cls)
        made.room, made.added, made._seed, made._size = room, added, seed, max(1, room) * BITS_EACH
        made._bits = bytearray(bits)
        if len(bits) != (made._size + 7) // 8:
            raise ValueError(f"a filter with room for {room} subjects has another size")
        return made

    @property
    def bits(self) -> bytes:
        """What `restored` makes it from."""
        return bytes(self._bits)

    def add(self, subject: str) -> None:
        """Let `subject` be found from now on; one that was there already, or seemed so, takes no room."""
        bits, size = self._bits, self._size
        place, step = mmh3_x64_128_utupledigest(subject.encode(), self._seed)
        is_new = False
        for _ in range(_PLACES):
            index = place % size
            mask = 1 << (index & 7)
            if not bits[index >> 3] & mask:
                bits[index >> 3] |= mask
                is_new = True
            place += step
        self.added += is_new

    def __contains__(self, subject: str) -> bool:
        """Whether `subject` may have been added; False is certain."""
        bits, size = self._bits, self._size
        place, step = mmh3_x64_128_utupledigest(subject.encode(), self._seed)
        for _ in range(_PLACES):
            index = place % size
            if not bits[index >> 3] & (1 << (index & 7)):
                return False
            place += step
        return True

    @property
    def is_full(self) -> bool:
        """Whether it is time for a larger one."""
        return self.added > self.room

    @property
    def size_bytes(self) -> int:
        """What the bits take in memory."""
        return len(self._bits)
