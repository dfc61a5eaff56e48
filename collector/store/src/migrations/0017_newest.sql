-- Open business in the order in which it came: how exports, the API and searches go through it, row beside row.
CREATE INDEX findings_active_newest ON findings (active, id DESC) WHERE active = 1;
