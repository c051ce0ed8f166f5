"""moto that remembers what was asked of it, by whom: for the comparison with roles."""

import io
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from burgee.testing.aws.calls import Recorder


class _Recording:
    """Records a request before it is answered; one that cannot be read is kept in `unknown`."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._application = DomainDispatcherApplication(create_backend_app)
        self.unknown: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = io.BytesIO(body)
        fields = {
            name.removeprefix("HTTP_").replace("_", "-"): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        try:
            self._recorder.request(environ["REQUEST_METHOD"], environ["PATH_INFO"], fields, body)
        except (KeyError, ValueError) as error:
            self.unknown.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}: {error!r}")
        answer: Iterable[bytes] = self._application(environ, start_response)
        return answer


class _Quiet(WSGIRequestHandler):  # type: ignore[misc]
    """Writes no log."""

    def log(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def recording_moto(recorder: Recorder) -> Iterator[tuple[str, list[str]]]:
    """The address of a moto that answers one request after the other, and what it could not record."""
    application = _Recording(recorder)
    server = make_server("127.0.0.1", 0, application, threaded=False, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", application.unknown
    finally:
        server.shutdown()
        thread.join()
