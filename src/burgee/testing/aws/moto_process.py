"""moto as a process that answers one request after the other, so that its transactions are serial."""

import sys

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from burgee.testing.aws.moto_transactions import make_inserts_one_record, make_transactions_cheap


class _Quiet(WSGIRequestHandler):  # type: ignore[misc]
    """Writes no log; each request has a connection of its own, so that none waits for an idle one."""

    def log(self, *_: object) -> None:
        """Nothing."""


def main() -> None:
    """Print the port, then serve until killed."""
    make_transactions_cheap()
    make_inserts_one_record()
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=False, request_handler=_Quiet)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
