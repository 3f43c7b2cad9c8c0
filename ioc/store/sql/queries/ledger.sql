-- add --
-- Rows in the order of their feeds, so that two ingesters cannot deadlock.
INSERT INTO ledger AS l (feed_id, minute, received, stored, duplicate, quarantined, ignored, readings, readings_stored,
    readings_duplicate, readings_suspect, readings_ignored, positions, events, bytes)
SELECT feed_id, date_trunc('minute', now()), received, stored, duplicate, quarantined, ignored, readings, readings_stored,
    readings_duplicate, readings_suspect, readings_ignored, positions, events, bytes
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (feed_id int, received bigint, stored bigint, duplicate bigint,
    quarantined bigint, ignored bigint, readings bigint, readings_stored bigint, readings_duplicate bigint,
    readings_suspect bigint, readings_ignored bigint, positions bigint, events bigint, bytes bigint)
ORDER BY feed_id
ON CONFLICT (feed_id, minute) DO UPDATE SET received = l.received + EXCLUDED.received, stored = l.stored + EXCLUDED.stored,
    duplicate = l.duplicate + EXCLUDED.duplicate, quarantined = l.quarantined + EXCLUDED.quarantined,
    ignored = l.ignored + EXCLUDED.ignored, readings = l.readings + EXCLUDED.readings,
    readings_stored = l.readings_stored + EXCLUDED.readings_stored,
    readings_duplicate = l.readings_duplicate + EXCLUDED.readings_duplicate,
    readings_suspect = l.readings_suspect + EXCLUDED.readings_suspect,
    readings_ignored = l.readings_ignored + EXCLUDED.readings_ignored, positions = l.positions + EXCLUDED.positions,
    events = l.events + EXCLUDED.events, bytes = l.bytes + EXCLUDED.bytes;

-- add_reasons --
-- By the hour.
INSERT INTO ledger_reason AS l (feed_id, hour, fate, reason, count)
SELECT feed_id, date_trunc('hour', now()), fate, reason, count
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (feed_id int, fate text, reason text, count bigint)
ORDER BY feed_id, fate, reason
ON CONFLICT (feed_id, hour, fate, reason) DO UPDATE SET count = l.count + EXCLUDED.count;

-- heard --
-- Whatever became of the message.
INSERT INTO feed_contact AS c (feed_id, received_at, stored_at)
SELECT feed_id, clock_timestamp(), CASE WHEN stored THEN clock_timestamp() END
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (feed_id int, stored boolean)
ORDER BY feed_id
ON CONFLICT (feed_id) DO UPDATE SET received_at = EXCLUDED.received_at, stored_at = coalesce(EXCLUDED.stored_at, c.stored_at);

-- flooded --
-- Names the publisher.
INSERT INTO quality AS q (series_id, kind, since, last, count, detail)
SELECT series_id, 'flood', now(), now(), count, 'more messages than the feed allows one sensor in a minute'
FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (series_id int, count bigint)
ORDER BY series_id
ON CONFLICT (series_id, kind) DO UPDATE SET last = now(), count = q.count + EXCLUDED.count, active = true,
    detail = EXCLUDED.detail, since = CASE WHEN q.active THEN q.since ELSE now() END;
