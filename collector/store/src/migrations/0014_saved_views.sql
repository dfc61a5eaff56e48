-- Filters of lists that people keep under a name. `filter` has a line per parameter: name, tabulator, value.
CREATE TABLE saved_views (
  id {id},
  user_id {int} NOT NULL REFERENCES users (id),
  list {text} NOT NULL,
  title {text} NOT NULL,
  filter {text} NOT NULL,
  UNIQUE (user_id, list, title)
) {rows};
