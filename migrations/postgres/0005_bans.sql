-- Who may not come in: `account 3` or `address 192.0.2.1`, until when, and why. One that has ended is remembered for
-- a while, because the next one is longer.
CREATE TABLE bans (
    subject TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    since_s BIGINT NOT NULL,
    until_s BIGINT,
    why TEXT NOT NULL,
    issuer TEXT NOT NULL,
    times BIGINT NOT NULL
);
