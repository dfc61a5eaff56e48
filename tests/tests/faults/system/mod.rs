//! The tests, by what goes wrong. In a module of this name, so that the runner does not start many at a time.

mod collector_disk;
mod damage;
mod database;
mod hostile;
mod matrix;
mod offline;
mod outage;

use std::time::Duration;

use deskwarden_domain::operations::Kind;
use deskwarden_tests::{collector::Setup, wait::PATIENCE, webhook::Receiver};

/// An outage is told after half a minute; where small writes go on, once agents were refused again, which come back
/// within a minute.
const OUTAGE: Duration = PATIENCE.saturating_mul(3);

/// Somebody who is told of everything, and a collector that knows them.
fn told(setup: Setup) -> (Receiver, Setup) {
    let receiver = Receiver::start().unwrap();
    let setup = setup.webhook(&receiver.url(), &receiver.place()).unwrap();
    (receiver, setup)
}

/// The message about the store comes: that it takes no writes, or that it does again.
fn hears_of_the_store(receiver: &Receiver, kind: &str) {
    receiver.alert(Kind::StoreDown.rule(), kind, OUTAGE).unwrap();
}
