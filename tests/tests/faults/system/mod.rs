//! The tests, by what goes wrong. In a module of this name, so that the runner does not start many at a time.

mod collector_disk;
mod damage;
mod database;
mod hostile;
mod matrix;
mod offline;
mod outage;
