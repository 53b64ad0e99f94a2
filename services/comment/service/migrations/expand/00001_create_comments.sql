-- +goose Up
CREATE TABLE comments (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    post_id    bigint      NOT NULL,
    author     text        NOT NULL CHECK (author <> '' AND length(author) <= 80),
    body       text        NOT NULL CHECK (body <> '' AND length(body) <= 10000),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN comments.post_id IS 'a post of the content service, which has a database of its own: no foreign key';

CREATE INDEX comments_of_post ON comments (post_id, created_at, id);
