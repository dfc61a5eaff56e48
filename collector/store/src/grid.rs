//! What is known of the addresses of one subnet: read by indexes, whatever the size of the ledger and the fleet.

use std::net::IpAddr;

use deskwarden_domain::{
    ledger::{Addresses, SeenAddress, Subnet},
    model::AssetId,
    port::StoreResult,
};

use crate::{
    enrolment::address_order,
    rows::{self, ACTIVE_AMONG_FEW, LEDGER},
    sql::{Cell, Conditions, Connection, ConnectionExt as _},
};

/// Addresses that one question names.
const AT_ONCE: usize = 256;

/// See [`CrossDevice::addresses`](deskwarden_domain::port::CrossDevice::addresses).
pub(crate) fn addresses(connection: &mut dyn Connection, subnet: Subnet) -> StoreResult<Addresses> {
    let all: Vec<String> = subnet.addresses().map(|address| address.to_string()).collect();
    let last = subnet.addresses().last().unwrap_or_else(|| subnet.first());
    let [first, last] = [subnet.first(), last].map(|address| address_order(IpAddr::V4(address)));
    let mut known = Addresses {
        ledger: connection.rows(
            &format!(
                "SELECT {LEDGER} FROM ledger l WHERE l.sort_key >= ?1 AND l.sort_key <= ?2 ORDER BY l.sort_key"
            ),
            &[Cell::from(&first), Cell::from(&last)],
            rows::ledger,
        )?,
        ..Addresses::default()
    };
    for some in all.chunks(AT_ONCE) {
        let mut named = Conditions::new();
        named.and("c.kind = 'ip'");
        named.one_of("c.value", some);
        // Of what was accepted nobody says that it is there now; of devices the current one of its asset counts.
        named.and("c.origin <> 'accepted'");
        named.and("(c.device_id IS NULL OR a.current_device = c.device_id)");
        known.seen.extend(connection.rows(
            &format!(
                "SELECT c.value, MIN(CASE WHEN c.origin = 'own' THEN a.id END),
                   MAX(CASE WHEN c.note LIKE '%\"router\":true%' THEN 1 ELSE 0 END)
                 FROM claims c LEFT JOIN devices d ON d.id = c.device_id LEFT JOIN assets a ON a.id = d.asset_id
                {} GROUP BY c.value ORDER BY c.value",
                named.sql()
            ),
            &named.params(),
            |r| {
                Ok(SeenAddress {
                    address: r.string()?,
                    asset: r.opt_int()?.map(AssetId),
                    router: r.flag()?,
                })
            },
        )?);
        let mut about = Conditions::new();
        about.one_of("f.subject", some);
        about.and("f.seen IS NOT NULL");
        about.and(ACTIVE_AMONG_FEW);
        known.findings.extend(connection.rows(
            &format!(
                "SELECT f.subject, MAX(f.id) FROM findings f{} GROUP BY f.subject ORDER BY f.subject",
                about.sql()
            ),
            &about.params(),
            |r| Ok((r.string()?, r.int()?)),
        )?);
    }
    Ok(known)
}
