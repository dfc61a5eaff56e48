-- Accounts whose data devices must not send: somebody was erased.
CREATE TABLE withheld (
  device_id {int} NOT NULL REFERENCES devices (id),
  principal {text} NOT NULL,
  at {int} NOT NULL,
  PRIMARY KEY (device_id, principal)
) {keyed};
CREATE INDEX items_principal ON items (principal, device_id) WHERE principal <> '';
