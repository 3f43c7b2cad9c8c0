"""Under which names the server answers, and which addresses in front of it are believed."""

from __future__ import annotations

import socket
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ioc.errors import StartError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from ioc.settings import Settings


class Names:
    """hosts: names beside localhost and plain numbers. A number was not looked up, so nobody can point it elsewhere."""

    def __init__(self, hosts: frozenset[str], proxies: tuple[str, ...] = ()) -> None:
        self._hosts = hosts | {"localhost"}
        self._proxies = tuple(ip_network(p, strict=False) for p in proxies)

    @classmethod
    def of(cls, settings: Settings) -> Names:
        """Raises StartError for a proxy that is no address."""
        named = {urlsplit(settings.base_url).hostname or "", *_listed(settings.hosts)}
        if settings.http_host not in {"", "127.0.0.1", "localhost"}:
            named.add(socket.gethostname())
        try:
            return cls(frozenset(n.lower() for n in named if n), _listed(settings.proxy))
        except ValueError as error:
            raise StartError(
                f"IOC_PROXY={settings.proxy}: {error}; write addresses, as 10.0.0.2 or 10.0.0.0/24"
            ) from None

    def ours(self, host: str) -> bool:
        """Whether a Host header names this server."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        return name in self._hosts or _is_number(name)

    def fronted(self, app: ASGIApp) -> ASGIApp:
        """The server behind its proxy: X-Forwarded-For and -Proto are believed from there, and from nowhere else."""
        if not self._proxies:
            return app
        inner: Any = ProxyHeadersMiddleware(app, trusted_hosts=[str(p) for p in self._proxies])  # type: ignore[arg-type]

        async def outer(scope: Scope, receive: Receive, send: Send) -> None:
            if "client" in scope:
                scope["ioc.peer"] = (scope["client"] or ("",))[0]
            await inner(scope, receive, send)

        return outer

    def proxied(self, address: str) -> bool:
        """Whether a request comes from the proxy in front."""
        return _is_number(address) and any(ip_address(address) in network for network in self._proxies)

    def remedy(self, host: str) -> str:
        name = clean(host)[:100] or "no name"
        return (
            f"no {name} here: open this server as localhost or by its number, or name it in IOC_BASE_URL or IOC_HOSTS\n"
        )


def clean(text: str) -> str:
    """For a log line: without what could begin another line, or colour a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text[:200])


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
