-- +goose Up
ALTER TABLE comments
    ADD COLUMN author_id  bigint,
    ADD COLUMN parent_id  bigint,
    ADD COLUMN thread_id  bigint,
    ADD COLUMN depth      smallint NOT NULL DEFAULT 0,
    ADD COLUMN state      text     NOT NULL DEFAULT 'approved',
    ADD COLUMN held_for   text     NOT NULL DEFAULT '',
    ADD COLUMN revision   int      NOT NULL DEFAULT 1,
    ADD COLUMN likes      int      NOT NULL DEFAULT 0,
    ADD COLUMN edited_at  timestamptz;
COMMENT ON COLUMN comments.author_id IS 'a person of the user service; null for demo comments and for people who left';
COMMENT ON COLUMN comments.thread_id IS 'the comment that began the thread; null for that one itself';

ALTER TABLE comments
    ADD CONSTRAINT comments_state CHECK (state IN ('held', 'approved', 'rejected', 'spam', 'deleted')) NOT VALID,
    ADD CONSTRAINT comments_depth CHECK (depth BETWEEN 0 AND 3 AND (depth = 0) = (parent_id IS NULL) AND (parent_id IS NULL) = (thread_id IS NULL)) NOT VALID,
    ADD CONSTRAINT comments_parent FOREIGN KEY (parent_id) REFERENCES comments (id) NOT VALID,
    ADD CONSTRAINT comments_thread FOREIGN KEY (thread_id) REFERENCES comments (id) NOT VALID;

CREATE INDEX threads_of_post ON comments (post_id, created_at, id) WHERE parent_id IS NULL;
CREATE INDEX comments_of_thread ON comments (thread_id, id) WHERE thread_id IS NOT NULL;
CREATE INDEX comments_of_parent ON comments (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX comments_of_author ON comments (author_id, created_at DESC, id DESC) WHERE author_id IS NOT NULL;
CREATE INDEX comments_to_moderate ON comments (state, created_at, id) WHERE state <> 'approved';

CREATE TABLE likes (
    comment_id bigint      NOT NULL REFERENCES comments (id) ON DELETE CASCADE,
    person_id  bigint      NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (comment_id, person_id)
);
CREATE INDEX likes_of_person ON likes (person_id);

CREATE TABLE moderation_log (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    comment_id bigint      NOT NULL REFERENCES comments (id) ON DELETE CASCADE,
    actor_id   bigint,
    actor_name text        NOT NULL,
    was        text        NOT NULL,
    became     text        NOT NULL,
    reason     text        NOT NULL DEFAULT '' CHECK (length(reason) <= 500),
    at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX moderation_log_of_comment ON moderation_log (comment_id, id DESC);
CREATE INDEX moderation_log_of_actor ON moderation_log (actor_id);

CREATE TABLE settings (
    singleton     boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    revision bigint  NOT NULL DEFAULT 1,
    policy   text    NOT NULL CHECK (policy IN ('closed', 'hold_all', 'hold_new', 'open'))
);
INSERT INTO settings (policy) VALUES ('hold_new');

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
