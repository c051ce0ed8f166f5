"""Overrides as CSV: what every cell means, and the line of every fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burgee.errors import InvalidInputError, LimitExceededError
from burgee.formats import overrides_csv
from burgee.formats.overrides_csv import MAX_FAULTS, OverrideLine, read
from burgee.model.flag import FlagStatus


def line(**content: object) -> OverrideLine:
    fields: dict[str, object] = {
        "line": 2,
        "flag_set": "default",
        "flag_key": "banner",
        "targeting_key": "u",
        "status": None,
        "variant": None,
        "reason": "",
        "expires_at": None,
    }
    return OverrideLine(**{**fields, **content})  # type: ignore[arg-type]


def faults(data: bytes, **more: str) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInputError) as caught:
        read(data, flag_set="default", **more)
    return [(fault.pointer, fault.code) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("cells", "content"),
    [
        ("status\nENABLED", {"status": FlagStatus.ENABLED}),
        ("status\n disabled ", {"status": FlagStatus.DISABLED}),
        ("variant\non", {"variant": "on"}),
        ("variant\n on", {"variant": " on"}),
        ('reason\n"a, b ""c""\nd"', {"reason": 'a, b "c"\nd'}),
        ("expiresAt\n1800000000", {"expires_at": 1_800_000_000.0}),
        ("expiresAt\n 0.5 ", {"expires_at": 0.5}),
        ("flagSet\nshop", {"flag_set": "shop"}),
        ("flagSet\n", {}),
        ("reason\n", {}),
    ],
)
def test_cells_say_what_the_header_says(cells: str, content: dict[str, object]) -> None:
    header, _, cell = cells.partition("\n")
    data = f"targetingKey,flagKey,{header}\nu,banner,{cell}\n".encode()
    assert read(data, flag_set="default") == [line(**content)]


def test_columns_may_stand_in_any_order_and_lines_end_in_any_way() -> None:
    data = b"variant,targetingKey,flagKey\r\non,u,banner\r\n\r\noff,v,other"
    assert read(data, flag_set="s") == [
        line(flag_set="s", variant="on"),
        line(line=4, flag_set="s", flag_key="other", targeting_key="v", variant="off"),
    ]


def test_a_flag_that_is_given_beside_the_file_stands_in_for_empty_cells() -> None:
    assert read(b"targetingKey\nu\n", flag_set="default", flag_key="banner") == [line()]
    both = read(b"targetingKey,flagKey\nu,\nv,other\n", flag_set="default", flag_key="banner")
    assert [each.flag_key for each in both] == ["banner", "other"]


def test_the_mark_that_spreadsheets_write_is_no_part_of_the_header() -> None:
    assert read("\ufefftargetingKey,flagKey\nü,banner\n".encode(), flag_set="default") == [
        line(targeting_key="ü")
    ]


def test_a_line_number_is_that_of_the_first_line_of_its_row() -> None:
    data = b'targetingKey,flagKey,reason\nu,banner,"a\nb"\nv,banner,\n'
    assert [each.line for each in read(data, flag_set="default")] == [2, 4]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", [("/1", "missing-column")] * 2),
        (b"flagKey\nb\n", [("/1", "missing-column")]),
        (b"targetingKey\nu\n", [("/1", "missing-column")]),
        (b"targetingKey,flagKey,user\n", [("/1", "unknown-column")]),
        (b"targetingKey,flagKey,flagKey\n", [("/1", "repeated-column")]),
        (b"TargetingKey,flagKey\n", [("/1", "unknown-column"), ("/1", "missing-column")]),
        (b"targetingKey,flagKey\nu\n", [("/2", "wrong-columns")]),
        (b"targetingKey,flagKey\nu,b,c\n", [("/2", "wrong-columns")]),
        (
            b"targetingKey,flagKey,status\nu,b,ON\nv,b,OFF\n",
            [(f"/{n}/status", "invalid-status") for n in (2, 3)],
        ),
        (b'targetingKey,flagKey\n"u"x,b\n', [("/2", "malformed-csv")]),
        (b'targetingKey,flagKey\nu,"b\n', [("/2", "malformed-csv")]),
        (b"targetingKey,flagKey\n\xff,b\n", [("", "not-utf-8")]),
    ],
)
def test_every_fault_has_its_line(data: bytes, expected: list[tuple[str, str]]) -> None:
    assert faults(data) == expected


@pytest.mark.parametrize("text", ["soon", "-1", "1e9", "0x1", "१", "1,5", "nan", "9" * 13, "1.", ".5"])
def test_an_expiry_is_a_plain_number(text: str) -> None:
    data = f'targetingKey,flagKey,expiresAt\nu,b,"{text}"\n'.encode()
    assert faults(data) == [("/2/expiresAt", "invalid-expiry")]


@pytest.mark.parametrize(("rows", "is_too_many"), [(2, False), (3, False), (4, True)])
def test_there_is_a_bound_of_rows(monkeypatch: pytest.MonkeyPatch, rows: int, is_too_many: bool) -> None:
    monkeypatch.setattr(overrides_csv, "MAX_ROWS", 3)
    data = b"targetingKey,flagKey\n" + b"u,b\n" * rows
    if not is_too_many:
        assert len(read(data, flag_set="default")) == rows
        return
    with pytest.raises(LimitExceededError):
        read(data, flag_set="default")


@pytest.mark.parametrize(("bad", "told"), [(99, 99), (100, 100), (101, MAX_FAULTS)])
def test_so_many_faults_are_listed_and_no_more(bad: int, told: int) -> None:
    assert len(faults(b"targetingKey,flagKey\n" + b"u\n" * bad)) == told
    assert len(faults(b",".join([b"x"] * bad))) <= MAX_FAULTS


@given(st.binary(max_size=200) | st.text(st.characters(codec="utf-8"), max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for content in (data, b"targetingKey,flagKey,status,expiresAt\n" + data):
        try:
            read(content, flag_set="default")
        except InvalidInputError as error:
            assert error.faults
