-- What is allowed for whom and until when. `over` is 1 when it can cover nothing any more; `moved_from` is the
-- provisional asset that it was granted for before that was linked to another one.
CREATE TABLE approvals (
  id {id},
  asset_id {int} REFERENCES assets (id),
  department {text},
  rule {text} NOT NULL,
  subject {text} NOT NULL,
  approver {text} NOT NULL,
  reason {text} NOT NULL,
  starts_at {int} NOT NULL,
  ends_at {int} NOT NULL,
  granted_at {int} NOT NULL,
  granted_by {text} NOT NULL,
  finding_id {int} REFERENCES findings (id),
  withdrawn_at {int},
  withdrawn_by {text},
  withdrawn_reason {text},
  over {int} NOT NULL DEFAULT 0,
  moved_from {int} REFERENCES assets (id)
) {rows};
CREATE INDEX approvals_asset ON approvals (asset_id) WHERE over = 0;
CREATE INDEX approvals_department ON approvals (department) WHERE over = 0;
CREATE INDEX approvals_end ON approvals (ends_at, id);
