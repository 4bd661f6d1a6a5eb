SET LOCAL lock_timeout = '2s';
-- The highest level that an alert has had, noted when its level changes: whoever asks for alerts of a level or above, and was
-- told of one, is told what becomes of it when it falls below that. Null: the level that it has is the only one that it had,
-- as far as is known, so the rows that are there need not be written.
ALTER TABLE alerts
    ADD COLUMN highest_level text
        CONSTRAINT alerts_highest_level_known CHECK (highest_level IN ('LOW', 'MEDIUM', 'HIGH'));
