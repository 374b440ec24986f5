-- When the world events of a zone last ended, in ticks of its clock: one is not due again in the hours in
-- which it has ended, and rests for its cooldown, whatever was restarted.
CREATE TABLE event_ends (
    zone TEXT NOT NULL,
    event TEXT NOT NULL,
    tick BIGINT NOT NULL,
    PRIMARY KEY (zone, event)
);
