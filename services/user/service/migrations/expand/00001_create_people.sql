-- +goose Up
CREATE TABLE people (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    display_name text        NOT NULL CHECK (display_name <> '' AND length(display_name) <= 80),
    created_at   timestamptz NOT NULL DEFAULT now()
);
