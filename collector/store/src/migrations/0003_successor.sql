-- What devices call themselves, one row per value: an earlier device of the same PC is found by it.
CREATE TABLE hint_values (
  device_id {int} NOT NULL REFERENCES devices (id),
  kind {text} NOT NULL,
  value {text} NOT NULL,
  PRIMARY KEY (device_id, kind, value)
) {keyed};
CREATE INDEX hint_values_value ON hint_values (kind, value);

-- A new device and the asset that it may belong to. `matched`: one `kind=value` per line.
CREATE TABLE successors (
  device_id {int} NOT NULL REFERENCES devices (id),
  asset_id {int} NOT NULL REFERENCES assets (id),
  matched {text} NOT NULL,
  proposed_at {int} NOT NULL,
  state {text} NOT NULL,
  PRIMARY KEY (device_id, asset_id)
) {keyed};
CREATE INDEX successors_open ON successors (proposed_at) WHERE state = 'open';

-- What a link changed, so that it can be taken back. `addresses`: ledger entries that moved with it.
CREATE TABLE links (
  id {id},
  device_id {int} NOT NULL REFERENCES devices (id),
  from_asset {int} NOT NULL REFERENCES assets (id),
  to_asset {int} NOT NULL REFERENCES assets (id),
  replaced_device {int} REFERENCES devices (id),
  replaced_status {text},
  addresses {text} NOT NULL,
  at {int} NOT NULL,
  actor {text} NOT NULL,
  undone_at {int}
) {rows};
CREATE INDEX links_device ON links (device_id, id);

-- A provisional asset whose device was linked to another one: kept aside, in no list.
ALTER TABLE assets ADD COLUMN merged_into {int} REFERENCES assets (id);
