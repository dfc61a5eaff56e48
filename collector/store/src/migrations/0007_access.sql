-- Whose assets a person sees (NULL: all; else names in JSON), and the second factor.
ALTER TABLE users ADD COLUMN departments {text};
ALTER TABLE users ADD COLUMN created_at {int} NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN last_sign_in_at {int};
ALTER TABLE users ADD COLUMN totp {blob};
ALTER TABLE users ADD COLUMN totp_step {int} NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN code_due {int} NOT NULL DEFAULT 0;

CREATE TABLE recovery_codes (
  user_id {int} NOT NULL REFERENCES users (id),
  hash {blob} NOT NULL,
  PRIMARY KEY (user_id, hash)
) {rows};

-- Who is meant by the pseudonyms of the audit log, which are hashes of salt and name: what was exchanged here is
-- found. Erased, name and salt are NULL: the chain stays, the person is gone.
CREATE TABLE pseudonyms (
  pseudonym {text} PRIMARY KEY,
  name {text} UNIQUE,
  salt {blob}
) {rows};

-- Where the chain begins after its oldest entries were removed: the last of those.
CREATE TABLE audit_base (
  id {int} PRIMARY KEY CHECK (id = 1),
  sequence {int} NOT NULL,
  hash {blob} NOT NULL
) {rows};
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_actor ON audit (actor, sequence);
CREATE INDEX audit_object ON audit (object, sequence);

CREATE TABLE api_tokens (
  id {id},
  label {text} NOT NULL,
  hash {blob} NOT NULL UNIQUE,
  scopes {text} NOT NULL,
  departments {text},
  created_at {int} NOT NULL,
  created_by {text} NOT NULL,
  expires_at {int} NOT NULL,
  last_used_at {int},
  revoked_at {int}
) {rows};

CREATE INDEX findings_newest ON findings (asset_id, id);
