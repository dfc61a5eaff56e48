//! How often there is a record of each kind, and how departments comply.

use deskwarden_domain::{
    model::Record,
    port::{Compliance, StoreResult},
};

use crate::sql::{Connection, ConnectionExt as _, unsigned};

/// What is counted for a kind of record. Fields that are described are counted in the contract, not here.
const COUNTED: &[(Record, &str)] = &[
    (Record::Register, "assets WHERE number IS NOT NULL"),
    (Record::Transfers, "book_rows WHERE book = 'transfers'"),
    (Record::WorkOrders, "book_rows WHERE book = 'orders'"),
    (Record::Ledger, "ledger"),
    (Record::Licences, "book_rows WHERE book = 'licences'"),
    (Record::Media, "book_rows WHERE book = 'media'"),
    (Record::Visits, "book_rows WHERE book = 'visits'"),
    (Record::Approvals, "approvals"),
    (Record::Notices, "notices"),
    (Record::Inspections, "inspections"),
    (Record::Admissions, "admissions WHERE checked_at IS NOT NULL"),
    (Record::Findings, "findings"),
    (Record::Changes, "changes"),
    (Record::Alerts, "alerts"),
    (Record::Deliveries, "messages WHERE state = 'delivered'"),
    (Record::Audit, "audit"),
    (
        Record::PersonRequests,
        "audit WHERE action IN ('subject.export', 'subject.delete')",
    ),
    (Record::Looks, "sources"),
    (
        Record::Certificates,
        "devices WHERE certificate_ends_at IS NOT NULL",
    ),
    (
        Record::NoticeVersions,
        "(SELECT DISTINCT object FROM audit WHERE action = 'staff.notice') versions",
    ),
    (Record::Acknowledgements, "acknowledgements"),
    (
        Record::Backups,
        "audit WHERE action IN ('backup.make', 'backup.restore')",
    ),
];

/// Records by kind.
pub(super) fn record_counts(connection: &mut dyn Connection) -> StoreResult<Vec<(Record, u64)>> {
    COUNTED
        .iter()
        .map(|(record, what)| {
            let count = connection.number(&format!("SELECT COUNT(*) FROM {what}"), &[])?;
            Ok((*record, unsigned(count)))
        })
        .collect()
}

/// Departments, worst first; assets of none come last.
pub(super) fn departments(connection: &mut dyn Connection) -> StoreResult<Vec<Compliance>> {
    let mut rows = connection.rows(
        "SELECT department, COUNT(*), SUM(CASE WHEN flagged = 0 THEN 1 ELSE 0 END) FROM assets
         WHERE current_device IS NOT NULL GROUP BY department ORDER BY department",
        &[],
        |r| {
            Ok(Compliance {
                department: r.opt_string()?,
                assets: r.bits()?,
                compliant: r.bits()?,
            })
        },
    )?;
    rows.sort_by_key(|row| (row.department.is_none(), row.per_mille()));
    Ok(rows)
}
