-- Who vouches for a person: this store's password (`local`), a directory, a provider; and by which name there.
ALTER TABLE users ADD COLUMN source {text} NOT NULL DEFAULT 'local';
ALTER TABLE users ADD COLUMN subject {text};
CREATE UNIQUE INDEX users_subject ON users (source, subject) WHERE subject IS NOT NULL;
