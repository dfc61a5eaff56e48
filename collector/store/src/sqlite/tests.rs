//! Tests of the SQLite file.
