"""A migrated database of its own for a whole module, whose tests roll back what they do or tidy up after themselves."""

from __future__ import annotations

import uuid
from contextlib import contextmanager

import psycopg


@contextmanager
def database(postgres):
    """Its URL; dropped at the end."""
    name, server = f"m_{uuid.uuid4().hex[:12]}", postgres.url[: -len("/ioc")]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE ioc STRATEGY FILE_COPY")
    yield f"{server}/{name}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
