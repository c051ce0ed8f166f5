"""What every Deliveries must do."""

from typing import Any

import pytest

from burgee.model.delivery import DeadLetter, DeliveryState
from burgee.ports import Deliveries

FAILING = DeliveryState(
    sequence=7, attempts=3, failing_since=1_000.5, problem="the receiver answered with 500"
)


def a_letter(**changes: Any) -> DeadLetter:
    """A dead letter of event 8; `changes` replace fields."""
    fields: dict[str, Any] = {
        "sink": "webhook",
        "sequence": 8,
        "event_id": "audit_8_0123456789abcdef",
        "action": "flag.updated",
        "attempts": 111,
        "failing_since": 1_000.5,
        "given_up_at": 87_400.25,
        "problem": "no answer in time",
    }
    return DeadLetter(**{**fields, **changes})


class DeliveriesContract:
    """Subclass it and define `make_deliveries`."""

    def make_deliveries(self) -> Deliveries:
        """Deliveries of the sinks `webhook` and `files`, neither of which ever had any."""
        raise NotImplementedError

    @pytest.fixture
    def deliveries(self) -> Deliveries:
        return self.make_deliveries()

    def test_a_sink_that_never_had_any_has_no_state(self, deliveries: Deliveries) -> None:
        assert deliveries.state("webhook") is None
        assert deliveries.dead_letters() == ()

    @pytest.mark.parametrize("state", [FAILING, DeliveryState(sequence=9), DeliveryState()])
    def test_a_state_comes_back_whole(self, deliveries: Deliveries, state: DeliveryState) -> None:
        deliveries.keep("webhook", state)
        assert deliveries.state("webhook") == state
        assert deliveries.state("files") is None

    @pytest.mark.parametrize(("later", "stays"), [(6, 7), (7, 7), (8, 8)])
    def test_a_sink_never_goes_back(self, deliveries: Deliveries, later: int, stays: int) -> None:
        deliveries.keep("webhook", FAILING)
        deliveries.keep("webhook", DeliveryState(sequence=later))
        state = deliveries.state("webhook")
        assert state is not None
        assert state.sequence == stays

    def test_a_success_clears_the_failure(self, deliveries: Deliveries) -> None:
        deliveries.keep("webhook", FAILING)
        deliveries.keep("webhook", DeliveryState(sequence=8))
        assert deliveries.state("webhook") == DeliveryState(sequence=8)

    def test_a_dead_letter_is_kept_with_the_state(self, deliveries: Deliveries) -> None:
        deliveries.keep("webhook", DeliveryState(sequence=8), dead=a_letter())
        assert deliveries.dead_letters() == (a_letter(number=1),)
        assert deliveries.state("webhook") == DeliveryState(sequence=8)

    def test_dead_letters_are_listed_newest_first_page_by_page(self, deliveries: Deliveries) -> None:
        for sequence in range(1, 8):
            deliveries.keep("webhook", DeliveryState(sequence=sequence), dead=a_letter(sequence=sequence))
        assert [each.sequence for each in deliveries.dead_letters(limit=3)] == [7, 6, 5]
        assert [each.sequence for each in deliveries.dead_letters(before=5, limit=3)] == [4, 3, 2]
        assert [each.sequence for each in deliveries.dead_letters(before=2)] == [1]
        assert deliveries.dead_letters(before=1) == ()
        assert deliveries.dead_letters(limit=0) == ()

    def test_the_same_letter_is_kept_once(self, deliveries: Deliveries) -> None:
        for _ in range(2):
            deliveries.keep("webhook", DeliveryState(sequence=8), dead=a_letter())
        deliveries.keep("files", DeliveryState(sequence=8), dead=a_letter(sink="files"))
        assert [each.sink for each in deliveries.dead_letters()] == ["files", "webhook"]
