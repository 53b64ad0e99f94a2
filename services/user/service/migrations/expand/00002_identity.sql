-- +goose Up
ALTER TABLE people
    ADD COLUMN issuer         text,
    ADD COLUMN subject        text,
    ADD COLUMN email          text        NOT NULL DEFAULT '',
    ADD COLUMN email_verified boolean     NOT NULL DEFAULT false,
    ADD COLUMN role           text        NOT NULL DEFAULT 'Reader',
    ADD COLUMN locked_here    boolean     NOT NULL DEFAULT false,
    -- What the provider said when it was asked last, at checked_at.
    ADD COLUMN locked_there   boolean     NOT NULL DEFAULT false,
    ADD COLUMN checked_at     timestamptz,
    ADD COLUMN check_due_at   timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN signed_in_at   timestamptz,
    -- People without both cannot sign in: they were here before.
    ADD CONSTRAINT people_identity_whole CHECK ((issuer IS NULL) = (subject IS NULL)) NOT VALID,
    ADD CONSTRAINT people_role CHECK (role IN ('Reader', 'Editor', 'Admin')) NOT VALID,
    ADD CONSTRAINT people_identity UNIQUE (issuer, subject);

-- A sign-in under way. Its secret is in the browser's cookie; here is only its hash.
CREATE TABLE sign_ins (
    transaction_hash bytea       PRIMARY KEY,
    state_hash       bytea       NOT NULL,
    nonce            text        NOT NULL,
    verifier         text        NOT NULL,
    return_to        text        NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE sessions (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash bytea       NOT NULL UNIQUE,
    person_id  bigint      NOT NULL REFERENCES people ON DELETE CASCADE,
    -- The provider's session, empty when it did not say.
    sid        text        NOT NULL,
    -- The hint with which the person signs out at the provider.
    id_token   text        NOT NULL,
    user_agent text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_person ON sessions (person_id);
CREATE INDEX sessions_sid ON sessions (sid) WHERE sid <> '';

-- Back-channel logouts: none counts twice, and no sign-in counts that is older.
CREATE TABLE logouts (
    issuer      text        NOT NULL,
    jti         text        NOT NULL,
    sid         text        NOT NULL,
    subject     text        NOT NULL,
    issued_at   timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, jti)
);
CREATE INDEX logouts_sid ON logouts (issuer, sid) WHERE sid <> '';
CREATE INDEX logouts_subject ON logouts (issuer, subject) WHERE sid = '';

-- Seeds of the keys that sign tokens.
CREATE TABLE signing_keys (
    kid        text        PRIMARY KEY,
    seed       bytea       NOT NULL,
    signs_from timestamptz NOT NULL
);

-- What the provider is to be told, one row a person. It outlives the person.
CREATE TABLE provider_locks (
    person_id    bigint      PRIMARY KEY,
    issuer       text        NOT NULL,
    subject      text        NOT NULL,
    desired      boolean     NOT NULL,
    generation   bigint      NOT NULL DEFAULT 1,
    requested_at timestamptz NOT NULL DEFAULT now()
);
-- How far that is. Who sends holds the row's lock, so that one sends at a time;
-- Admins never touch it, so that a slow provider does not hold them up.
CREATE TABLE provider_sync (
    person_id       bigint      PRIMARY KEY REFERENCES provider_locks ON DELETE CASCADE,
    attempted       bigint      NOT NULL DEFAULT 0,
    confirmed       bigint      NOT NULL DEFAULT 0,
    failed          bigint      NOT NULL DEFAULT 0,
    attempts        int         NOT NULL DEFAULT 0,
    error           text        NOT NULL DEFAULT '',
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    confirmed_at    timestamptz
);

-- SHA-256 of the issuer and subject of erased people.
CREATE TABLE erased (
    identity_hash bytea       PRIMARY KEY,
    locked        boolean     NOT NULL,
    erased_at     timestamptz NOT NULL DEFAULT now()
);
-- What other services still have to erase.
CREATE TABLE erasures (
    person_id       bigint      NOT NULL,
    service         text        NOT NULL,
    attempts        int         NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person_id, service)
);

-- Each value of the configured first Admin promotes once.
CREATE TABLE bootstraps (
    issuer      text        NOT NULL,
    subject     text        NOT NULL,
    promoted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
);

CREATE TABLE audit (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now(),
    -- NULL for the platform itself. Neither id is a foreign key: entries outlive people.
    actor_id  bigint,
    action    text        NOT NULL,
    person_id bigint,
    detail    text        NOT NULL
);
CREATE INDEX audit_person ON audit (person_id, id);
