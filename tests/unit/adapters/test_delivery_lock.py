"""The right to deliver: one has it, the next gets it."""

from pathlib import Path

from burgee.adapters.delivery_lock import DeliveryLock


def test_one_has_the_right_until_it_gives_it_away(tmp_path: Path) -> None:
    first, second = DeliveryLock(tmp_path / "lock"), DeliveryLock(tmp_path / "lock")
    assert first.is_ours()
    assert first.is_ours()
    assert not second.is_ours()
    first.close()
    first.close()
    assert second.is_ours()
    assert not first.is_ours()


def test_without_its_folder_nobody_has_the_right(tmp_path: Path) -> None:
    assert not DeliveryLock(tmp_path / "gone" / "lock").is_ours()
