"""Wiring: the only file that names adapters, and it closes what it opens."""

import random
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
from burgee.adapters.snapshot_file import JsonSnapshotFile
from burgee.adapters.sqlite.deliveries import deliveries_beside
from burgee.adapters.sqlite.open import open_sqlite_store
from burgee.adapters.sqlite.sign_in_codes import sign_in_codes_beside
from burgee.adapters.sqlite.usage import SqliteUsageStore
from burgee.adapters.tokens import RsaTokenSigner, RsaTokenVerifier
from burgee.adapters.webhook import Webhook
from burgee.errors import ConfigurationError
from burgee.ports import AuditSink, Clock, Deliveries, FlagStore, SignInCodes, SnapshotFile, UsageStore
from burgee.service.access import Access
from burgee.service.audit_log import AuditLog
from burgee.service.beat import Beat
from burgee.service.browse import Browser
from burgee.service.catalogue import Catalogue, LiveCatalogue
from burgee.service.commit import Committer
from burgee.service.compiler import SetCompiler
from burgee.service.delivery import PAUSE_SECONDS, Delivery
from burgee.service.inspection import Inspector
from burgee.service.publish import Publisher
from burgee.service.refresh import Refresher
from burgee.service.refusals import FLUSH_SECONDS as REFUSALS_SECONDS
from burgee.service.refusals import Refusals
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
        signer, verifier = _tokens(settings, folder, clock)
        compiler = SetCompiler(fractional=settings.fractional, limits=settings.limits, clock=clock)
        live = LiveCatalogue(Catalogue(generation=settings.fractional))
        refresher = Refresher(store, live, compiler, clock=clock, snapshot_file=snapshot_file)
        refresher.load()
        if snapshot_file is not None and writer and store.read_only_reason is None:
            keeper = SnapshotKeeper(store, live, snapshot_file, clock=clock)
            stack.callback(keeper.close)
            keeper.start()
        usage = _usage(stack, folder, clock, writer=writer)
        sinks = _sinks(settings, folder, clock) if writer else []
        deliveries = deliveries_beside(store, sinks=[sink.name for sink in sinks])
        if deliveries is not None:
            _deliver(stack, folder, store, deliveries, sinks, clock)
        inspector = Inspector(compiler)
        committer = Committer(store, live, compiler, catch_up=refresher.catch_up)
        yield Services(
            publisher=Publisher(store, committer, inspector, limits=settings.limits, clock=clock),
            browser=Browser(store),
            live=live,
            refresher=refresher,
            access=Access(verifier=verifier, signer=signer, codes=codes, store=store, clock=clock),
            audit_log=_audit_log(folder, store, deliveries),
            inspector=inspector,
            limits=settings.limits,
            clock=clock,
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


def _tokens(
    settings: Settings, folder: DataFolder | None, clock: Clock
) -> tuple[RsaTokenSigner, RsaTokenVerifier]:
    """The local key signs; what the local key or the configured public key signed is believed."""
    signer = RsaTokenSigner(_signing_key(settings, folder))
    public_keys = [signer.public_pem]
    if settings.public_key:
        public_keys.append(_public_key(settings.public_key))
    return signer, RsaTokenVerifier(public_keys, clock, leeway_seconds=settings.token_leeway_seconds)


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
