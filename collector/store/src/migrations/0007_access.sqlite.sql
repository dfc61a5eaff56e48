INSERT INTO audit_base (id, sequence, hash) VALUES (1, 0, zeroblob(32));
DROP TRIGGER audit_is_not_deleted;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
WHEN OLD.sequence > (SELECT sequence FROM audit_base WHERE id = 1)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
