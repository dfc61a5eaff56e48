-- When two installations last spoke for one device; NULL once a person settled it.
ALTER TABLE streams ADD COLUMN forked_at {int};
