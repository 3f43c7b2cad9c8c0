-- Messages that taught a decoder what later ones mean (Sparkplug births), for when the ingester starts anew.
-- `number` is their order; the newest of a topic stays.

CREATE SEQUENCE lesson_number;

CREATE TABLE lesson (
    feed_id int NOT NULL REFERENCES feed (id),
    topic   text NOT NULL,
    payload bytea NOT NULL,
    number  bigint NOT NULL DEFAULT nextval('lesson_number'),
    PRIMARY KEY (feed_id, topic)
);
