-- The sum of what each table holds, so that a bit that its disk turned is found: items and contents have digests of their
-- own. PostgreSQL has checksums of its pages.
CREATE TABLE table_sums (
  name TEXT PRIMARY KEY,
  sum BLOB NOT NULL
) STRICT, WITHOUT ROWID;
