-- Accounts: who may log in, as what, where from; the sessions that came of it, and links that let somebody in once.
--
-- Of identity nothing is kept but name, address and role. What is secret is kept so that a copy of this database opens
-- nothing: passwords by argon2id, random secrets (sessions, links, recovery codes) by SHA-256 alone, since 256 bits leave
-- nothing to guess. The one thing that must be readable again, the seed of one-time codes, is encrypted with a key made of
-- IOC_SECRET, bound to its account, and shown to nobody once it is confirmed.

CREATE TABLE person (
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL CHECK (name <> '' AND length(name) <= 100),
    login       text NOT NULL UNIQUE,            -- the name as it is compared: compatible forms and cases are one
    address     text NOT NULL DEFAULT '' CHECK (length(address) <= 254),   -- of mail; a local account logs in with it too
    role        text NOT NULL CHECK (role IN ('viewer', 'operator', 'integrator', 'manager', 'administrator')),
    areas       text[] NOT NULL DEFAULT '{}',    -- empty: everywhere
    feeds       text[] NOT NULL DEFAULT '{}',
    password    text NOT NULL DEFAULT '',        -- argon2id in its own notation; '': there is none
    password_at timestamptz,
    totp        bytea,                           -- nonce and AES-256-GCM of the seed; NULL: no codes are asked for
    totp_step   bigint NOT NULL DEFAULT 0,       -- the last interval whose code was used: each is good once
    recovery    bytea[] NOT NULL DEFAULT '{}',   -- SHA-256 of the codes that are left
    failures    int NOT NULL DEFAULT 0,          -- in a row, within a day
    failed_at   timestamptz,
    locked_until timestamptz,                    -- wrong attempts make one wait, longer each time (ioc/access/waits.py)
    issuer      text NOT NULL DEFAULT '',        -- of a single sign-on; '': a local account
    subject     text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    seen_at     timestamptz,
    disabled_at timestamptz,
    CHECK ((issuer = '') = (subject = ''))
);
CREATE UNIQUE INDEX person_subject ON person (issuer, subject) WHERE issuer <> '';
CREATE UNIQUE INDEX person_address ON person (lower(address)) WHERE issuer = '' AND address <> '';

-- A cookie is a handle, by which the row is found, and a value, which is the secret and is turned every quarter of an hour
-- of use: a new value is offered once, and counts as soon as it comes back. The one before holds a minute longer, for what
-- was under way; after that whoever shows it has a copy, and the session ends for both.
CREATE TABLE session (
    handle      bytea PRIMARY KEY,
    person_id   int NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    value       bytea NOT NULL,                  -- SHA-256, as the next two
    offer       bytea,
    before      bytea,
    created_at  timestamptz NOT NULL,
    turned_at   timestamptz NOT NULL,
    offered_at  timestamptz,
    seen_at     timestamptz NOT NULL,            -- to the minute
    ends_at     timestamptz NOT NULL,            -- whatever happens
    how         text NOT NULL DEFAULT '',        -- password, code, recovery, link, provider
    address     text NOT NULL DEFAULT ''         -- of the network it was opened from
);
CREATE INDEX session_person ON session (person_id);
CREATE INDEX session_seen ON session (seen_at);

CREATE TABLE one_time (                          -- links that let somebody in once
    id          bytea PRIMARY KEY,               -- SHA-256 of what stands in the link
    person_id   int NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    purpose     text NOT NULL,                   -- enter
    created_at  timestamptz NOT NULL DEFAULT now(),
    ends_at     timestamptz NOT NULL,
    used_at     timestamptz
);
CREATE INDEX one_time_person ON one_time (person_id);

CREATE TABLE kept_secret (                       -- made here once, where IOC_SECRET is not set: a restart logs nobody out
    name        text PRIMARY KEY,
    value       bytea NOT NULL
);
