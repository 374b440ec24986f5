-- The schema of the script that wrote a state (`schema` of `migration` in wit/): who reads another one has it
-- migrated first.
ALTER TABLE quests ADD COLUMN schema BIGINT NOT NULL DEFAULT 0;
ALTER TABLE dialog_flags ADD COLUMN schema BIGINT NOT NULL DEFAULT 0;
CREATE INDEX quests_by_name ON quests (quest, schema);
CREATE INDEX dialog_flags_by_name ON dialog_flags (dialog, schema);
