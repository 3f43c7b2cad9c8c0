"""The certificate the screens show: from files, or of this machine's own authority; a renewed one without a restart."""

from __future__ import annotations

import logging
import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ioc.access import pki
from ioc.errors import IocError, StartError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ioc.settings import Settings

_LOOK = 10.0  # seconds between looks at the files
log = logging.getLogger(__name__)


def options(settings: Settings, stop: threading.Event) -> dict[str, Any]:
    """What uvicorn.Config needs to speak TLS, nothing where it is not to. Follows the files until `stop`.

    IOC_TLS_CERT is a file, or `local` or `local:DIR`: made and renewed here. Raises StartError, CertificateError.
    """
    if not settings.tls_cert:
        return {}
    files = _local(settings) if settings.tls_cert.partition(":")[0] == "local" else _given(settings)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate, key = files()
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise StartError(
            f"IOC_TLS_CERT={certificate} with IOC_TLS_KEY={key} cannot be used: {error}. Give a certificate, with "
            "those between it and its authority in one PEM file, and its key, or IOC_TLS_CERT=local for a trial"
        ) from error
    arguments = (context, files, _look(certificate, key), stop)
    threading.Thread(target=_follow, args=arguments, name="certificate", daemon=True).start()
    return {"ssl_context_factory": lambda _config, _default: context}


def _given(settings: Settings) -> Callable[[], tuple[Path, Path]]:
    certificate = Path(settings.tls_cert)
    key = Path(settings.tls_key or settings.tls_cert)
    return lambda: (certificate, key)


def _local(settings: Settings) -> Callable[[], tuple[Path, Path]]:
    """Each call sees that the certificate is good for a while yet."""
    folder = Path(where) if (where := settings.tls_cert.partition(":")[2]) else pki.machine_folder()
    base = urlsplit(settings.base_url).hostname or ""
    names = pki.own_names(settings.http_host, f"{settings.hosts},{base}")

    def kept() -> tuple[Path, Path]:
        file = pki.keep(folder, "web", names, datetime.now(UTC)).file
        return file, file

    return kept


def _follow(
    context: ssl.SSLContext, files: Callable[[], tuple[Path, Path]], seen: tuple[object, ...], stop: threading.Event
) -> None:
    """A certificate that was replaced is shown to whoever comes next; one that cannot be used is not."""
    while not stop.wait(_LOOK):
        try:
            certificate, key = files()
            now = _look(certificate, key)
            if now != seen:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)  # a bad pair spoils nothing
                context.load_cert_chain(certificate, key)
                log.info("shows the new certificate of %s", certificate)
                seen = now
        except (OSError, ssl.SSLError, IocError) as error:
            log.warning("the certificate stays as it is: %s", error)


def _look(*files: Path) -> tuple[object, ...]:
    """Changes when a file does. Links are followed: certbot replaces those."""
    return tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in (file.stat() for file in files))
