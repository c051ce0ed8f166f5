"""What every AccessTimes must do."""

import threading

import pytest

from burgee.ports import AccessTimes


class AccessTimesContract:
    """Subclass it and define `make_times`."""

    def make_times(self) -> AccessTimes:
        """Times with none in them."""
        raise NotImplementedError

    @pytest.fixture
    def times(self) -> AccessTimes:
        return self.make_times()

    def test_what_was_never_read_has_no_time(self, times: AccessTimes) -> None:
        assert times.last("a") is None
        times.note({"a": 1.0})
        assert times.last("b") is None

    def test_what_was_noted_is_read_back_to_the_microsecond(self, times: AccessTimes) -> None:
        times.note({"a": 1_767_225_600.250001, "b": 2.0})
        assert (times.last("a"), times.last("b")) == (1_767_225_600.250001, 2.0)

    @pytest.mark.parametrize(("second", "kept"), [(9.999, 10.0), (10.0, 10.0), (10.001, 10.001)])
    def test_an_earlier_time_never_replaces_a_later_one(
        self, times: AccessTimes, second: float, kept: float
    ) -> None:
        times.note({"a": 10.0})
        times.note({"a": second})
        assert times.last("a") == kept

    def test_an_empty_batch_changes_nothing(self, times: AccessTimes) -> None:
        times.note({"a": 1.0})
        times.note({})
        assert times.last("a") == 1.0

    def test_of_batches_from_many_threads_the_latest_time_stays(self, times: AccessTimes) -> None:
        threads = [
            threading.Thread(target=times.note, args=({"a": float(at), f"only-{at}": 1.0},))
            for at in (3, 8, 1, 7, 2, 6, 5, 4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert times.last("a") == 8.0
        assert [times.last(f"only-{at}") for at in range(1, 9)] == [1.0] * 8
