-- With all that a search reads, so that it reads no rows. Not in PostgreSQL, whose indexes hold no long texts.
DROP INDEX findings_active_newest;
CREATE INDEX findings_active_newest ON findings
  (active, id DESC, severity, state, asset_id, subject, subject_name, holder) WHERE active = 1;
