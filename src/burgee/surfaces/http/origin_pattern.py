"""Patterns of origins: a small part of regular expressions that cannot be slow and hides no surprise.

`re` backtracks: `([a-z]+)+x` costs it time that doubles with each letter. Here a pattern becomes the set of
its positions (Glushkov's construction), and a text is read once, keeping the set of positions that could come
next: the time is linear in the text, whatever the pattern. What is left out of the language (`.`, negated
classes, flags, look-around) is what lets more in than its author sees.
"""

import re
import string
from collections.abc import Iterator
from typing import NamedTuple

LETTERS_AND_DIGITS = frozenset(string.ascii_letters + string.digits)
ESCAPES = {"d": frozenset(string.digits), "w": LETTERS_AND_DIGITS | {"_"}}
PRINTABLE = re.compile(r"[!-~]+", re.ASCII)
COUNT = re.compile(r"\{([0-9]{1,3})(,([0-9]{0,3}))?\}", re.ASCII)

PATTERN_CHARACTERS = 1_000
POSITIONS = 256
ATOMS = 2_000
DEPTH = 20


class InvalidPatternError(ValueError):
    """A pattern that is not understood, or that lets in what nobody can oversee."""


class _Part(NamedTuple):
    """A part of a pattern: whether it matches nothing, and the positions it may start and end with."""

    is_nullable: bool
    first: int
    last: int


_EMPTY = _Part(True, 0, 0)


class OriginPattern:
    """A pattern that matches a whole text or not at all; sets of positions are the bits of an integer.

    `letters` are what each position reads, `follow` the positions that can come after it, `last` those that
    can be the end.

    Raises InvalidPatternError.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.letters: list[frozenset[str]] = []
        self.follow: list[int] = []
        if len(source) > PATTERN_CHARACTERS:
            raise InvalidPatternError(f"it is longer than {PATTERN_CHARACTERS} characters")
        if not PRINTABLE.fullmatch(source):
            raise InvalidPatternError("it must be printable ASCII without spaces")
        # The anchors that people write anyway; a match is always one of the whole text.
        self._text = source.removeprefix("^")
        if re.search(r"(?<!\\)(?:\\\\)*\$\Z", self._text):
            self._text = self._text[:-1]
        self._at = self._depth = self._atoms = 0
        whole = self._alternatives()
        if self._at < len(self._text):
            raise InvalidPatternError("a ) closes nothing")
        self._whole, self.last = whole, whole.last
        self._accepts: dict[str, int] = {}
        for position, letters in enumerate(self.letters):
            for letter in letters:
                self._accepts[letter] = self._accepts.get(letter, 0) | 1 << position

    def matches(self, text: str) -> bool:
        """Whether the whole of `text` is of this pattern, in time linear in its length."""
        return bool(self._after(text) & self._whole.last) if text else self._whole.is_nullable

    def begins(self, text: str) -> bool:
        """Whether something of this pattern starts with `text`, which is not empty."""
        return bool(self._after(text))

    def _after(self, text: str) -> int:
        """The positions that can have read the last letter of `text`."""
        follow, accepts = self.follow, self._accepts
        state, reachable = 0, self._whole.first
        for letter in text:
            state = reachable & accepts.get(letter, 0)
            reachable = 0
            for position in bits(state):
                reachable |= follow[position]
        return state

    # -- reading the pattern

    def _alternatives(self) -> _Part:
        part = self._sequence()
        while self._next() == "|":
            self._at += 1
            other = self._sequence()
            part = _Part(
                part.is_nullable or other.is_nullable, part.first | other.first, part.last | other.last
            )
        return part

    def _sequence(self) -> _Part:
        part = _EMPTY
        while self._next() not in ("", "|", ")"):
            part = self._then(part, self._repeated())
        return part

    def _then(self, left: _Part, right: _Part) -> _Part:
        for position in bits(left.last):
            self.follow[position] |= right.first
        return _Part(
            left.is_nullable and right.is_nullable,
            left.first | (right.first if left.is_nullable else 0),
            right.last | (left.last if right.is_nullable else 0),
        )

    def _repeated(self) -> _Part:
        start = self._at
        part = self._atom()
        sign = self._next()
        if sign == "{":
            part = self._counted(start, part)
        elif sign and sign in "*+?":
            self._at += 1
            if sign != "?":
                self._again(part)
            part = part._replace(is_nullable=part.is_nullable or sign != "+")
        else:
            return part
        if self._next() and self._next() in "*+?{":
            raise InvalidPatternError("two quantifiers follow each other")
        return part

    def _again(self, part: _Part) -> None:
        for position in bits(part.last):
            self.follow[position] |= part.first

    def _counted(self, start: int, part: _Part) -> _Part:
        """`part`, which was read from `start`, as often as the braces say: read again for each time."""
        count = COUNT.match(self._text, self._at)
        if count is None:
            raise InvalidPatternError("a { starts no count such as {2} or {1,3}")
        low = int(count[1])
        most = low if count[2] is None else int(count[3]) if count[3] else None
        if most == 0 or (most is not None and most < low):
            raise InvalidPatternError(f"{count[0]} is no count")
        copies = [part]
        while len(copies) < (most or low or 1):
            self._at = start
            copies.append(self._atom())
        whole = _EMPTY
        if most is None:
            self._again(copies[-1])
        for number, copy in enumerate(copies):
            whole = self._then(whole, copy if number < low else copy._replace(is_nullable=True))
        self._at = count.end()
        return whole

    def _atom(self) -> _Part:
        letter = self._next()
        self._atoms += 1
        if self._atoms > ATOMS:
            raise InvalidPatternError("its counts make it too long: list origins instead")
        if letter == "(":
            return self._group()
        self._at += 1
        if letter == "[":
            return self._position(self._class())
        if letter == "\\":
            return self._position(self._escaped())
        if letter == ".":
            raise InvalidPatternError(r"a . stands for any character: write \. for a dot")
        if letter in "*+?{":
            raise InvalidPatternError(f"there is nothing before {letter} to repeat")
        if letter in "]}^$":
            raise InvalidPatternError(f"a {letter} stands where it means nothing")
        return self._position(frozenset(letter))

    def _group(self) -> _Part:
        self._at += 3 if self._text.startswith("(?:", self._at) else 1
        self._depth += 1
        if self._next() == "?":
            raise InvalidPatternError("of (? only (?: is understood: no flags, names or look-around")
        if self._depth > DEPTH:
            raise InvalidPatternError(f"its groups are nested more than {DEPTH} deep")
        part = self._alternatives()
        if self._next() != ")":
            raise InvalidPatternError("a ( is not closed")
        self._at += 1
        self._depth -= 1
        return part

    def _class(self) -> frozenset[str]:
        if self._next() == "^":
            raise InvalidPatternError("a negated class lets in what nobody oversees: name what is meant")
        letters: set[str] = set()
        while (letter := self._next()) != "]" or not letters:
            if letter in ("", "]"):
                raise InvalidPatternError("a [ is not closed, or empty")
            low = self._member()
            if self._next() == "-" and self._text[self._at + 1 : self._at + 2] not in ("", "]"):
                self._at += 1
                high = self._member()
                if len(low) != 1 or len(high) != 1 or min(low) > min(high):
                    raise InvalidPatternError("a range in a class goes from nowhere to nowhere")
                letters |= {chr(code) for code in range(ord(min(low)), ord(min(high)) + 1)}
            letters |= low
        self._at += 1
        return frozenset(letters)

    def _member(self) -> frozenset[str]:
        letter = self._next()
        self._at += 1
        return self._escaped() if letter == "\\" else frozenset(letter)

    def _escaped(self) -> frozenset[str]:
        letter = self._next()
        self._at += 1
        if letter in ESCAPES:
            return ESCAPES[letter]
        if not letter or letter in LETTERS_AND_DIGITS:
            raise InvalidPatternError(rf"\{letter} is not understood")
        return frozenset(letter)

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _position(self, letters: frozenset[str]) -> _Part:
        if len(self.letters) >= POSITIONS:
            raise InvalidPatternError(f"it has more than {POSITIONS} places: list origins instead")
        self.letters.append(letters)
        self.follow.append(0)
        bit = 1 << (len(self.letters) - 1)
        return _Part(False, bit, bit)


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest
