"""A workshop with overrides whose reads are counted."""

from collections.abc import Mapping
from typing import Any

from burgee.adapters.memory import MemoryFlagStore
from burgee.adapters.memory_overrides import MemoryOverrideStore
from burgee.model.override import Override
from burgee.model.resolution import Resolution
from burgee.service.overrides import OverrideDraft, Overrides
from burgee.testing.counting_overrides import CountingOverrideStore
from burgee.testing.workshop import ADA, HandClock, Workshop


class OverrideDesk(Workshop):
    """One process that publishes flags and overrides them."""

    def __init__(self) -> None:
        clock = HandClock()
        flags = MemoryFlagStore(clock)
        super().__init__(flags, clock=clock)
        self.kept = CountingOverrideStore(MemoryOverrideStore(flags))
        self.overrides = Overrides(self.kept, flags, self.live, clock=clock)
        self.overrides.subjects.load()

    def override(self, subject: str, flag_key: str = "banner", **content: Any) -> Override:
        """Put an override; without content one that pins the variant `on`."""
        fields: dict[str, Any] = content or {"variant": "on"}
        draft = OverrideDraft(flag_key=flag_key, targeting_key=subject, **fields)
        return self.overrides.put(draft, author=ADA)

    def resolved(self, key: str, context: Mapping[str, Any], *, flag_set: str = "default") -> Resolution:
        """What a flag answers with its overrides."""
        flag = self.live.current.programs[flag_set].flags[key]
        return self.overrides.evaluate(flag, dict(context))
