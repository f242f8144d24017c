"""A proxy before a real server that passes requests on, or refuses some."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOP = ("connection", "content-length", "host", "transfer-encoding")  # headers of one connection alone
DROPPED = 0  # instead of a status: the connection is closed without an answer


def _end_to_end(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in HOP}


@contextmanager
def refusing(port: int, refuse: Callable[[str, str], int | None]) -> Iterator[str]:
    """Yield the address of a proxy to a local port.

    `refuse` maps method and path of a request to the status that refuses it, to DROPPED, or to None to pass it on.
    """

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
            with closing(HTTPConnection("127.0.0.1", port, timeout=600)) as server:
                server.request(self.command, self.path, body or None, _end_to_end(self.headers.items()))
                response = server.getresponse()
                answer = response.read()
            self.send_response(response.status)
            for name, value in _end_to_end(response.getheaders()).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815  # the names that http.server calls

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Passer) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
