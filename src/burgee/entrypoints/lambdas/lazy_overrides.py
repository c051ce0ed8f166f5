"""Overrides of subjects that the snapshot names, by a client that is made when the first of them calls."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from burgee.adapters.aws.credentials import CredentialSource
from burgee.model.flag import Flag
from burgee.model.override import Override
from burgee.service.catalogue import LiveCatalogue

if TYPE_CHECKING:
    from burgee.adapters.aws.dynamodb_reads import DynamoOverrideReads


class LazyOverrides:
    """An OverrideReads in the table `table`; most sandboxes never ask. A read may take `seconds`."""

    def __init__(
        self,
        environment: Mapping[str, str],
        table: str,
        live: LiveCatalogue,
        *,
        credentials: CredentialSource,
        seconds: float,
    ) -> None:
        self._environment, self._table, self._live = environment, table, live
        self._credentials, self._seconds = credentials, seconds
        self._reads: DynamoOverrideReads | None = None

    def override(self, flag_set: str, flag_key: str, targeting_key: str) -> Override | None:
        """As OverrideReads says."""
        return self._opened().override(flag_set, flag_key, targeting_key)

    def overrides_of_subject(self, targeting_key: str, *, limit: int) -> tuple[Override, ...]:
        """As OverrideReads says."""
        return self._opened().overrides_of_subject(targeting_key, limit=limit)

    def _opened(self) -> "DynamoOverrideReads":
        if self._reads is None:
            from burgee.adapters.aws.dynamodb_calls import open_dynamodb
            from burgee.adapters.aws.dynamodb_reads import DynamoOverrideReads

            calls = open_dynamodb(self._environment, credentials=self._credentials)
            self._reads = DynamoOverrideReads(
                calls, self._table, flags=self._flag_by_id, flag_id=self._flag_id, seconds=self._seconds
            )
        return self._reads

    def _flag_by_id(self, flag_id: str) -> Flag | None:
        for program in self._live.current.programs.values():
            for flag in program.flags.values():
                if flag.source.id == flag_id:
                    return flag.source
        return None

    def _flag_id(self, flag_set: str, key: str) -> str | None:
        program = self._live.current.programs.get(flag_set)
        flag = program.flags.get(key) if program is not None else None
        return flag.source.id if flag is not None else None
