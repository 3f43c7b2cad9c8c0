-- What series usually do, as rules and charts learned it: one row a series, model and local day. A model looks only at what
-- came up to the midnight a day before its day, so a lost row is made again, the same.

CREATE TABLE series_model (
    series_id   int NOT NULL,                    -- no foreign key: worked out, and forgotten after some days
    name        text NOT NULL,                   -- usual, same_hour, tide
    key         text NOT NULL,                   -- a digest of the settings that made it
    day         date NOT NULL,                   -- the city's local day that it is for
    state       jsonb,                           -- NULL: too little was known
    learned_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (series_id, name, key, day)
);
CREATE INDEX series_model_day ON series_model (day);
