"""Origins of web pages, as browsers send them (RFC 6454, 6.1)."""

from __future__ import annotations

from urllib.parse import urlsplit

ANY = "*"
DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_named(text: str) -> str:
    """Returns an origin as browsers send it, however it was typed.

    Raises:
        ValueError: it is not that of one web page; ``https://*.example.org`` is that of many.
    """
    parts = urlsplit(text.strip())
    is_bare = parts.path in {"", "/"} and not parts.query and not parts.fragment
    host, port = parts.hostname or "", parts.port
    if parts.scheme not in DEFAULT_PORTS or not host or ANY in host or not is_bare:
        raise ValueError(text)
    host = f"[{host}]" if ":" in host else host.encode("idna").decode()
    is_default = port in {None, DEFAULT_PORTS[parts.scheme]}
    return f"{parts.scheme}://{host}" + ("" if is_default else f":{port}")
