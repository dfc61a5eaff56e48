-- Inspection runs: every PC as it was at one moment.
CREATE TABLE inspections (
  id {id},
  label {text} NOT NULL UNIQUE,
  started_by {text} NOT NULL,
  at {int} NOT NULL,
  since_at {int} NOT NULL
) {rows};

CREATE TABLE inspection_rows (
  inspection_id {int} NOT NULL REFERENCES inspections (id),
  asset_id {int} NOT NULL REFERENCES assets (id),
  number {text},
  name {text} NOT NULL,
  custodian {text},
  department {text},
  provider {text},
  seen_at {int},
  passed {int} NOT NULL,
  failed {int} NOT NULL,
  blind {int} NOT NULL,
  active_low {int} NOT NULL,
  active_medium {int} NOT NULL,
  active_high {int} NOT NULL,
  active_critical {int} NOT NULL,
  PRIMARY KEY (inspection_id, asset_id)
) {keyed};

CREATE TABLE inspection_gauges (
  inspection_id {int} NOT NULL REFERENCES inspections (id),
  asset_id {int} NOT NULL REFERENCES assets (id),
  name {text} NOT NULL,
  unit {text} NOT NULL,
  average {real} NOT NULL,
  lowest {real} NOT NULL,
  highest {real} NOT NULL,
  samples {int} NOT NULL,
  PRIMARY KEY (inspection_id, asset_id, name)
) {keyed};

-- Providers that a critical finding has assessed anew, until a person settled that.
CREATE TABLE reassessments (
  id {id},
  provider {text} NOT NULL,
  finding_id {int} NOT NULL REFERENCES findings (id),
  raised_at {int} NOT NULL,
  settled_at {int},
  settled_by {text},
  note {text}
) {rows};
CREATE UNIQUE INDEX reassessments_open ON reassessments (provider) WHERE settled_at IS NULL;
