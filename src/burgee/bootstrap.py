"""Wiring: the only file that names adapters, and it closes what it opens."""

import os
import random
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from burgee.adapters.audit_files import NdjsonFiles
from burgee.adapters.data_folder import DataFolder, open_data_folder
from burgee.adapters.delivery_lock import DeliveryLock
from burgee.adapters.high_water import HighWaterFile
from burgee.adapters.local_key import load_or_make_signing_key, load_signing_key, new_signing_key
from burgee.adapters.memory import MemoryFlagStore, MemorySignInCodes
from burgee.adapters.memory_usage import MemoryUsageStore
from burgee.adapters.parameters import EnvironmentParameters, FileParameters
from burgee.adapters.snapshot_file import JsonSnapshotFile
from burgee.adapters.sqlite.access_times import access_times_beside
from burgee.adapters.sqlite.budgets import budget_store_beside
from burgee.adapters.sqlite.deliveries import deliveries_beside
from burgee.adapters.sqlite.open import open_sqlite_store
from burgee.adapters.sqlite.overrides import overrides_beside
from burgee.adapters.sqlite.sdk_keys import sdk_keys_beside
from burgee.adapters.sqlite.sign_in_codes import sign_in_codes_beside
from burgee.adapters.sqlite.usage import SqliteUsageStore
from burgee.adapters.token_claims import ClaimRules
from burgee.adapters.tokens import Issuer, KeySource, PemKeys, RsaTokenSigner, RsaTokenVerifier
from burgee.adapters.webhook import Webhook
from burgee.errors import ConfigurationError
from burgee.ports import (
    AuditSink,
    Clock,
    Deliveries,
    FlagStore,
    ParameterSource,
    SignInCodes,
    SnapshotFile,
    UsageStore,
)
from burgee.service.access import Access
from burgee.service.audit_log import AuditLog
from burgee.service.beat import Beat
from burgee.service.browse import Browser
from burgee.service.budget import Budget
from burgee.service.catalogue import Catalogue, LiveCatalogue
from burgee.service.commit import Committer
from burgee.service.compiler import SetCompiler
from burgee.service.delivery import PAUSE_SECONDS, Delivery
from burgee.service.flag_names import FlagNames
from burgee.service.inspection import Inspector
from burgee.service.last_access import LastAccess
from burgee.service.overrides import Overrides
from burgee.service.parameters import Parameters
from burgee.service.publish import Publisher
from burgee.service.refresh import Refresher
from burgee.service.refusals import FLUSH_SECONDS as REFUSALS_SECONDS
from burgee.service.refusals import Refusals
from burgee.service.sdk_key_uses import SdkKeyUses
from burgee.service.sdk_key_verifier import SdkKeyVerifier
from burgee.service.sdk_keys import SdkKeys
from burgee.service.services import Services
from burgee.service.snapshot_keeper import SnapshotKeeper
from burgee.service.usage import FLUSH_SECONDS, Usage
from burgee.settings import Settings

_LARGEST_KEY_BYTES = 64 * 1024


@contextmanager
def open_application(
    settings: Settings, *, clock: Clock = time.time, lock: bool = True, writer: bool = True
) -> Iterator[Services]:
    """Open everything that `settings` name, loaded and ready; closed again at the end of the `with`.

    `lock` False where the caller holds the data folder's lock already (the supervisor of several
    workers). `writer` False for a worker that does not publish: it does not keep the snapshot file.

    Raises ConfigurationError, StoreRefusedError.
    """
    with ExitStack() as stack:
        folder = None if settings.is_memory else open_data_folder(settings.data)
        if folder is not None and lock:
            stack.enter_context(folder.lock(settings.public_url))
        store, codes, snapshot_file = _open_store(folder, clock)
        stack.callback(store.close)
        signer, verifier = _tokens(settings, folder, clock, stack)
        keys = sdk_keys_beside(store)
        uses = SdkKeyUses(keys)
        stack.callback(uses.close)
        uses.start()
        compiler = SetCompiler(fractional=settings.fractional, limits=settings.limits, clock=clock)
        live = LiveCatalogue(Catalogue(generation=settings.fractional))
        refresher = Refresher(store, live, compiler, clock=clock, snapshot_file=snapshot_file)
        refresher.load()
        if snapshot_file is not None and writer and store.read_only_reason is None:
            keeper = SnapshotKeeper(store, live, snapshot_file, clock=clock)
            stack.callback(keeper.close)
            keeper.start()
        budget = Budget(
            budget_store_beside(store),
            store,
            rules=settings.budget_rules,
            clock=clock,
            monotonic=time.monotonic,
        )
        stack.callback(budget.close)
        budget.follow()
        overrides = Overrides(overrides_beside(store), store, live, clock=clock, seed=secrets.randbits(32))
        overrides.subjects.load()
        usage = _usage(stack, folder, clock, writer=writer)
        sinks = _sinks(settings, folder, clock) if writer else []
        deliveries = deliveries_beside(store, sinks=[sink.name for sink in sinks])
        if deliveries is not None:
            _deliver(stack, folder, store, deliveries, sinks, clock)
        inspector = Inspector(compiler)
        committer = Committer(store, live, compiler, catch_up=refresher.catch_up)
        last_access = LastAccess(access_times_beside(store), clock=clock)
        stack.callback(last_access.close)
        last_access.start()
        yield Services(
            publisher=Publisher(store, committer, inspector, limits=settings.limits, clock=clock),
            browser=Browser(store),
            live=live,
            refresher=refresher,
            access=Access(
                verifier=SdkKeyVerifier(keys, verifier, clock, look=time.monotonic),
                signer=signer,
                codes=codes,
                store=store,
                clock=clock,
                note_key_use=uses.note,
            ),
            sdk_keys=SdkKeys(keys, clock),
            audit_log=_audit_log(folder, store, deliveries),
            inspector=inspector,
            budget=budget,
            overrides=overrides,
            limits=settings.limits,
            clock=clock,
            flag_names=FlagNames(store, live, look=refresher.look),
            parameters=Parameters(_parameter_sources(settings), clock=clock),
            last_access=last_access,
            hatton_strict_compat=settings.hatton_strict_compat,
            rds_strict_compat=settings.rds_strict_compat,
            session_cookie=settings.session_cookie,
            usage=usage,
            refusals=_refusals(stack, store, clock),
        )


def _sinks(settings: Settings, folder: DataFolder | None, clock: Clock) -> list[AuditSink]:
    """Where audit events go; there may be nobody."""
    sinks: list[AuditSink] = []
    if settings.audit_files and folder is not None:
        sinks.append(NdjsonFiles(folder.path / "audit", max_bytes=settings.audit_file_bytes))
    if settings.webhook_url:
        sinks.append(
            Webhook(
                settings.webhook_url,
                settings.webhook_secrets,
                clock=clock,
                allow_private=settings.webhook_allow_private,
            )
        )
    return sinks


def _deliver(
    stack: ExitStack,
    folder: DataFolder | None,
    store: FlagStore,
    deliveries: Deliveries,
    sinks: Sequence[AuditSink],
    clock: Clock,
) -> None:
    """A thread for each sink, so that a slow one holds up none of the others."""
    if not sinks:
        return
    lock = DeliveryLock(folder.path / "delivery.lock") if folder is not None else None
    if lock is not None:
        stack.callback(lock.close)
    for sink in sinks:
        delivery = Delivery(
            store,
            deliveries,
            sink,
            clock=clock,
            dice=random.random,
            may_deliver=lock.is_ours if lock is not None else lambda: True,
        )
        delivery.begin()
        beat = Beat(f"delivery-{sink.name}", delivery.drain, seconds=PAUSE_SECONDS)
        stack.callback(beat.close)
        stack.callback(delivery.close)
        beat.start()


def _audit_log(folder: DataFolder | None, store: FlagStore, deliveries: Deliveries | None) -> AuditLog:
    """The log, and the head that is exported beside the database: a cut tail shows by it."""
    if folder is None:
        return AuditLog(store, deliveries=deliveries)
    mark = HighWaterFile(folder.high_water)

    def exported_head() -> tuple[int, str]:
        highest = mark.read()
        return highest.sequence, highest.hash

    return AuditLog(store, exported_head=exported_head, deliveries=deliveries)


def _refusals(stack: ExitStack, store: FlagStore, clock: Clock) -> Refusals:
    """Refusals of every worker; they are few enough for each to write its own."""
    refusals = Refusals(store, clock=clock)
    stack.callback(refusals.close)
    beat = Beat("refusals", refusals.flush, seconds=REFUSALS_SECONDS)
    stack.callback(beat.close)
    beat.start()
    return refusals


def _usage(stack: ExitStack, folder: DataFolder | None, clock: Clock, *, writer: bool) -> Usage:
    """Counts that every worker writes by itself: their file is none of the flags'."""
    store: UsageStore = MemoryUsageStore()
    if folder is not None:
        store = SqliteUsageStore(folder.path / "usage.db", repair=writer)
    stack.callback(store.close)
    usage = Usage(store, clock=clock)
    beat = Beat("usage", usage.flush, seconds=FLUSH_SECONDS)
    stack.callback(beat.close)
    beat.start()
    return usage


def _open_store(
    folder: DataFolder | None, clock: Clock
) -> tuple[FlagStore, SignInCodes, SnapshotFile | None]:
    if folder is None:
        return MemoryFlagStore(clock), MemorySignInCodes(), None
    snapshot_file = JsonSnapshotFile(folder.snapshot)
    store = open_sqlite_store(folder.database, clock=clock, snapshot_file=snapshot_file)
    return store, sign_in_codes_beside(store), snapshot_file


def _parameter_sources(settings: Settings) -> list[ParameterSource]:
    """The file before the environment: it is the one that can be changed while the server runs."""
    sources: list[ParameterSource] = (
        [FileParameters(settings.parameters_file)] if settings.parameters_file else []
    )
    return [*sources, EnvironmentParameters(os.environ)]


def _tokens(
    settings: Settings, folder: DataFolder | None, clock: Clock, stack: ExitStack
) -> tuple[RsaTokenSigner, RsaTokenVerifier]:
    """The local key signs; what it signed is believed, and what the other issuer signed that is set up."""
    signer = RsaTokenSigner(_signing_key(settings, folder))
    sources = tuple(_other_keys(settings, stack))
    rules = ClaimRules(
        algorithms=tuple(settings.token_algorithms.split(",")),
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        identity=(settings.token_identity,) if settings.token_identity else ("userId", "sub"),
        role=settings.token_role,
    )
    others = [Issuer(rules, sources)] if sources else []
    leeway = settings.token_leeway_seconds
    return signer, RsaTokenVerifier([signer.public_pem], clock, leeway_seconds=leeway, others=others)


def _other_keys(settings: Settings, stack: ExitStack) -> Iterator[KeySource]:
    if settings.public_key:
        yield PemKeys([_public_key(settings.public_key)])
    if settings.jwks_url:
        # Only this needs the HTTP client, whose import is paid by every start.
        from burgee.adapters.jwks import JwksKeys

        keys = JwksKeys(settings.jwks_url, max_age=settings.jwks_max_age_seconds)
        stack.callback(keys.close)
        keys.start()
        yield keys


def _signing_key(settings: Settings, folder: DataFolder | None) -> bytes:
    if settings.signing_key:
        return load_signing_key(Path(settings.signing_key))
    if folder is None:
        return new_signing_key()
    return load_or_make_signing_key(folder.signing_key)


def _public_key(text: str) -> bytes:
    """The PEM that `text` is, or that stands in the file it names."""
    if "-----BEGIN" in text:
        # A variable in an env file has one line: its line ends may be written as \n.
        return text.replace("\\n", "\n").encode()
    try:
        with Path(text).open("rb") as file:
            return file.read(_LARGEST_KEY_BYTES)
    except OSError as error:
        message = f"BURGEE_PUBLIC_KEY: {text} cannot be read: {error.strerror}"
        raise ConfigurationError(message) from error
