-- Alerts become entries in the queues of channels, and entries that are told together become one message.
-- `delivery_id` is the message that an entry is part of; `skipped` says why nobody needed to hear of it any more.
CREATE TABLE messages (
  id {id},
  idempotency_key {text} NOT NULL UNIQUE,
  channel {text} NOT NULL,
  kind {text} NOT NULL,
  cause {text} NOT NULL,
  alerts {int} NOT NULL,
  state {text} NOT NULL,
  attempts {int} NOT NULL DEFAULT 0,
  last_error {text},
  due_at {int} NOT NULL,
  made_at {int} NOT NULL,
  tried_at {int},
  delivered_at {int}
) {rows};
CREATE INDEX messages_due ON messages (channel, due_at, id) WHERE state = 'pending';
CREATE INDEX messages_dead ON messages (id) WHERE state = 'dead';
CREATE INDEX messages_made ON messages (channel, made_at);
CREATE INDEX messages_tried ON messages (channel, tried_at);

CREATE TABLE alert_queue (
  id {id},
  alert_id {int} NOT NULL REFERENCES alerts (id),
  channel {text} NOT NULL,
  kind {text} NOT NULL,
  bundle {text} NOT NULL,
  not_before {int} NOT NULL,
  held {int} NOT NULL,
  delivery_id {int} REFERENCES messages (id),
  skipped {text},
  UNIQUE (alert_id, channel, kind)
) {rows};
CREATE INDEX alert_queue_waiting ON alert_queue (channel, not_before, id) WHERE delivery_id IS NULL AND skipped IS NULL;
CREATE INDEX alert_queue_delivery ON alert_queue (delivery_id, id);
CREATE INDEX alerts_finding ON alerts (finding_id);

INSERT INTO messages (id, idempotency_key, channel, kind, cause, alerts, state, attempts, last_error, due_at, made_at, delivered_at)
  SELECT v.id, v.idempotency_key, v.channel, 'single', '', 1, v.state, v.attempts, v.last_error, v.due_at, t.at, v.delivered_at
  FROM deliveries v JOIN alerts t ON t.id = v.alert_id;
INSERT INTO alert_queue (alert_id, channel, kind, bundle, not_before, held, delivery_id)
  SELECT alert_id, channel, 'alert', '', due_at, 0, id FROM deliveries ORDER BY id;
DROP TABLE deliveries;

-- Channels, routes and maintenance windows as people keep them. `sealed` holds a channel's secrets, encrypted.
CREATE TABLE alert_definitions (
  kind {text} NOT NULL,
  name {text} NOT NULL,
  definition {text} NOT NULL,
  sealed {blob},
  changed_at {int} NOT NULL,
  changed_by {text} NOT NULL,
  PRIMARY KEY (kind, name)
) {rows};
CREATE TABLE alert_definitions_version (
  id {int} PRIMARY KEY CHECK (id = 1),
  version {int} NOT NULL
) {rows};
INSERT INTO alert_definitions_version (id, version) VALUES (1, 1);

-- When any collector last said that it is up, and the times in which none was: silence of an agent does not
-- count while nobody listened.
CREATE TABLE collector_up (
  id {int} PRIMARY KEY CHECK (id = 1),
  at {int} NOT NULL
) {rows};
CREATE TABLE collector_down (
  id {id},
  from_at {int} NOT NULL,
  to_at {int} NOT NULL
) {rows};
CREATE INDEX collector_down_end ON collector_down (to_at);
