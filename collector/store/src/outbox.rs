//! The port of the outbox, and channels, routes and windows as people keep them. What is done to alerts and
//! messages is in `deliveries`.

use deskwarden_domain::{
    alerting::{Fresh, Pack, Planned, Pulse, Waiting},
    model::{AuditEntry, Delivery, Millis},
    port::{AlertingKind, Definition, DeliveryFilter, Outbox, Page, Paging, StoreError, StoreResult},
};

use crate::{
    Database, audit, deliveries,
    sql::{Cell, Connection, ConnectionExt as _},
};

impl Outbox for Database {
    fn fresh_alerts(&self, limit: usize) -> StoreResult<Vec<Fresh>> {
        self.read(|connection| {
            if deliveries::none_waits(connection)? {
                return Ok(Vec::new());
            }
            deliveries::fresh(connection, limit)
        })
    }

    fn plan_alerts(&self, planned: &[Planned], done: &[i64]) -> StoreResult<u64> {
        self.write(|connection| deliveries::enqueue(connection, planned, done))
    }

    fn queue_due(&self, channel: &str, now: Millis, limit: usize) -> StoreResult<Vec<Waiting>> {
        self.read(|connection| deliveries::waiting(connection, channel, now, limit))
    }

    fn bind(
        &self,
        channel: &str,
        packs: &[Pack],
        skipped: &[(i64, &'static str)],
        now: Millis,
    ) -> StoreResult<()> {
        self.write(|connection| deliveries::bind(connection, channel, packs, skipped, now))
    }

    fn pulse(&self, channel: &str, since: Millis) -> StoreResult<Pulse> {
        self.read(|connection| deliveries::pulse(connection, channel, since))
    }

    fn due_deliveries(&self, channel: &str, now: Millis, limit: usize) -> StoreResult<Vec<Delivery>> {
        self.read(|connection| deliveries::due(connection, channel, now, limit))
    }

    fn trying(&self, id: i64, at: Millis) -> StoreResult<()> {
        self.write(|connection| deliveries::trying(connection, id, at))
    }

    fn delivered(&self, taken: &[(i64, Millis)]) -> StoreResult<()> {
        if taken.is_empty() {
            return Ok(());
        }
        self.write(|connection| deliveries::delivered(connection, taken))
    }

    fn delivery_failed(
        &self,
        id: i64,
        error: &str,
        due_at: Option<Millis>,
        counted: bool,
    ) -> StoreResult<()> {
        self.write(|connection| deliveries::failed(connection, id, error, due_at, counted))
    }

    fn deliveries(&self, filter: &DeliveryFilter, paging: Paging) -> StoreResult<Page<Delivery>> {
        self.read(|connection| deliveries::list(connection, filter, paging))
    }

    fn resend(&self, id: i64, now: Millis, audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| deliveries::resend(connection, id, now, audit))
    }

    fn queued(&self) -> StoreResult<Vec<(String, u64)>> {
        self.read(deliveries::queued)
    }

    fn definitions(&self) -> StoreResult<Vec<Definition>> {
        self.read(|connection| {
            connection.rows(
                "SELECT kind, name, definition, sealed, changed_at, changed_by FROM alert_definitions ORDER BY kind, name",
                &[],
                |r| {
                    Ok(Definition {
                        kind: r.named(AlertingKind::by_name)?,
                        name: r.string()?,
                        text: r.string()?,
                        sealed: r.opt_blob()?.map(<[u8]>::to_vec),
                        changed_at: r.int()?,
                        changed_by: r.string()?,
                    })
                },
            )
        })
    }

    fn definitions_version(&self) -> StoreResult<i64> {
        self.read(|connection| {
            connection.number("SELECT version FROM alert_definitions_version WHERE id = 1", &[])
        })
    }

    fn put_definition(&self, definition: &Definition, audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| {
            connection.execute(
                "INSERT INTO alert_definitions (kind, name, definition, sealed, changed_at, changed_by)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (kind, name) DO UPDATE SET
                 definition = excluded.definition, sealed = excluded.sealed,
                 changed_at = excluded.changed_at, changed_by = excluded.changed_by",
                &[
                    Cell::Text(definition.kind.name()),
                    Cell::Text(&definition.name),
                    Cell::Text(&definition.text),
                    definition.sealed.as_deref().map_or(Cell::Null, Cell::Blob),
                    Cell::Int(definition.changed_at),
                    Cell::Text(&definition.changed_by),
                ],
            )?;
            changed(connection)?;
            audit::append(connection, audit)
        })
    }

    fn remove_definition(&self, kind: AlertingKind, name: &str, audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| {
            let removed = connection.execute(
                "DELETE FROM alert_definitions WHERE kind = ?1 AND name = ?2",
                &[Cell::Text(kind.name()), Cell::Text(name)],
            )?;
            if removed == 0 {
                return Err(StoreError::NotFound(format!("{} {name}", kind.name())));
            }
            changed(connection)?;
            audit::append(connection, audit)
        })
    }
}

fn changed(connection: &mut dyn Connection) -> StoreResult<()> {
    connection
        .execute(
            "UPDATE alert_definitions_version SET version = version + 1 WHERE id = 1",
            &[],
        )
        .map(drop)
}
