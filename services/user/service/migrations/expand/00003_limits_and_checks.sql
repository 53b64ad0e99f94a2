-- +goose Up
CREATE UNLOGGED TABLE rate_limits (
    person_id bigint      NOT NULL,
    bucket    text        NOT NULL,
    since     timestamptz NOT NULL,
    used      int         NOT NULL,
    PRIMARY KEY (person_id, bucket)
);
