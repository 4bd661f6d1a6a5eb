DROP INDEX orders_campaign_id_received_at_idx;
DROP INDEX posts_campaign_id_created_at_idx;
DROP FUNCTION fold_rollups(integer);
DROP FUNCTION recount_rollups(bigint, timestamptz, timestamptz);
DROP TABLE rollups;
DROP TABLE rollup_deltas;
