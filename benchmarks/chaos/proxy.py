"""A proxy before a real server that passes requests on, or refuses some."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOP = ("connection", "content-length", "host", "transfer-encoding")  # headers of one connection alone
DROPPED = 0  # instead of a status: the connection is closed without an answer


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
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            server = HTTPConnection("127.0.0.1", port, timeout=600)
            server.request(self.command, self.path, body or None, headers)
            response = server.getresponse()
            answer = response.read()
            server.close()
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Passer) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
