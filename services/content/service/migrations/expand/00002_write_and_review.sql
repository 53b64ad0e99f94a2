-- +goose Up
CREATE TABLE categories (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent_id bigint REFERENCES categories (id),
    slug      text   NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 80),
    name      text   NOT NULL CHECK (name <> '' AND length(name) <= 80),
    position  int    NOT NULL DEFAULT 0,
    CHECK (parent_id <> id)
);
CREATE INDEX categories_of_parent ON categories (parent_id);

CREATE TABLE tags (
    id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug text   NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 80),
    name text   NOT NULL CHECK (name <> '' AND length(name) <= 50)
);

ALTER TABLE posts
    ADD COLUMN author_id    bigint,
    ADD COLUMN author_name  text     NOT NULL DEFAULT '',
    ADD COLUMN state        text     NOT NULL DEFAULT 'draft',
    ADD COLUMN revision     bigint   NOT NULL DEFAULT 1,
    ADD COLUMN category_id  bigint,
    ADD COLUMN html         text     NOT NULL DEFAULT '',
    ADD COLUMN headings     jsonb    NOT NULL DEFAULT '[]',
    ADD COLUMN words        int      NOT NULL DEFAULT 0,
    ADD COLUMN renderer     smallint NOT NULL DEFAULT 0,
    ADD COLUMN first_published_at timestamptz;
COMMENT ON COLUMN posts.author_id IS 'a person of the user service; null for demo posts and for people who left';
COMMENT ON COLUMN posts.published_at IS 'null unless state is published; a post is public from this moment on';
COMMENT ON COLUMN posts.renderer IS 'the version of the renderer that wrote html, headings and words; 0 for none';

UPDATE posts SET state = 'published', first_published_at = published_at WHERE published_at IS NOT NULL;

-- The previous release writes published_at only; what it publishes is published.
-- +goose StatementBegin
CREATE FUNCTION posts_of_previous_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.published_at IS NOT NULL AND NEW.state = 'draft' THEN
        NEW.state := 'published';
        NEW.first_published_at := NEW.published_at;
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER posts_of_previous_release BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION posts_of_previous_release();

ALTER TABLE posts
    ADD CONSTRAINT posts_state CHECK (state IN ('draft', 'in_review', 'changes_requested', 'published', 'archived')) NOT VALID,
    ADD CONSTRAINT posts_published CHECK ((state = 'published') = (published_at IS NOT NULL)) NOT VALID,
    ADD CONSTRAINT posts_author_name CHECK (length(author_name) <= 200) NOT VALID,
    ADD CONSTRAINT posts_category FOREIGN KEY (category_id) REFERENCES categories (id) NOT VALID;

CREATE INDEX posts_of_author ON posts (author_id, updated_at DESC, id DESC);
CREATE INDEX posts_in_state ON posts (state, updated_at DESC, id DESC);
CREATE INDEX posts_of_author_newest_first ON posts (author_id, published_at DESC, id DESC) WHERE published_at IS NOT NULL;
CREATE INDEX posts_in_category ON posts (category_id, published_at DESC, id DESC) WHERE published_at IS NOT NULL;
CREATE INDEX posts_to_render ON posts (id) WHERE renderer = 0;

CREATE TABLE post_tags (
    post_id bigint   NOT NULL REFERENCES posts (id) ON DELETE CASCADE,
    tag_id  bigint   NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    place   smallint NOT NULL,
    -- Copied from posts, so that a tag's newest posts are found by one index.
    published_at timestamptz,
    PRIMARY KEY (post_id, tag_id)
);
CREATE INDEX post_tags_newest_first ON post_tags (tag_id, published_at DESC, post_id DESC) WHERE published_at IS NOT NULL;

CREATE TABLE former_slugs (
    slug    text   PRIMARY KEY,
    post_id bigint NOT NULL REFERENCES posts (id) ON DELETE CASCADE
);
COMMENT ON TABLE former_slugs IS 'addresses that posts had while they were public; they lead to the present one';
CREATE INDEX former_slugs_of_post ON former_slugs (post_id);

CREATE TABLE drafts (
    post_id       bigint      NOT NULL REFERENCES posts (id) ON DELETE CASCADE,
    person_id     bigint      NOT NULL,
    base_revision bigint      NOT NULL,
    sequence      bigint      NOT NULL CHECK (sequence > 0),
    title         text        NOT NULL CHECK (length(title) <= 200),
    summary       text        NOT NULL CHECK (length(summary) <= 500),
    body          text        NOT NULL,
    saved_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (post_id, person_id)
);
COMMENT ON TABLE drafts IS 'what a person has typed and not saved: private to that person';
CREATE INDEX drafts_of_person ON drafts (person_id);

-- Beside posts, so that readers never wait for writers nor rewrite their rows.
CREATE TABLE post_views (
    post_id bigint PRIMARY KEY REFERENCES posts (id) ON DELETE CASCADE,
    views   bigint NOT NULL CHECK (views >= 0)
);

CREATE TABLE post_log (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    post_id    bigint      NOT NULL REFERENCES posts (id) ON DELETE CASCADE,
    revision   bigint      NOT NULL,
    actor_id   bigint,
    actor_name text        NOT NULL,
    action     text        NOT NULL,
    note       text        NOT NULL DEFAULT '' CHECK (length(note) <= 2000),
    at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX post_log_of_post ON post_log (post_id, id DESC);
CREATE INDEX post_log_of_actor ON post_log (actor_id);

CREATE TABLE settings (
    singleton           boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    revision       bigint  NOT NULL DEFAULT 1,
    name           text    NOT NULL CHECK (name <> '' AND length(name) <= 100),
    description    text    NOT NULL CHECK (length(description) <= 300),
    language       text    NOT NULL CHECK (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$' AND length(language) <= 35),
    posts_per_page int     NOT NULL CHECK (posts_per_page BETWEEN 5 AND 50)
);
INSERT INTO settings (name, description, language, posts_per_page)
VALUES ('Marginalia', 'Notes on building things that keep working.', 'en', 20);

-- People who left: their tokens hold for another minute.
CREATE TABLE erased_people (
    person_id bigint      PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now()
);

-- What is lost of it in a crash is forgiven.
CREATE UNLOGGED TABLE rate_limits (
    person_id bigint      NOT NULL,
    bucket    text        NOT NULL,
    since     timestamptz NOT NULL,
    used      int         NOT NULL,
    PRIMARY KEY (person_id, bucket)
);
