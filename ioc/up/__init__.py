"""`ioc up`: every part of one city on this machine, kept running, stopped in order.

folder.py holds the data folder's promises (one owner, one version, room on the disk); plan.py says which children a
city needs; child.py is one child process; supervisor.py keeps them; screen.py shows it; command.py ties these together.
"""

from __future__ import annotations
