-- Deliveries over any channel, what each is about, what is written on a schedule, and public warnings.

ALTER TABLE outbox ADD COLUMN channel text NOT NULL DEFAULT 'mail';      -- mail, or a name under [channels] of city.toml
ALTER TABLE outbox ADD COLUMN twin uuid;                                 -- the row whose message this one repeats
ALTER TABLE outbox ADD COLUMN groups text[] NOT NULL DEFAULT '{}';       -- of its alarms, for pacing
ALTER TABLE outbox ADD COLUMN reasons text[] NOT NULL DEFAULT '{}';      -- why it is owed
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (channel, priority, due_at) WHERE state IN ('ready', 'leased');
CREATE INDEX outbox_waiting ON outbox (contact_id) WHERE state IN ('ready', 'leased');
CREATE INDEX outbox_twin ON outbox (twin) WHERE twin IS NOT NULL;

CREATE TABLE channel (                           -- whether each way out works
    key         text PRIMARY KEY,
    state       text NOT NULL DEFAULT 'ok' CHECK (state IN ('ok', 'down', 'stopped')),
    reason      text NOT NULL DEFAULT '',        -- the server's own words
    server      text NOT NULL DEFAULT '',        -- a digest of its settings: other ones are tried at once
    failures    int NOT NULL DEFAULT 0,          -- in a row
    since       timestamptz NOT NULL DEFAULT now(),
    probe_at    timestamptz NOT NULL DEFAULT now()
);
INSERT INTO channel (key, state, reason, server, failures, since, probe_at)
SELECT 'mail', state, reason, server, failures, since, probe_at FROM mail_channel;
DROP TABLE mail_channel;

CREATE TABLE refused (                           -- addresses that a channel says lead to nobody
    contact_id  int NOT NULL REFERENCES contact (id),
    channel     text NOT NULL,
    address     text NOT NULL,
    reply       text NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (contact_id, channel, address)
);

CREATE TABLE digest_sent (                       -- once a slot, whoever writes it and however often it is asked
    contact_id  int NOT NULL REFERENCES contact (id),
    kind        text NOT NULL,                   -- brief, digest, report
    slot        text NOT NULL,                   -- local date, for hourly ones with the hour in UTC
    outbox_id   uuid,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (contact_id, kind, slot)
);

CREATE TABLE unsubscribed (                      -- by the link in the mail itself; alarms cannot be
    contact_id  int NOT NULL REFERENCES contact (id),
    kind        text NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (contact_id, kind)
);

CREATE TABLE cap_message (                       -- CAP 1.2 messages; a public one has the name of a person
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identifier  text NOT NULL UNIQUE,
    alarm_id    bigint NOT NULL REFERENCES alarm (id),
    msg_type    text NOT NULL CHECK (msg_type IN ('Alert', 'Update', 'Cancel')),
    status      text NOT NULL CHECK (status IN ('Draft', 'Actual', 'Exercise', 'Test')),
    scope       text NOT NULL CHECK (scope IN ('Private', 'Public')),
    sent        timestamptz NOT NULL,
    refs        text NOT NULL DEFAULT '',
    xml         text NOT NULL,
    by          text NOT NULL DEFAULT '',
    CONSTRAINT public_needs_a_person CHECK (by <> '' OR (status <> 'Actual' AND scope <> 'Public'))
);
CREATE INDEX cap_message_alarm ON cap_message (alarm_id, id);
