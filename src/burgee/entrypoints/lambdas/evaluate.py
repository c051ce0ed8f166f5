"""The Lambda function that evaluates: no web framework, no boto3, one read of S3 at a cold start.

docs/decisions/0042-evaluation-on-lambda.md says why each import stands where it stands; a test holds them.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from burgee.adapters.aws.credentials import CredentialSource
from burgee.adapters.aws.emf import ADMITTED, ERRORS, REFUSED, SNAPSHOT_AGE, Emf
from burgee.adapters.kept_snapshot import KeptSnapshot
from burgee.adapters.usage_lines import UsageLog
from burgee.engine.program import Program, compile_program
from burgee.entrypoints.lambdas.evaluate_settings import read_evaluate_settings
from burgee.entrypoints.lambdas.lazy_overrides import LazyOverrides
from burgee.entrypoints.lambdas.lazy_tokens import open_tokens
from burgee.formats.strict_json import encode
from burgee.formats.usage_lines import key_use_lines
from burgee.model.budget import BudgetMode
from burgee.model.limits import DEFAULT_LIMITS
from burgee.model.snapshot import Snapshot
from burgee.service.applied_overrides import AppliedOverrides
from burgee.service.authentication import Authentication
from burgee.service.catalogue import LiveCatalogue
from burgee.service.sdk_key_verifier import SdkKeyVerifier
from burgee.service.snapshot_following import SnapshotFollower
from burgee.service.snapshot_names import ALL, set_object
from burgee.service.usage import Usage
from burgee.surfaces.http.answer import Answer, json_answer
from burgee.surfaces.http.counters import Counters, SharedCounters
from burgee.surfaces.http.evaluation_only import EvaluationOnly
from burgee.surfaces.http.gateway import refusal
from burgee.surfaces.http.ofrep import Ofrep
from burgee.surfaces.lambda_answers import AnswerTooLongError, write_answer
from burgee.surfaces.lambda_events import HttpRequest, NoRequestError, is_http, kind_of, read_event

if TYPE_CHECKING:
    from burgee.ports.snapshots import SnapshotSource
    from burgee.surfaces.http.cors import Cors

_log = logging.getLogger("burgee.evaluate")

USAGE_SECONDS = 60.0
_TOO_LONG = "the answer is longer than Lambda lets through: accept gzip, or narrow it with Flagd-Selector"

METRIC_SECONDS = 60.0
"""How often a busy sandbox writes its metrics to the log; one that turns stale does so at once."""


class Evaluation:
    """One sandbox: everything wired, and the snapshot read."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.time,
        report: Callable[[str], None] = print,
    ) -> None:
        settings = read_evaluate_settings(environment)
        self._environment, self._settings = environment, settings
        self._clock, self._report = clock, report
        self._credentials = CredentialSource(environment)
        self._live = LiveCatalogue()
        self._emf = Emf(environment.get("AWS_LAMBDA_FUNCTION_NAME", "evaluate"), clock=clock, write=report)
        self._key_uses: dict[str, float] = {}
        self._usage = Usage(UsageLog(self._report_counts), clock=clock)
        flag_set = settings.snapshot_flag_set
        name = set_object(flag_set) if flag_set else ALL
        folder = environment.get("TMPDIR") or "/tmp"  # noqa: S108 - checked for whose it is
        kept = KeptSnapshot(folder, f"{settings.snapshot_source} {settings.snapshot_bucket} {name}")
        self.follower = SnapshotFollower(
            self._source(name),
            self._live,
            self._compile,
            clock=clock,
            interval_seconds=settings.snapshot_refresh_seconds,
            on_stop=self._stop,
            keep=kept.save,
        )
        issued = open_tokens(environment, settings, credentials=self._credentials, clock=clock)
        tokens = SdkKeyVerifier(self.follower.keys, issued, clock, look=clock)
        authentication = Authentication(tokens, clock, note_key_use=self._key_uses.__setitem__)
        reads = LazyOverrides(
            environment,
            settings.override_table,
            self._live,
            credentials=self._credentials,
            seconds=settings.override_read_seconds,
        )
        overrides = AppliedOverrides(reads, self.follower.subjects, self._live, clock=clock)
        self._cors: Cors | None = None
        self._ofrep = Ofrep(
            self._live,
            authentication,
            Counters(SharedCounters.create(1), 0),
            open_to_all=False,
            overrides=overrides,
            has_streams=False,
            tally=self._usage.tally,
        )
        self._api = EvaluationOnly(
            self._ofrep,
            self._live,
            authentication,
            overrides,
            tally=self._usage.tally,
            is_loaded=lambda: self.follower.is_loaded,
            session_cookie=settings.session_cookie,
            spend=self._meter(),
            is_allowed=(lambda origin: self._allowed().is_allowed(origin)) if settings.cors_origins else None,
        )
        self._answered = self._refused = 0
        self._began, self._count_at, self._keys_at = clock(), 0.0, 0.0
        self._report_at = self._began + METRIC_SECONDS
        self._was_stale = False
        stored = kept.load()
        if stored is None:
            self.follower.start()
        else:
            self.follower.start(stored[0], kept_at=stored[1])

    def handle(self, event: Any) -> dict[str, Any]:
        """The answer to one event; to what is no request, how sure this sandbox is of its flags."""
        self.follower.follow()
        self._account()
        if not is_http(event):
            return dict(_as_json(self.follower.state()))
        kind, is_head = kind_of(event), False
        fields: tuple[tuple[bytes, bytes], ...] = ()
        try:
            request = read_event(event)
            is_head, fields = request.method == "HEAD", self._cors_fields(request.headers)
            answer = self._answer(request)
        except NoRequestError as error:
            answer = json_answer(400, encode({"errorDetails": str(error)}))
        except Exception as error:
            # Its words can quote what was sent.
            _log.error("request.failed: %s", _described(error))
            answer = json_answer(500, encode({"errorDetails": "an error of ours"}))
        self._note(answer.status)
        try:
            return write_answer(
                kind, answer.status, (*answer.headers, *fields), b"" if is_head else answer.body
            )
        except AnswerTooLongError:
            answer = json_answer(413, encode({"errorCode": "GENERAL", "errorDetails": _TOO_LONG}))
            return write_answer(kind, answer.status, (*answer.headers, *fields), answer.body)

    def _note(self, status: int) -> None:
        self._answered += 1
        self._refused += status == 429
        if status >= 500:
            self._emf.emit((ERRORS, 1))
        self._count()

    def _answer(self, request: HttpRequest) -> Answer:
        headers = request.headers
        if refused := refusal(request, DEFAULT_LIMITS):
            return refused
        if request.method == "OPTIONS" and self._settings.cors_origins:
            from burgee.surfaces.http.cors import PREFLIGHT

            if self._allowed().is_allowed(headers.get(b"origin", b"").decode("latin-1")):
                return Answer(200, PREFLIGHT)
        return self._api.answer(request)

    # -- wiring

    def _source(self, name: str) -> "SnapshotSource":
        settings = self._settings
        if settings.snapshot_source == "dynamodb":
            from burgee.adapters.aws.dynamodb_calls import open_dynamodb
            from burgee.adapters.aws.dynamodb_snapshots import DynamoObjects, DynamoSource

            calls = open_dynamodb(self._environment, credentials=self._credentials)
            return DynamoSource(DynamoObjects(calls, settings.table), name)
        from burgee.adapters.aws.s3_snapshots import S3Source, open_s3

        objects = open_s3(
            self._environment,
            bucket=settings.snapshot_bucket,
            prefix=settings.snapshot_prefix,
            credentials=self._credentials,
        )
        return S3Source(objects, name)

    def _meter(self) -> Callable[[], None] | None:
        """The limit of this sandbox, None for none."""
        settings = self._settings
        seconds = settings.budget_window.seconds
        if not settings.evaluation_limit or seconds is None:
            return None
        from burgee.service.sandbox_meter import SandboxMeter

        only_observes = settings.budget_mode is BudgetMode.OBSERVE
        meter = SandboxMeter(
            settings.evaluation_limit, seconds, clock=self._clock, only_observes=only_observes
        )
        return meter.spend

    def _compile(self, snapshot: Snapshot, previous: Program | None) -> Program:
        fractional = self._settings.fractional
        return compile_program(
            snapshot, fractional=fractional, clock=self._clock, previous=previous, puts_off=True
        )

    def _stop(self, is_stopped: bool) -> None:
        self._ofrep.stop(is_stopped)

    # -- pages of other sites

    def _cors_fields(self, headers: dict[bytes, bytes]) -> tuple[tuple[bytes, bytes], ...]:
        """Nothing without the setting, and its module only for a page that calls."""
        if not self._settings.cors_origins:
            return ()
        origin = headers.get(b"origin")
        return self._allowed().headers(origin.decode("latin-1") if origin is not None else None)

    def _allowed(self) -> "Cors":
        if self._cors is None:
            from burgee.surfaces.http.cors import Cors

            self._cors = Cors.from_text(self._settings.cors_origins)
        return self._cors

    # -- metrics

    def _account(self) -> None:
        """Metrics in CloudWatch's embedded format: one line a minute, and one when the flags turn stale."""
        now, state = self._clock(), self.follower.state()
        if now < self._report_at and state.stale == self._was_stale:
            return
        self._report_at, self._was_stale = now + METRIC_SECONDS, state.stale
        age = state.age_seconds if state.age_seconds is not None else now - self._began
        self._emf.emit(
            (ADMITTED, self._answered - self._refused),
            (REFUSED, self._refused),
            (SNAPSHOT_AGE, round(age, 3)),
        )
        self._answered = self._refused = 0

    # -- counts of evaluations

    def _count(self) -> None:
        """What was evaluated, and by which keys, as lines of the log: at the first, then once a minute."""
        now = self._clock()
        if now >= self._count_at:
            self._usage.flush()
        if self._key_uses and now >= self._keys_at:
            self._keys_at = now + USAGE_SECONDS
            for line in key_use_lines(self._key_uses):
                self._report(line)
            self._key_uses.clear()

    def _report_counts(self, line: str) -> None:
        self._count_at = self._clock() + USAGE_SECONDS
        self._report(line)


def _described(error: Exception) -> str:
    """What `error` is and where it was raised, and none of its words."""
    from traceback import extract_tb

    frames = extract_tb(error.__traceback__)[-8:]
    places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames]
    return f"{type(error).__name__} at {' < '.join(reversed(places))}"


_running: Evaluation | None = None


def handler(event: Any, _context: Any) -> dict[str, Any]:
    """Lambda's entry."""
    global _running
    if _running is None:
        _running = Evaluation(os.environ)
    return _running.handle(event)


def _as_json(value: Any) -> Any:
    import msgspec

    return msgspec.to_builtins(value)


if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    # The start of a sandbox has a whole processor, a call only its share: everything is read here.
    _running = Evaluation(os.environ)
