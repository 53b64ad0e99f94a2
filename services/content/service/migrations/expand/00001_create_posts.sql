-- +goose Up
CREATE TABLE posts (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug         text        NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 120),
    title        text        NOT NULL CHECK (title <> '' AND length(title) <= 200),
    summary      text        NOT NULL CHECK (length(summary) <= 500),
    body         text        NOT NULL,
    published_at timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN posts.published_at IS 'null for a draft; a post is public from this moment on';

CREATE INDEX posts_newest_first ON posts (published_at DESC, id DESC) WHERE published_at IS NOT NULL;
