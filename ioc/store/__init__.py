"""The only package that knows PostgreSQL: short functions that take a connection; the caller owns the transaction.

sql/tables/NNN_*.sql run once each, in order, and are frozen; sql/<engine>/NNN_*.sql likewise, on that engine only
(`plain` or `timescale`), after the common file of the same number; sql/views/*.sql are made anew together when one of
them differs; sql/queries/<noun>.sql hold the named queries of `ioc/store/<noun>.py`.
"""

from __future__ import annotations
