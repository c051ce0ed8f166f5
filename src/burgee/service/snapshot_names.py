"""What the objects of snapshots are called."""

ALL = "all.snapshot"
"""The object of every flag set together: one read gives a reader all of them."""


def set_object(flag_set: str) -> str:
    """The name of the object of one flag set."""
    return f"sets/{flag_set}.snapshot"
