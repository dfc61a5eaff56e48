-- Rectification notices. `words` holds what a line said when the notice was issued, as JSON; `asset_id` repeats the
-- finding's. A line is open until its finding is over.
CREATE TABLE notices (
  id {id},
  number {text} NOT NULL UNIQUE,
  year {int} NOT NULL,
  sequence {int} NOT NULL,
  addressee {text} NOT NULL,
  name {text} NOT NULL,
  issued_at {int} NOT NULL,
  issued_by {text} NOT NULL,
  due_at {int} NOT NULL,
  demand {text} NOT NULL,
  objection {text} NOT NULL,
  state {text} NOT NULL,
  rectified_at {int},
  closed_at {int},
  closed_by {text},
  closed_note {text},
  UNIQUE (year, sequence)
) {rows};
CREATE INDEX notices_due ON notices (due_at) WHERE state = 'issued';

CREATE TABLE notice_lines (
  notice_id {int} NOT NULL REFERENCES notices (id),
  idx {int} NOT NULL,
  finding_id {int} NOT NULL REFERENCES findings (id),
  asset_id {int} REFERENCES assets (id),
  words {text} NOT NULL,
  cleared_at {int},
  cleared_as {text},
  PRIMARY KEY (notice_id, idx)
) {rows};
CREATE INDEX notice_lines_finding ON notice_lines (finding_id);
CREATE INDEX notice_lines_open ON notice_lines (asset_id) WHERE cleared_at IS NULL;
CREATE INDEX notice_lines_asset ON notice_lines (asset_id);

CREATE TABLE notice_replies (
  id {id},
  notice_id {int} NOT NULL REFERENCES notices (id),
  at {int} NOT NULL,
  recorded_by {text} NOT NULL,
  author {text} NOT NULL,
  objection {int} NOT NULL,
  text {text} NOT NULL
) {rows};
CREATE INDEX notice_replies_notice ON notice_replies (notice_id, id);
