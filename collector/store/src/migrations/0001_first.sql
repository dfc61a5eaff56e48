-- Everything that the spine needs. {id}, {int}, {text}, {blob}, {real}, {rows} and {keyed} become the
-- engine's words. Times are Unix milliseconds; flags are 0 or 1; sections and looks are the contract's numbers.

CREATE TABLE context_generation (
  id {int} PRIMARY KEY CHECK (id = 1),
  generation {int} NOT NULL
) {rows};
INSERT INTO context_generation (id, generation) VALUES (1, 1);

-- `current_device` names the device whose items are judged; the counters are those of active findings.
CREATE TABLE assets (
  id {id},
  number {text} UNIQUE,
  name {text} NOT NULL,
  custodian {text},
  department {text},
  state {text} NOT NULL,
  provisional {int} NOT NULL,
  created_at {int} NOT NULL,
  version {int} NOT NULL DEFAULT 1,
  wake_at {int},
  judged_generation {int} NOT NULL DEFAULT 0,
  current_device {int},
  flagged {int} NOT NULL DEFAULT 0,
  active_low {int} NOT NULL DEFAULT 0,
  active_medium {int} NOT NULL DEFAULT 0,
  active_high {int} NOT NULL DEFAULT 0,
  active_critical {int} NOT NULL DEFAULT 0
) {rows};
CREATE INDEX assets_wake ON assets (wake_at) WHERE wake_at IS NOT NULL AND current_device IS NOT NULL;
CREATE INDEX assets_judged ON assets (judged_generation) WHERE current_device IS NOT NULL;
CREATE INDEX assets_list ON assets (flagged DESC, name, id);
CREATE INDEX assets_department ON assets (department);

CREATE TABLE devices (
  id {id},
  uid {blob} NOT NULL UNIQUE,
  asset_id {int} NOT NULL REFERENCES assets (id),
  status {text} NOT NULL,
  platform {text} NOT NULL,
  agent_version {text} NOT NULL,
  hostname {text} NOT NULL,
  hints {blob} NOT NULL,
  key_hash {blob} NOT NULL,
  enrolled_at {int} NOT NULL,
  certificate_ends_at {int}
) {rows};
CREATE INDEX devices_asset ON devices (asset_id);
CREATE INDEX devices_barred ON devices (status) WHERE status <> 'active';

-- What every record of a device changes, apart from the wide row that seldom changes.
CREATE TABLE streams (
  device_id {int} PRIMARY KEY REFERENCES devices (id),
  epoch {int} NOT NULL,
  next_sequence {int} NOT NULL,
  last_payload_hash {blob},
  resume_key {blob} NOT NULL,
  resume_floor {int} NOT NULL,
  last_seen_at {int},
  goodbye_at {int}
) {rows};

CREATE TABLE facets (
  id {id},
  hash {blob} NOT NULL UNIQUE,
  bytes {blob} NOT NULL
) {rows};

CREATE TABLE items (
  device_id {int} NOT NULL REFERENCES devices (id),
  section {int} NOT NULL,
  source {text} NOT NULL,
  key {text} NOT NULL,
  principal {text} NOT NULL,
  facet_id {int} NOT NULL REFERENCES facets (id),
  local {blob} NOT NULL,
  digest {blob} NOT NULL,
  first_seen {int} NOT NULL,
  changed_at {int} NOT NULL,
  PRIMARY KEY (device_id, section, source, key, principal)
) {keyed};

CREATE TABLE changes (
  id {id},
  device_id {int} NOT NULL REFERENCES devices (id),
  section {int} NOT NULL,
  source {text} NOT NULL,
  key {text} NOT NULL,
  principal {text} NOT NULL,
  kind {text} NOT NULL,
  before_id {int} REFERENCES facets (id),
  after_id {int} REFERENCES facets (id),
  received_at {int} NOT NULL,
  observed_at {int} NOT NULL
) {rows};
CREATE INDEX changes_device ON changes (device_id, id);

CREATE TABLE sources (
  device_id {int} NOT NULL REFERENCES devices (id),
  section {int} NOT NULL,
  source {text} NOT NULL,
  look {int} NOT NULL,
  reason {text} NOT NULL,
  since {int} NOT NULL,
  first_looked_at {int},
  PRIMARY KEY (device_id, section, source)
) {keyed};
CREATE INDEX sources_blind ON sources (section, source, look, device_id) WHERE look <> 1;

CREATE TABLE sums (
  device_id {int} NOT NULL REFERENCES devices (id),
  section {int} NOT NULL,
  digest {blob} NOT NULL,
  items {int} NOT NULL,
  PRIMARY KEY (device_id, section)
) {keyed};

CREATE TABLE staged (
  device_id {int} NOT NULL REFERENCES devices (id),
  section {int} NOT NULL,
  snapshot_id {blob} NOT NULL,
  idx {int} NOT NULL,
  payload {blob} NOT NULL,
  PRIMARY KEY (device_id, section, snapshot_id, idx)
) {rows};

CREATE TABLE events (
  device_id {int} NOT NULL REFERENCES devices (id),
  event_id {blob} NOT NULL,
  kind {text} NOT NULL,
  section {int} NOT NULL,
  key {text} NOT NULL,
  principal {text} NOT NULL,
  at {int} NOT NULL,
  facet_id {int} REFERENCES facets (id),
  received_at {int} NOT NULL,
  PRIMARY KEY (device_id, event_id)
) {keyed};

CREATE TABLE samples (
  id {id},
  device_id {int} NOT NULL REFERENCES devices (id),
  name {text} NOT NULL,
  value {real} NOT NULL,
  unit {text} NOT NULL,
  received_at {int} NOT NULL
) {rows};
CREATE INDEX samples_device ON samples (device_id, name, received_at);

CREATE TABLE gaps (
  id {id},
  device_id {int} NOT NULL REFERENCES devices (id),
  section {int} NOT NULL,
  records {int} NOT NULL,
  reason {text} NOT NULL,
  from_at {int} NOT NULL,
  to_at {int} NOT NULL,
  received_at {int} NOT NULL
) {rows};
CREATE INDEX gaps_device ON gaps (device_id, id);

CREATE TABLE baseline (
  asset_id {int} NOT NULL REFERENCES assets (id),
  section {int} NOT NULL,
  source {text} NOT NULL,
  key {text} NOT NULL,
  principal {text} NOT NULL,
  facet_id {int} NOT NULL REFERENCES facets (id),
  accepted_at {int} NOT NULL,
  accepted_by {text} NOT NULL,
  PRIMARY KEY (asset_id, section, source, key, principal)
) {keyed};

CREATE TABLE seeded (
  asset_id {int} NOT NULL REFERENCES assets (id),
  section {int} NOT NULL,
  source {text} NOT NULL,
  PRIMARY KEY (asset_id, section, source)
) {keyed};

-- Section 0 with empty texts stands for the asset itself.
CREATE TABLE evidence (
  asset_id {int} NOT NULL REFERENCES assets (id),
  rule {text} NOT NULL,
  subject {text} NOT NULL,
  section {int} NOT NULL,
  source {text} NOT NULL,
  key {text} NOT NULL,
  principal {text} NOT NULL,
  subject_name {text} NOT NULL,
  device_id {int} REFERENCES devices (id),
  detail {text} NOT NULL,
  since {int} NOT NULL,
  PRIMARY KEY (asset_id, rule, subject, section, source, key, principal)
) {keyed};

CREATE TABLE outcomes (
  asset_id {int} NOT NULL REFERENCES assets (id),
  rule {text} NOT NULL,
  outcome {text} NOT NULL,
  reason {text} NOT NULL,
  PRIMARY KEY (asset_id, rule)
) {keyed};
CREATE INDEX outcomes_rule ON outcomes (rule, outcome);

-- `active` repeats what the state says, so that lists of open business read one small index.
CREATE TABLE findings (
  id {id},
  holder {text} NOT NULL,
  asset_id {int} REFERENCES assets (id),
  rule {text} NOT NULL,
  subject {text} NOT NULL,
  severity {int} NOT NULL,
  clause {text} NOT NULL,
  subject_name {text} NOT NULL,
  state {text} NOT NULL,
  active {int} NOT NULL,
  first_seen {int} NOT NULL,
  last_seen {int} NOT NULL,
  opened_at {int} NOT NULL,
  resolved_at {int},
  reopened {int} NOT NULL,
  version {int} NOT NULL,
  UNIQUE (holder, rule, subject)
) {rows};
CREATE INDEX findings_asset ON findings (asset_id);
CREATE INDEX findings_active ON findings (active, severity DESC, opened_at DESC, id DESC) WHERE active = 1;
CREATE INDEX findings_active_rule ON findings (active, rule) WHERE active = 1;
CREATE INDEX findings_list ON findings (severity DESC, opened_at DESC, id DESC);
CREATE INDEX findings_rule ON findings (rule, severity DESC, opened_at DESC, id DESC);
CREATE INDEX findings_opened ON findings (opened_at);

CREATE TABLE finding_history (
  id {id},
  finding_id {int} NOT NULL REFERENCES findings (id),
  at {int} NOT NULL,
  actor {text} NOT NULL,
  from_state {text},
  to_state {text} NOT NULL,
  note {text} NOT NULL
) {rows};
CREATE INDEX finding_history_finding ON finding_history (finding_id, id);

-- `expanded`: 1 when its deliveries were made, 2 while they are.
CREATE TABLE alerts (
  id {id},
  kind {text} NOT NULL,
  finding_id {int} NOT NULL REFERENCES findings (id),
  severity {int} NOT NULL,
  at {int} NOT NULL,
  expanded {int} NOT NULL DEFAULT 0
) {rows};
CREATE INDEX alerts_unexpanded ON alerts (expanded) WHERE expanded <> 1;

CREATE TABLE deliveries (
  id {id},
  idempotency_key {text} NOT NULL UNIQUE,
  channel {text} NOT NULL,
  alert_id {int} NOT NULL REFERENCES alerts (id),
  state {text} NOT NULL,
  attempts {int} NOT NULL DEFAULT 0,
  last_error {text},
  due_at {int} NOT NULL,
  delivered_at {int}
) {rows};
CREATE INDEX deliveries_due ON deliveries (channel, due_at, id) WHERE state = 'pending';
CREATE INDEX deliveries_dead ON deliveries (id) WHERE state = 'dead';

CREATE TABLE claims (
  id {id},
  kind {text} NOT NULL,
  value {text} NOT NULL,
  origin {text} NOT NULL,
  asset_id {int} REFERENCES assets (id),
  device_id {int} REFERENCES devices (id),
  item_key {text} NOT NULL,
  note {text} NOT NULL
) {rows};
CREATE INDEX claims_item ON claims (device_id, item_key);
CREATE INDEX claims_value ON claims (kind, value);
CREATE INDEX claims_asset ON claims (asset_id, kind);

CREATE TABLE rule_versions (
  id {id},
  file {text} NOT NULL,
  content {text} NOT NULL,
  hash {blob} NOT NULL,
  origin {text} NOT NULL,
  imported_at {int} NOT NULL,
  state {text} NOT NULL,
  faults {text} NOT NULL,
  removed {int} NOT NULL
) {rows};
CREATE INDEX rule_versions_file ON rule_versions (file, hash);

CREATE TABLE settings (
  name {text} PRIMARY KEY,
  value {text} NOT NULL
) {rows};

CREATE TABLE tokens (
  id {id},
  label {text} NOT NULL,
  hash {blob} NOT NULL UNIQUE,
  max_uses {int} NOT NULL,
  uses {int} NOT NULL DEFAULT 0,
  expires_at {int} NOT NULL,
  cidr {text},
  needs_approval {int} NOT NULL,
  department {text},
  created_at {int} NOT NULL,
  created_by {text} NOT NULL,
  revoked_at {int}
) {rows};

CREATE TABLE enrolments (
  key_hash {blob} NOT NULL,
  nonce {blob} NOT NULL,
  device_id {int} NOT NULL REFERENCES devices (id),
  token_id {int} NOT NULL REFERENCES tokens (id),
  at {int} NOT NULL,
  PRIMARY KEY (key_hash, nonce)
) {rows};

CREATE TABLE users (
  id {id},
  name {text} NOT NULL UNIQUE,
  password_hash {text} NOT NULL,
  roles {text} NOT NULL,
  must_change_password {int} NOT NULL,
  disabled_at {int}
) {rows};

-- By name, whether there is such a user or not, so that an answer does not tell.
CREATE TABLE sign_in_counters (
  name {text} PRIMARY KEY,
  attempts {int} NOT NULL,
  last_at {int} NOT NULL,
  locked_until {int}
) {rows};
CREATE INDEX sign_in_counters_age ON sign_in_counters (last_at);

CREATE TABLE sessions (
  hash {blob} PRIMARY KEY,
  user_id {int} NOT NULL REFERENCES users (id),
  csrf {blob} NOT NULL,
  created_at {int} NOT NULL,
  last_used_at {int} NOT NULL
) {rows};
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE audit (
  sequence {int} PRIMARY KEY,
  at {int} NOT NULL,
  actor {text} NOT NULL,
  action {text} NOT NULL,
  object {text} NOT NULL,
  detail {text} NOT NULL,
  hash {blob} NOT NULL
) {rows};

-- End of the chain: an entry cut off at the end is missed too, and writers queue here.
CREATE TABLE audit_head (
  id {int} PRIMARY KEY CHECK (id = 1),
  sequence {int} NOT NULL,
  hash {blob} NOT NULL
) {rows};

CREATE TABLE leases (
  name {text} PRIMARY KEY,
  holder {text} NOT NULL,
  until_at {int} NOT NULL
) {rows};

-- `sort_key` orders addresses as numbers.
CREATE TABLE ledger (
  address {text} PRIMARY KEY,
  sort_key {blob} NOT NULL,
  prefix {int},
  gateway {text},
  dns {text} NOT NULL,
  mode {text},
  mac {text},
  asset_id {int} REFERENCES assets (id),
  owner {text},
  place {text}
) {rows};
CREATE INDEX ledger_sort ON ledger (sort_key);
CREATE INDEX ledger_asset ON ledger (asset_id);
