-- Accounts, characters, what they own, and the journal. SQLite.
-- Columns ending in _key hold the folded (lower-case) form of a name and carry its uniqueness.
-- Times are unix seconds. Content is stored under its own names, never under hashes.

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT,
    email_key TEXT UNIQUE,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    roles TEXT NOT NULL,
    characters_created INTEGER NOT NULL DEFAULT 0,
    created_s INTEGER NOT NULL
) STRICT;

CREATE TABLE auth_sessions (
    id TEXT PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    created_s INTEGER NOT NULL,
    expires_s INTEGER NOT NULL,
    access_expires_s INTEGER NOT NULL,
    revoked TEXT
) STRICT;
CREATE INDEX auth_sessions_by_account ON auth_sessions (account_id);
CREATE INDEX auth_sessions_by_expiry ON auth_sessions (expires_s);
CREATE INDEX auth_sessions_revoked ON auth_sessions (access_expires_s) WHERE revoked IS NOT NULL;

CREATE TABLE refresh_tokens (
    hash TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES auth_sessions (id) ON DELETE CASCADE,
    spent INTEGER NOT NULL
) STRICT;
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE characters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    class TEXT NOT NULL,
    level INTEGER NOT NULL,
    experience INTEGER NOT NULL,
    gold INTEGER NOT NULL CHECK (gold >= 0),
    zone TEXT NOT NULL,
    x_mm INTEGER,
    y_mm INTEGER,
    health INTEGER,
    mana INTEGER,
    created_s INTEGER NOT NULL,
    deleted_s INTEGER
) STRICT;
CREATE UNIQUE INDEX characters_name_key ON characters (name_key) WHERE deleted_s IS NULL;
CREATE INDEX characters_by_account ON characters (account_id, id) WHERE deleted_s IS NULL;

CREATE TABLE inventory_slots (
    character_id INTEGER NOT NULL REFERENCES characters (id) ON DELETE CASCADE,
    slot INTEGER NOT NULL,
    item TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (character_id, slot)
) STRICT;

CREATE TABLE equipment (
    character_id INTEGER NOT NULL REFERENCES characters (id) ON DELETE CASCADE,
    slot TEXT NOT NULL,
    item TEXT NOT NULL,
    PRIMARY KEY (character_id, slot)
) STRICT;

CREATE TABLE quests (
    character_id INTEGER NOT NULL REFERENCES characters (id) ON DELETE CASCADE,
    quest TEXT NOT NULL,
    state TEXT NOT NULL,
    done TEXT NOT NULL,
    memory INTEGER NOT NULL,
    PRIMARY KEY (character_id, quest)
) STRICT;

CREATE TABLE dialog_flags (
    character_id INTEGER NOT NULL REFERENCES characters (id) ON DELETE CASCADE,
    dialog TEXT NOT NULL,
    flags INTEGER NOT NULL,
    PRIMARY KEY (character_id, dialog)
) STRICT;

-- Append-only. (zone, tick, seq) names a fact once and for ever, so that writing a tick again
-- after a lost acknowledgement is noticed.
CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    zone TEXT NOT NULL,
    tick INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    character_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    delta INTEGER NOT NULL,
    reason TEXT NOT NULL,
    payload TEXT NOT NULL,
    by_module TEXT NOT NULL,
    recorded_s INTEGER NOT NULL,
    UNIQUE (zone, tick, seq)
) STRICT;
CREATE INDEX journal_by_character ON journal (character_id, kind, id);

CREATE TABLE zone_clock (
    zone TEXT PRIMARY KEY,
    tick INTEGER NOT NULL
) STRICT;

CREATE TABLE idempotency_keys (
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    route TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    status INTEGER,
    response TEXT,
    created_s INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_s);
