"""A proxy between a seed and a real server, which passes requests on and keeps them, or refuses some."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

KEPT_BYTES = 1_000_000  # of a body; checkpoints are longer, and only counted
HOP = ("connection", "content-length", "host", "transfer-encoding")  # headers that each connection has for itself


class Request(NamedTuple):
    """A request as it was sent; `body` is empty where it was longer than what is kept."""

    method: str
    path: str
    body: bytes
    size: int
    status: int
    answer: bytes


DROPPED = 0  # in place of a status: the connection is closed without an answer


def pass_all(_method: str, _path: str) -> int | None:
    return None


@contextmanager
def recording(port: int, refuse: Callable[[str, str], int | None] = pass_all) -> Iterator[tuple[str, list[Request]]]:
    """Yield the address of a proxy to a local port, and the requests that it has passed on so far, in order.

    `refuse` returns the status with which a request, method and path, is refused, DROPPED, or None to pass it on.
    """
    requests: list[Request] = []

    class Passer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if (status := refuse(self.command, self.path)) is not None:
                self.close_connection = True
                if status != DROPPED:
                    self.send_error(status)
                return
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            server = HTTPConnection("127.0.0.1", port, timeout=600)
            server.request(self.command, self.path, body or None, headers)
            response = server.getresponse()
            answer = response.read()
            server.close()
            kept = body if len(body) <= KEPT_BYTES else b""
            requests.append(Request(self.command, self.path, kept, len(body), response.status, answer[:KEPT_BYTES]))
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815

        def log_message(self, format: str, *values: object) -> None:  # noqa: A002
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Passer) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}", requests
        finally:
            proxy.shutdown()
