-- The registry: what the city folder says, plus what discovered feeds add.

CREATE TABLE city (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    key         text NOT NULL,
    name        jsonb NOT NULL,
    zone        text NOT NULL,
    settings    jsonb NOT NULL,             -- city.toml as read
    digest      text NOT NULL,              -- of the whole folder
    areas_on    date NOT NULL,              -- the local day that sensors' areas were worked out for
    loaded_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE feed (
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL UNIQUE,
    name        jsonb NOT NULL,
    owner       text NOT NULL DEFAULT '',
    domain      text NOT NULL DEFAULT '',
    format      text NOT NULL DEFAULT '',
    topics      text[] NOT NULL DEFAULT '{}',
    cadence     interval,
    silent_after interval,
    enabled     boolean NOT NULL DEFAULT true,   -- false: no longer in the folder, or switched off there
    updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE metric (
    key         text PRIMARY KEY,
    name        jsonb NOT NULL,
    unit        text NOT NULL DEFAULT '',
    decimals    smallint NOT NULL DEFAULT 1,
    domain      text NOT NULL DEFAULT '',
    kind        text NOT NULL DEFAULT 'gauge',
    low         double precision,
    high        double precision,
    settings    jsonb NOT NULL DEFAULT '{}'      -- the rest of metrics.toml: steps, states, stuck, rate
);

CREATE TABLE area (
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL,
    name        jsonb NOT NULL,
    kind        text NOT NULL DEFAULT 'ward',
    valid_from  date NOT NULL DEFAULT '-infinity',
    valid_to    date NOT NULL DEFAULT 'infinity',
    geometry    jsonb NOT NULL,                  -- GeoJSON, WGS 84
    UNIQUE (key, valid_from)
);

CREATE TABLE sensor (
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL UNIQUE,
    name        jsonb NOT NULL,
    domain      text NOT NULL DEFAULT '',
    feed_id     int REFERENCES feed (id),
    kind        text NOT NULL DEFAULT '',
    lat         double precision,
    lon         double precision,
    area        text,                            -- area.key; worked out when the place is known
    moves       boolean NOT NULL DEFAULT false,
    cadence     interval,
    registered  boolean NOT NULL DEFAULT false,  -- true: from the folder; false: discovered from messages
    properties  jsonb NOT NULL DEFAULT '{}',
    id_from     text NOT NULL DEFAULT 'payload' CHECK (id_from IN ('payload', 'topic', 'registry')),
    place_from  text NOT NULL DEFAULT 'none' CHECK (place_from IN ('payload', 'registry', 'none')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sensor_feed ON sensor (feed_id);

CREATE TABLE series (
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sensor_id   int NOT NULL REFERENCES sensor (id),
    metric      text NOT NULL,
    feed_id     int NOT NULL REFERENCES feed (id),
    time_from   text NOT NULL DEFAULT 'payload' CHECK (time_from IN ('payload', 'topic', 'arrival')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (sensor_id, metric)
);
