-- +goose Up
CREATE UNLOGGED TABLE rate_limits (
    person_id bigint      NOT NULL,
    bucket    text        NOT NULL,
    since     timestamptz NOT NULL,
    used      int         NOT NULL,
    PRIMARY KEY (person_id, bucket)
);
-- The provider is asked about them although they have no session.
CREATE INDEX people_locked_there ON people (id) WHERE locked_there;
