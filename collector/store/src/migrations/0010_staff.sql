-- Links to the notice to staff, by the hash of their secret; and who read it.
CREATE TABLE staff_links (
  hash {blob} PRIMARY KEY,
  device_id {int} NOT NULL REFERENCES devices (id),
  expires_at {int} NOT NULL
) {rows};
CREATE INDEX staff_links_end ON staff_links (expires_at);

CREATE TABLE acknowledgements (
  id {id},
  device_id {int} NOT NULL REFERENCES devices (id),
  version {text} NOT NULL,
  name {text} NOT NULL,
  at {int} NOT NULL
) {rows};
CREATE INDEX acknowledgements_device ON acknowledgements (device_id, id);
