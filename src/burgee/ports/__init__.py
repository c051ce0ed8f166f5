"""What the use cases need from the world, as small Protocols; adapters implement them."""

from burgee.ports.budget import BudgetStore
from burgee.ports.clock import Clock, ExportedHead
from burgee.ports.concurrency import FunctionConcurrency
from burgee.ports.delivery import AuditSink, Deliveries
from burgee.ports.flags import AuditQuery, FlagQuery, FlagStore, SnapshotFile
from burgee.ports.identity import SdkKeyStore, SignInCodes, TokenClaims, TokenSigner, TokenVerifier
from burgee.ports.overrides import OverrideMark, OverrideStore
from burgee.ports.parameters import AccessTimes, ParameterSource
from burgee.ports.usage import UsageStore

__all__ = [
    "AccessTimes",
    "AuditQuery",
    "AuditSink",
    "BudgetStore",
    "Clock",
    "Deliveries",
    "ExportedHead",
    "FlagQuery",
    "FlagStore",
    "FunctionConcurrency",
    "OverrideMark",
    "OverrideStore",
    "ParameterSource",
    "SdkKeyStore",
    "SignInCodes",
    "SnapshotFile",
    "TokenClaims",
    "TokenSigner",
    "TokenVerifier",
    "UsageStore",
]
