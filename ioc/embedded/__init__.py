"""PostgreSQL and an MQTT broker from wheels, for `ioc up` and the tests. Needs no root, works as root."""

from __future__ import annotations
