-- Who makes facts durable, and how far it came: a new server begins a new term, and every transaction with
-- facts counts up, so that one of an earlier term or one that was written already changes nothing.
CREATE TABLE fact_writer (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    term BIGINT NOT NULL,
    batch BIGINT NOT NULL
);
INSERT INTO fact_writer (id, term, batch) VALUES (1, 0, 0);
