ALTER TABLE alerts DROP COLUMN highest_level;
