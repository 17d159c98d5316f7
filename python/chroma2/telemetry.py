# SPDX-License-Identifier: BSD-3-Clause
"""A session's numbers for others: Prometheus' text format, and an endpoint that serves it."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from chroma2.errors import Error, InvalidArgument

if TYPE_CHECKING:
    from chroma2._capi import Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def prometheus_name(metric: Metric) -> str:
    """Of ``callback_ns``: ``chroma2_callback_seconds_total``; a depth has no ``_total``."""
    name = metric.name
    if metric.unit == "ns":
        name = f"{name.removesuffix('_ns')}_seconds"
    return f"chroma2_{name}_total" if metric.kind == "counter" else f"chroma2_{name}"


def prometheus_text(metrics: Iterable[Metric], about: Mapping[str, Any]) -> str:
    """The text exposition format, version 0.0.4; times in seconds.

    about  what the session is, as labels of the metric chroma2_info
    """
    labels = ",".join(f'{name}="{_escape(value, quote=True)}"' for name, value in about.items())
    lines = [
        "# HELP chroma2_info What this session is.",
        "# TYPE chroma2_info gauge",
        f"chroma2_info{{{labels}}} 1",
    ]
    for m in metrics:
        name = prometheus_name(m)
        value = repr(m.value / 1e9) if m.unit == "ns" else str(m.value)
        lines += [
            f"# HELP {name} {_escape(m.meaning)}",
            f"# TYPE {name} {'counter' if m.kind == 'counter' else 'gauge'}",
            f"{name} {value}",
        ]
    return "\n".join(lines) + "\n"


def _escape(value: Any, quote: bool = False) -> str:
    text = str(value).replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quote else text


class MetricsServer:
    """Serves a text at http://127.0.0.1:port/metrics, to this machine only, until stopped.

    text  called for every request, on the server's thread
    port  0: any that is free
    Raises InvalidArgument if the port cannot be had.
    """

    def __init__(self, text: Callable[[], str], port: int) -> None:
        class Handler(_Handler):
            read = staticmethod(text)

        try:
            self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            raise InvalidArgument(f"metrics_port is {port} ({error.strerror})") from None
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="chroma2 metrics", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it has."""
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Ends it and frees the port; a second call does nothing."""
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    read: Callable[[], str]

    def do_GET(self) -> None:
        if self.path.split("?")[0] != "/metrics":
            self.send_error(404, "there is /metrics only")
            return
        try:
            body = self.read().encode()
        except Error as error:  # the session is closing
            self.send_error(503, str(error))
            return
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: a request every few seconds is no news."""
