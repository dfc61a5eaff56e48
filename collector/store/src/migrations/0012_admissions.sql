-- Providers' devices that are looked at once before they are used (OUT 16). They are of no fleet: no asset, no items.
CREATE TABLE admission_tokens (
  id {id},
  provider {text} NOT NULL,
  purpose {text} NOT NULL,
  hash {blob} NOT NULL UNIQUE,
  max_uses {int} NOT NULL,
  uses {int} NOT NULL DEFAULT 0,
  expires_at {int} NOT NULL,
  good_days {int} NOT NULL,
  created_at {int} NOT NULL,
  created_by {text} NOT NULL,
  revoked_at {int}
) {rows};

CREATE TABLE admissions (
  id {id},
  uid {blob} NOT NULL UNIQUE,
  token_id {int} NOT NULL REFERENCES admission_tokens (id),
  provider {text} NOT NULL,
  purpose {text} NOT NULL,
  good_days {int} NOT NULL,
  hostname {text} NOT NULL,
  serial {text} NOT NULL,
  model {text} NOT NULL,
  platform {text} NOT NULL,
  agent_version {text} NOT NULL,
  peer {text} NOT NULL,
  begun_at {int} NOT NULL,
  checked_at {int},
  outcome {text},
  rules {text},
  valid_until {int}
) {rows};
CREATE INDEX admissions_good ON admissions (valid_until) WHERE valid_until IS NOT NULL;
