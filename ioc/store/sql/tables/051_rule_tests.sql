-- What a screen asks of the engine: how often a rule, as it is or as somebody would change it, would have fired.

CREATE TABLE rule_test (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule        jsonb NOT NULL,                  -- as in a rule file
    starts      timestamptz NOT NULL,
    ends        timestamptz NOT NULL CHECK (ends > starts),
    by          text NOT NULL DEFAULT '',
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    taken_at    timestamptz,
    done_at     timestamptz,
    result      jsonb,                           -- alerts/backtest.py, Result.as_json
    error       text NOT NULL DEFAULT ''         -- why there is no result
);
CREATE INDEX rule_test_waiting ON rule_test (id) WHERE done_at IS NULL;
