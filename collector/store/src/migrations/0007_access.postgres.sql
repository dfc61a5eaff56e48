INSERT INTO audit_base (id, sequence, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'));
CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.sequence <= (SELECT sequence FROM audit_base WHERE id = 1) THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION 'the audit log is append-only';
END $$;
