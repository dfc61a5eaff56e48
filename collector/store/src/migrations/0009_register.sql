-- What the register says of an asset beyond its first columns.
ALTER TABLE assets ADD COLUMN class {text} NOT NULL DEFAULT 'own';
ALTER TABLE assets ADD COLUMN provider {text};
ALTER TABLE assets ADD COLUMN responsible {text};
ALTER TABLE assets ADD COLUMN place {text};
ALTER TABLE assets ADD COLUMN state_since {int} NOT NULL DEFAULT 0;
ALTER TABLE assets ADD COLUMN custodian_since {int} NOT NULL DEFAULT 0;
CREATE INDEX assets_custodian ON assets (custodian) WHERE custodian IS NOT NULL;
CREATE INDEX assets_provider ON assets (provider) WHERE provider IS NOT NULL;

-- Serials by which a PC that is expected is recognised when it enrols, lower case.
CREATE TABLE asset_serials (
  asset_id {int} NOT NULL REFERENCES assets (id),
  value {text} NOT NULL,
  PRIMARY KEY (asset_id, value)
) {keyed};
CREATE INDEX asset_serials_value ON asset_serials (value);

-- What was edited in the register, field by field.
CREATE TABLE asset_history (
  id {id},
  asset_id {int} NOT NULL REFERENCES assets (id),
  at {int} NOT NULL,
  actor {text} NOT NULL,
  field {text} NOT NULL,
  was {text} NOT NULL,
  becomes {text} NOT NULL
) {rows};
CREATE INDEX asset_history_asset ON asset_history (asset_id, id);

-- The books beside the register: people, transfers, work orders, providers, visits, licences, media, and by what
-- departments are recognised. `about` is the person or provider that a row concerns; `cells` one JSON object.
CREATE TABLE book_rows (
  book {text} NOT NULL,
  key {text} NOT NULL,
  asset_id {int} REFERENCES assets (id),
  about {text},
  cells {text} NOT NULL,
  at {int} NOT NULL,
  actor {text} NOT NULL,
  PRIMARY KEY (book, key)
) {rows};
CREATE INDEX book_rows_asset ON book_rows (asset_id) WHERE asset_id IS NOT NULL;
CREATE INDEX book_rows_about ON book_rows (about) WHERE about IS NOT NULL;

-- How many have a licensed title is counted by what evidence is about.
CREATE INDEX evidence_subject ON evidence (subject);
