"""Who may do what: rights and roles (rights.py), passwords, one-time codes, sessions, keys. No web, no SQL: dashboards
and ioc/store use it.
"""

from __future__ import annotations
