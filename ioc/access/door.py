"""What must hold before the screens may be reached from another machine."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from ioc.errors import StartError

if TYPE_CHECKING:
    from ioc.settings import Settings


def refuse_open_door(settings: Settings, *, accounts: bool = True, said: str = "", remedy: str = "") -> None:
    """Only with accounts, and only over TLS. Raises StartError, which says what to do.

    accounts: whether somebody can log in at all: by an account, a provider, or a proxy that asks. said: how the address
    was asked for, and remedy: what else gives TLS, where that is not a setting.
    """
    if is_loopback(settings.http_host):
        return
    where = f"{said or f'IOC_HTTP_HOST={settings.http_host}'} shows the city to the network"
    if settings.auth == "open":
        raise StartError(f"{where}, and IOC_AUTH=open lets everybody in: leave IOC_AUTH away, or listen on 127.0.0.1")
    if not settings.tls_cert and not settings.proxy:
        raise StartError(
            f"{where} without encryption, passwords too: {remedy}give IOC_TLS_CERT and IOC_TLS_KEY "
            "(IOC_TLS_CERT=local for a trial), or IOC_PROXY where a TLS proxy stands in front, or listen on 127.0.0.1"
        )
    if not accounts:
        raise StartError(
            f"{where}, and there is no account yet: make one with `ioc users add`, or set IOC_PASSWORD for the first, "
            "or listen on 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
