"""Counting in memory: every way in, nothing lost between two takings, nothing kept for ever."""

import gc
import threading

from burgee.model.resolution import Reason, Resolution
from burgee.model.usage import Outcome
from burgee.service.tally import Tally

ON = Resolution(flag_key="banner", flag_set="checkout", reason=Reason.STATIC, variant="on")
NONE = Resolution(flag_key="banner", flag_set="checkout", reason=Reason.DISABLED)
OUTCOME = Outcome("checkout", "banner", "on", Reason.STATIC)


def test_all_ways_in_count_the_same_outcome() -> None:
    tally = Tally()
    cell = tally.cell(ON)
    cell.count += 1
    tally.count([ON, NONE, ON])
    tally.evaluated("checkout", "banner", "on", Reason.STATIC)
    assert tally.take() == {OUTCOME: 4, Outcome("checkout", "banner", "", Reason.DISABLED): 1}
    assert tally.take() == {}


def test_a_cell_goes_on_after_it_was_taken() -> None:
    tally = Tally()
    cell = tally.cell(ON)
    for added in (3, 0, 2):
        cell.count += added
        assert tally.take() == ({OUTCOME: added} if added else {})


def test_one_outcome_has_one_cell() -> None:
    tally = Tally()
    again = Resolution(flag_key="banner", flag_set="checkout", reason=Reason.STATIC, variant="on")
    assert tally.cell(ON) is tally.cell(again)
    assert tally.cell(ON) is not tally.cell(NONE)


def test_what_no_flag_answered_is_not_counted() -> None:
    tally = Tally()
    tally.count([Resolution(flag_key="made-up", reason=Reason.ERROR)])
    assert tally.take() == {}


def test_a_cell_that_nobody_wants_any_more_is_forgotten_after_its_counts_were_taken() -> None:
    tally = Tally()
    kept = [tally.cell(ON)]
    kept[0].count += 1
    assert tally.take() == {OUTCOME: 1}
    kept[0].count += 1
    kept.clear()  # the selection's answers are gone, and nothing was taken since
    assert tally.take() == {OUTCOME: 1}
    tally.take()
    gc.collect()
    assert tally._cells == {}


def test_nothing_is_lost_or_counted_twice_while_it_is_being_taken() -> None:
    tally, taken, done = Tally(), [0], threading.Event()

    def take() -> None:
        while not done.is_set():
            taken[0] += tally.take()[OUTCOME]

    taker = threading.Thread(target=take)
    taker.start()
    cell = tally.cell(ON)
    for _ in range(20_000):
        cell.count += 1
        tally.count((ON,))
        tally.evaluated("checkout", "banner", "on", Reason.STATIC)
    done.set()
    taker.join()
    assert taken[0] + tally.take()[OUTCOME] == 60_000
