-- API tokens: what programs of others read with. Only the SHA-256 of a token is kept; the token itself is shown once.

CREATE TABLE token (
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL CHECK (name <> ''),
    digest      bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
    head        text NOT NULL,                   -- its first characters, to know it again in a list or a log
    scopes      text[] NOT NULL CHECK (cardinality(scopes) > 0),
    feeds       text[] NOT NULL DEFAULT '{}',    -- empty: all
    created_by  text NOT NULL CHECK (created_by <> ''),
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,            -- none is for ever
    used_at     timestamptz,                     -- to the minute
    used_from   text NOT NULL DEFAULT '',
    revoked_at  timestamptz,                     -- never deleted: the audit names it
    revoked_by  text NOT NULL DEFAULT '',        -- empty: it ran out, and its name was given again
    CHECK (created_at < expires_at)
);
CREATE UNIQUE INDEX token_name ON token (name) WHERE revoked_at IS NULL; -- a name may be given again after its revocation
