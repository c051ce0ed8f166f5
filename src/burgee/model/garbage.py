"""Python's garbage collector, held while many objects are made of which all stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collections_held() -> Iterator[None]:
    """No collection within this block: of a program of 10,000 flags it would walk every flag many times."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
