"""The audit: whether the newest part of its chain is whole; all of it is `ioc audit verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ioc.doctor.case import serious
from ioc.errors import StoreAway, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ioc.doctor.case import Case, Finding

_ROWS = 1000


def chain(case: Case) -> Iterator[Finding]:
    from ioc.store import audit_read

    remedy = (
        "ioc audit verify says which rows; compare with the newest sound backup, and find out who writes to PostgreSQL"
    )
    try:
        with audit_read.still(case.store):
            found = audit_read.verify(case.store, since=audit_read.back(case.store, _ROWS))
    except StoreAway:
        raise
    except StoreError as error:
        yield serious("audit.broken", str(error), remedy)
        return
    if found.broken is not None:
        what = f"the audit was changed by hand: {found.broken.fault} at row {found.broken.first:,}"
        yield serious("audit.broken", what, remedy)


CHECKS = (chain,)
