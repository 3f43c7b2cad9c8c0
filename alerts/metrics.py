"""What Prometheus is told of the alert engine."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

TICK = Histogram("ioc_alerts_tick_seconds", "Time one evaluation of all rules took",
                 buckets=(0.01, 0.03, 0.1, 0.3, 1, 1.5, 3, 5, 10))  # fmt: skip
TICKED = Gauge("ioc_alerts_last_tick_timestamp_seconds", "Logical time of the last finished evaluation")
OPENED = Counter("ioc_alerts_opened_total", "Alarms opened")
ERRORS = Counter("ioc_alerts_errors_total", "Failures, by job", ["job"])
SKIPPED = Counter("ioc_alerts_skipped_total", "Runs that were skipped or late, by job", ["job"])
WRITTEN = Counter("ioc_mail_written_total", "Mails put into the outbox")
SENT = Counter("ioc_mail_sent_total", "Mails a server took")
WAITING = Gauge("ioc_mail_state", "Mails of the last day, by state", ["state"])
CHANNEL = Gauge("ioc_mail_channel_up", "1 while messages can leave over it", ["channel"])
LEADER = Gauge("ioc_alerts_leader", "1 while this process evaluates")
