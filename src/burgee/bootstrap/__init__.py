"""Wiring: the only file that names adapters, and it closes what it opens."""

import os
import random
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import msgspec

from burgee.adapters.aws.session import aws_client
from burgee.adapters.data_folder import DataFolder
from burgee.adapters.parameters import EnvironmentParameters, FileParameters
from burgee.bootstrap.stores import Stores, local_usage, open_folder, open_stores
from burgee.bootstrap.tokens import open_tokens
from burgee.ports import (
    AuditSink,
    Clock,
    Deliveries,
    FlagStore,
    ParameterSource,
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

SANDBOXES = 16
"""How many share a budget on Lambda, by the size of a lease: one that dies takes its lease along."""

ADOPTION_PAUSE_SECONDS = 1.0
"""Between two rounds of adopting what a source service has written: publishes get their turn."""


@contextmanager
def open_application(
    settings: Settings,
    *,
    clock: Clock = time.time,
    lock: bool = True,
    writer: bool = True,
    threads: bool = True,
    flags: bool = True,
) -> Iterator[Services]:
    """Open everything that `settings` name, loaded and ready; closed again at the end of the `with`.

    `lock` False where the caller holds the data folder's lock already (the supervisor of several
    workers). `writer` False for a worker that does not publish: it does not keep the snapshot file.
    `threads` False where nothing runs between two requests: whoever serves them then calls
    `Services.flush`, and audit events leave by the stream of the table, not by sinks.

    `flags` False for a process that needs none: nothing of them is read, and all of them are missing.

    Raises ConfigurationError, StoreRefusedError.
    """
    with ExitStack() as stack:
        folder = open_folder(settings)
        if folder is not None and lock and not settings.is_dynamodb:
            stack.enter_context(folder.lock(settings.public_url))
        stores = open_stores(settings, folder, clock, adopt=flags)
        store, snapshot_file = stores.flags, stores.snapshot_file
        stack.callback(store.close)
        if stores.go_on is not None and writer and threads:
            _beat(stack, "adoption", stores.go_on, seconds=ADOPTION_PAUSE_SECONDS)
        signer, verifier = open_tokens(settings, folder, clock, stack, threads=threads)
        uses = SdkKeyUses(stores.sdk_keys)
        stack.callback(uses.close)
        if threads:
            uses.start()
        compiler = SetCompiler(fractional=settings.fractional, limits=settings.limits, clock=clock)
        live = LiveCatalogue(Catalogue(generation=settings.fractional))
        refresher = Refresher(store, live, compiler, clock=clock, snapshot_file=snapshot_file)
        if flags:
            refresher.load()
        if snapshot_file is not None and writer and threads and store.read_only_reason is None:
            keeper = SnapshotKeeper(store, live, snapshot_file, clock=clock)
            stack.callback(keeper.close)
            keeper.start()
        budget = _budget(settings, stores, clock)
        stack.callback(budget.close)
        budget.follow()
        overrides = Overrides(stores.overrides, store, live, clock=clock, seed=secrets.randbits(32))
        if flags:
            overrides.subjects.load()
        usage = _usage(stack, stores.usage or local_usage(folder, writer=writer), clock, threads=threads)
        sinks = _sinks(settings, folder, clock) if writer and threads else []
        deliveries = stores.deliveries([sink.name for sink in sinks])
        if deliveries is not None:
            _deliver(stack, folder, store, deliveries, sinks, clock)
        inspector = Inspector(compiler)
        committer = Committer(store, live, compiler, catch_up=refresher.catch_up)
        last_access = LastAccess(stores.access_times, clock=clock)
        stack.callback(last_access.close)
        if threads:
            last_access.start()
        refusals = _refusals(stack, store, clock, threads=threads)
        yield Services(
            publisher=Publisher(store, committer, inspector, limits=settings.limits, clock=clock),
            browser=Browser(store),
            live=live,
            refresher=refresher,
            access=Access(
                verifier=SdkKeyVerifier(stores.sdk_keys, verifier, clock, look=time.monotonic),
                signer=signer,
                codes=stores.codes,
                store=store,
                clock=clock,
                note_key_use=uses.note,
            ),
            sdk_keys=SdkKeys(stores.sdk_keys, clock),
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
            refusals=refusals,
            flushes=(usage.flush, last_access.flush, uses.flush, refusals.flush),
        )


def _budget(settings: Settings, stores: Stores, clock: Clock) -> Budget:
    """The budgets, in their table or beside the flags; with the functions that their breaker stops."""
    budgets, store = stores.budgets, stores.flags
    rules, monotonic = settings.budget_rules, time.monotonic
    if os.environ.get("AWS_LAMBDA_FUNCTION_NAME"):
        rules = msgspec.structs.replace(rules, workers=max(rules.workers, SANDBOXES))
    if settings.limited:
        from burgee.adapters.aws.concurrency import ReservedConcurrency
        from burgee.service.limiting_budget import LimitingBudget

        concurrency = ReservedConcurrency(
            aws_client("lambda", attempts=1, read_seconds=2.0),
            [function.name for function in settings.limited],
            own_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        )
        return LimitingBudget(
            budgets,
            store,
            rules=rules,
            clock=clock,
            monotonic=monotonic,
            concurrency=concurrency,
            functions=settings.limited,
        )
    if settings.limiter_function:
        from burgee.adapters.aws.concurrency import LimiterInvocation

        invoke = LimiterInvocation(aws_client("lambda"), settings.limiter_function)
        return Budget(budgets, store, rules=rules, clock=clock, monotonic=monotonic, on_trip=invoke)
    return Budget(budgets, store, rules=rules, clock=clock, monotonic=monotonic)


def _sinks(settings: Settings, folder: DataFolder | None, clock: Clock) -> list[AuditSink]:
    """Where audit events go; there may be nobody."""
    sinks: list[AuditSink] = []
    if settings.audit_files and folder is not None:
        from burgee.adapters.audit_files import NdjsonFiles

        sinks.append(NdjsonFiles(folder.path / "audit", max_bytes=settings.audit_file_bytes))
    if settings.webhook_url:
        from burgee.adapters.webhook import Webhook

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
    from burgee.adapters.delivery_lock import DeliveryLock

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
    from burgee.adapters.high_water import HighWaterFile

    mark = HighWaterFile(folder.high_water)

    def exported_head() -> tuple[int, str]:
        highest = mark.read()
        return highest.sequence, highest.hash

    return AuditLog(store, exported_head=exported_head, deliveries=deliveries)


def _refusals(stack: ExitStack, store: FlagStore, clock: Clock, *, threads: bool) -> Refusals:
    """Refusals of every worker; they are few enough for each to write its own."""
    refusals = Refusals(store, clock=clock)
    stack.callback(refusals.close)
    if threads:
        _beat(stack, "refusals", refusals.flush, seconds=REFUSALS_SECONDS)
    return refusals


def _beat(stack: ExitStack, name: str, job: Callable[[], object], *, seconds: float) -> None:
    beat = Beat(name, job, seconds=seconds)
    stack.callback(beat.close)
    beat.start()


def _usage(stack: ExitStack, store: UsageStore, clock: Clock, *, threads: bool) -> Usage:
    stack.callback(store.close)
    usage = Usage(store, clock=clock)
    if threads:
        _beat(stack, "usage", usage.flush, seconds=FLUSH_SECONDS)
    return usage


def _parameter_sources(settings: Settings) -> list[ParameterSource]:
    """The environment last: the others are those that can be changed while the server runs."""
    sources: list[ParameterSource] = []
    if settings.parameters_file:
        sources.append(FileParameters(settings.parameters_file))
    if settings.parameter_path:
        from burgee.adapters.aws.ssm import SsmParameters

        sources.append(SsmParameters(aws_client("ssm"), settings.parameter_path))
    return [*sources, EnvironmentParameters(os.environ)]
