"""What the project is made of: its parts with versions and licences, as a table and as a bill of materials."""

from __future__ import annotations
