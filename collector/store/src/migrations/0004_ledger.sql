-- What a rule over several devices saw; other findings have evidence.
ALTER TABLE findings ADD COLUMN seen {text};
CREATE INDEX findings_across ON findings (subject) WHERE seen IS NOT NULL;

-- Values that rules over several devices are to look at.
CREATE TABLE touched (
  id {id},
  kind {text} NOT NULL,
  value {text} NOT NULL,
  due_at {int} NOT NULL
) {rows};
CREATE INDEX touched_due ON touched (due_at, id);

-- What is accepted or imported is no device's claim.
CREATE INDEX claims_of_no_device ON claims (item_key, asset_id) WHERE device_id IS NULL;

CREATE TABLE dhcp_ranges (
  first_key {blob} PRIMARY KEY,
  last_key {blob} NOT NULL,
  first_address {text} NOT NULL,
  last_address {text} NOT NULL,
  name {text} NOT NULL
) {rows};
CREATE INDEX ledger_mac ON ledger (mac) WHERE mac IS NOT NULL;
