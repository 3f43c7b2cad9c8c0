-- Programs outside that may publish at the broker, each limited to the topics of its feeds.

CREATE TABLE publisher (
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE             -- the user at the broker; never given to another one again
                CHECK (name ~ '^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$'),
    feeds       text[] NOT NULL DEFAULT '{}',    -- feed.key; their topics are looked up in the city folder each time
    topics      text[] NOT NULL DEFAULT '{}',    -- filters for what no feed declares yet
    bcrypt      text NOT NULL CHECK (bcrypt LIKE '$2b$%'),    -- the password's hash as NATS wants it
    pbkdf2      text NOT NULL CHECK (pbkdf2 LIKE '$7$%'),     -- and as mosquitto does
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz,
    revoked_at  timestamptz,
    revoked_by  text NOT NULL DEFAULT '',
    CONSTRAINT publisher_publishes CHECK (feeds || topics <> '{}'),
    CONSTRAINT publisher_names CHECK (name <> 'ioc' AND name NOT LIKE 'ioc-%')
);
