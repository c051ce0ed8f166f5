"""What every SignInCodes must do."""

import threading

import pytest

from burgee.ports import SignInCodes


class SignInCodesContract:
    """Subclass it and define `make_codes`."""

    def make_codes(self) -> SignInCodes:
        """Codes with none in them."""
        raise NotImplementedError

    @pytest.fixture
    def codes(self) -> SignInCodes:
        return self.make_codes()

    def test_a_code_can_be_taken_once(self, codes: SignInCodes) -> None:
        codes.put("aa", expires_at=100.0)
        assert codes.take("aa", now=50.0)
        assert not codes.take("aa", now=50.0)

    def test_a_code_that_was_never_put_cannot_be_taken(self, codes: SignInCodes) -> None:
        codes.put("aa", expires_at=100.0)
        assert not codes.take("ab", now=50.0)

    @pytest.mark.parametrize(("now", "good"), [(99.999, True), (100.0, False), (100.001, False)])
    def test_a_code_is_good_until_just_before_its_expiry(
        self, codes: SignInCodes, now: float, good: bool
    ) -> None:
        codes.put("aa", expires_at=100.0)
        assert codes.take("aa", now=now) is good

    def test_taking_one_code_leaves_the_others(self, codes: SignInCodes) -> None:
        codes.put("aa", expires_at=100.0)
        codes.put("bb", expires_at=200.0)
        assert codes.take("aa", now=50.0)
        assert codes.take("bb", now=150.0)

    def test_a_code_put_again_takes_the_later_expiry(self, codes: SignInCodes) -> None:
        codes.put("aa", expires_at=100.0)
        codes.put("aa", expires_at=200.0)
        assert codes.take("aa", now=150.0)

    def test_of_many_who_take_a_code_at_once_one_gets_it(self, codes: SignInCodes) -> None:
        codes.put("aa", expires_at=100.0)
        start, taken = threading.Barrier(8), list[bool]()

        def take() -> None:
            start.wait()
            taken.append(codes.take("aa", now=50.0))

        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(taken) == [False] * 7 + [True]
