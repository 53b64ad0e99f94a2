-- +goose Up
-- Which post a request to create one made, so that a request that is sent twice makes one.
CREATE TABLE creations (
    person_id bigint NOT NULL,
    key       text   NOT NULL CHECK (length(key) <= 64),
    post_id   bigint NOT NULL REFERENCES posts (id) ON DELETE CASCADE,
    PRIMARY KEY (person_id, key)
);
CREATE INDEX creations_of_post ON creations (post_id);
