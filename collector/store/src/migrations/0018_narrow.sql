-- What waits is found by its channel, and counted without its rows; what is part of a message by the message; what was given
-- up by its channel. No index holds what only another is asked for.
DROP INDEX alert_queue_waiting;
CREATE INDEX alert_queue_waiting ON alert_queue (channel, not_before, id, delivery_id, skipped)
  WHERE delivery_id IS NULL AND skipped IS NULL;
DROP INDEX alert_queue_delivery;
CREATE INDEX alert_queue_delivery ON alert_queue (delivery_id, id) WHERE delivery_id IS NOT NULL;
DROP INDEX messages_dead;
CREATE INDEX messages_dead ON messages (channel, id) WHERE state = 'dead';

-- Both columns first: of an index by one of them, SQLite takes that of all open business. Then in the order of lists, that
-- the first page of a rule with few findings does not go through those of all others.
DROP INDEX findings_active_clause;
CREATE INDEX findings_active_clause ON findings (active, clause, severity DESC, opened_at DESC, id DESC) WHERE active = 1;
DROP INDEX findings_active_rule;
CREATE INDEX findings_active_rule ON findings (active, rule, severity DESC, opened_at DESC, id DESC) WHERE active = 1;
-- Of an asset those of a rule; by the asset alone there is another one.
DROP INDEX findings_asset;
CREATE INDEX findings_asset ON findings (asset_id, rule);
