//! The tests, by what goes wrong. In a module of this name, so that the runner does not start many at a time.

mod agent;
mod crash;
mod dispatch;
mod fleet;
mod lines;
mod order;
mod outbox;
mod power;
mod restore;
mod several;

use deskwarden_domain::port::Paging;
use deskwarden_proto::ids::DeviceId;
use deskwarden_tests::sim::Oracle;

/// The device of an office of one.
fn only_device(oracle: &Oracle) -> DeviceId {
    let page = oracle
        .store()
        .devices(
            &deskwarden_domain::port::DeviceFilter::default(),
            Paging { offset: 0, limit: 2 },
        )
        .unwrap();
    let [(device, _)] = page.rows.as_slice() else {
        panic!("one device, not {}", page.total);
    };
    device.id
}
