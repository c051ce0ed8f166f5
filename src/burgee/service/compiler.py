"""How this server compiles a flag set: its bucketing generation, limits and clock, bound once."""

from burgee.engine.program import Program, compile_program
from burgee.model.flag_set import FlagSet, FractionalGeneration
from burgee.model.limits import DEFAULT_LIMITS, Limits
from burgee.model.snapshot import Snapshot
from burgee.ports import Clock


class SetCompiler:
    """Compiles snapshots; flags that did not change since `previous` are taken over as they are."""

    def __init__(
        self,
        *,
        fractional: FractionalGeneration = FractionalGeneration.V2,
        limits: Limits = DEFAULT_LIMITS,
        clock: Clock,
    ) -> None:
        self.fractional = fractional
        self.limits = limits
        self._clock = clock

    def compile(self, snapshot: Snapshot, *, previous: Program | None = None) -> Program:
        """The program of `snapshot`; one flag that cannot be compiled never spoils the others."""
        return compile_program(
            snapshot, fractional=self.fractional, clock=self._clock, limits=self.limits, previous=previous
        )

    def generation(self, flag_set: FlagSet) -> FractionalGeneration:
        """The bucketing generation that holds in `flag_set`."""
        return flag_set.fractional if flag_set.fractional is not None else self.fractional
