-- Screens on walls: each with a key of its own, what it may show, what somebody chose for it, and what it says of itself.
-- A change is told on the channel ioc_display; a screen that is away gets it when it comes back, for it is a row.

CREATE TABLE display (
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    key         bytea NOT NULL UNIQUE CHECK (length(key) = 32), -- SHA-256 of what its browser holds
    scenes      text[] NOT NULL DEFAULT '{}',    -- it may show these; empty: every one
    shows       text[],                          -- chosen: one, or several in turn; empty: all in turn; NULL: as its address says
    screen      smallint NOT NULL DEFAULT 0,     -- of a wall of several, 0 the whole; counts where `shows` does
    reloads     int NOT NULL DEFAULT 0,          -- how often it was told to load itself anew
    created_at  timestamptz NOT NULL DEFAULT now(),
    created_by  text NOT NULL,
    revoked_at  timestamptz,
    revoked_by  text,

    seen_at     timestamptz,                     -- it was connected then; from here on as it says itself
    up_since    timestamptz,
    address     text NOT NULL DEFAULT '',
    width       int NOT NULL DEFAULT 0,          -- of its page, in its own pixels
    height      int NOT NULL DEFAULT 0,
    scene       text NOT NULL DEFAULT '',        -- what it shows
    part        smallint NOT NULL DEFAULT 0,
    since       timestamptz,                     -- it shows that
    build       text NOT NULL DEFAULT ''
) WITH (fillfactor = 70);                        -- every ten seconds anew: room for that beside the row
CREATE UNIQUE INDEX display_name ON display (lower(name)) WHERE revoked_at IS NULL;

CREATE TABLE pairing (                           -- a browser that shows a code and waits for somebody to approve it
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code        bytea NOT NULL UNIQUE,           -- SHA-256 of the letters
    hint        text NOT NULL,                   -- half of them, to be compared with what the screen shows
    secret      bytea NOT NULL UNIQUE,           -- SHA-256 of what the browser holds: its key, once it is approved
    address     text NOT NULL,
    network     text NOT NULL,                   -- whose share of the waiting it takes
    wants       text NOT NULL DEFAULT '',        -- the wall it was opened for
    asked_at    timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL
);
