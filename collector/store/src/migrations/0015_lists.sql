-- What lists of a large fleet read instead of the whole table.
CREATE INDEX findings_active_clause ON findings (clause, severity DESC, opened_at DESC, id DESC) WHERE active = 1;
CREATE INDEX assets_registered ON assets (number) WHERE number IS NOT NULL AND merged_into IS NULL;
CREATE INDEX assets_shown ON assets (flagged DESC, name, id) WHERE merged_into IS NULL;
