-- Accounts, characters, what they own, and the journal. PostgreSQL.
-- Columns ending in _key hold the folded (lower-case) form of a name and carry its uniqueness.
-- Times are unix seconds. Content is stored under its own names, never under hashes.

CREATE TABLE accounts (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email TEXT,
    email_key TEXT UNIQUE,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    roles TEXT NOT NULL,
    characters_created BIGINT NOT NULL DEFAULT 0,
    created_s BIGINT NOT NULL
);

CREATE TABLE auth_sessions (
    id TEXT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    created_s BIGINT NOT NULL,
    expires_s BIGINT NOT NULL,
    access_expires_s BIGINT NOT NULL,
    revoked TEXT
);
CREATE INDEX auth_sessions_by_account ON auth_sessions (account_id);
CREATE INDEX auth_sessions_by_expiry ON auth_sessions (expires_s);
CREATE INDEX auth_sessions_revoked ON auth_sessions (access_expires_s) WHERE revoked IS NOT NULL;

CREATE TABLE refresh_tokens (
    hash TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES auth_sessions (id) ON DELETE CASCADE,
    spent BIGINT NOT NULL
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE characters (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    class TEXT NOT NULL,
    level BIGINT NOT NULL,
    experience BIGINT NOT NULL,
    gold BIGINT NOT NULL CHECK (gold >= 0),
    zone TEXT NOT NULL,
    x_mm BIGINT,
    y_mm BIGINT,
    health BIGINT,
    mana BIGINT,
    created_s BIGINT NOT NULL,
    deleted_s BIGINT
);
CREATE UNIQUE INDEX characters_name_key ON characters (name_key) WHERE deleted_s IS NULL;
CREATE INDEX characters_by_account ON characters (account_id, id) WHERE deleted_s IS NULL;

CREATE TABLE inventory_slots (
    character_id BIGINT NOT NULL REFERENCES characters (id) ON DELETE CASCADE,
    slot BIGINT NOT NULL,
    item TEXT NOT NULL,
    count BIGINT NOT NULL CHECK (count > 0),
    PRIMARY KEY (character_id, slot)
);

CREATE TABLE equipment (
    character_id BIGINT NOT NULL REFERENCES characters (id) ON DELETE CASCADE,
    slot TEXT NOT NULL,
    item TEXT NOT NULL,
    PRIMARY KEY (character_id, slot)
);

CREATE TABLE quests (
    character_id BIGINT NOT NULL REFERENCES characters (id) ON DELETE CASCADE,
    quest TEXT NOT NULL,
    state TEXT NOT NULL,
    done TEXT NOT NULL,
    memory BIGINT NOT NULL,
    PRIMARY KEY (character_id, quest)
);

CREATE TABLE dialog_flags (
    character_id BIGINT NOT NULL REFERENCES characters (id) ON DELETE CASCADE,
    dialog TEXT NOT NULL,
    flags BIGINT NOT NULL,
    PRIMARY KEY (character_id, dialog)
);

-- Append-only. (zone, tick, seq) names a fact once and for ever, so that writing a tick again
-- after a lost acknowledgement is noticed.
CREATE TABLE journal (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    zone TEXT NOT NULL,
    tick BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    character_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    delta BIGINT NOT NULL,
    reason TEXT NOT NULL,
    payload TEXT NOT NULL,
    by_module TEXT NOT NULL,
    recorded_s BIGINT NOT NULL,
    UNIQUE (zone, tick, seq)
);
CREATE INDEX journal_by_character ON journal (character_id, kind, id);

CREATE TABLE zone_clock (
    zone TEXT PRIMARY KEY,
    tick BIGINT NOT NULL
);

CREATE TABLE idempotency_keys (
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    route TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    status BIGINT,
    response TEXT,
    created_s BIGINT NOT NULL,
    PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_s);
