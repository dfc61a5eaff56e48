//! The notice to staff: links to it, and who read it.

use deskwarden_domain::{
    model::{Acknowledgement, AssetId, AuditEntry, Millis},
    port::{Page, Paging, Staff, StoreError, StoreResult},
};
use deskwarden_proto::ids::DeviceId;

use crate::{
    Database, audit,
    sql::{Cell, Conditions, ConnectionExt as _, unsigned, window},
};

const FROM: &str =
    "acknowledgements k JOIN devices d ON d.id = k.device_id JOIN assets a ON a.id = d.asset_id";

impl Staff for Database {
    fn put_staff_links(&self, links: &[([u8; 32], DeviceId, Millis)], now: Millis) -> StoreResult<()> {
        self.write(|connection| {
            connection.execute(
                "DELETE FROM staff_links WHERE expires_at <= ?1",
                &[Cell::Int(now)],
            )?;
            for (hash, device, expires_at) in links {
                connection.execute(
                    "INSERT INTO staff_links (hash, device_id, expires_at)
                     SELECT ?1, id, ?3 FROM devices WHERE uid = ?2 ON CONFLICT (hash) DO NOTHING",
                    &[
                        Cell::from(hash),
                        Cell::from(device.as_bytes()),
                        Cell::Int(*expires_at),
                    ],
                )?;
            }
            Ok(())
        })
    }

    fn staff_link(&self, hash: &[u8; 32], now: Millis) -> StoreResult<Option<DeviceId>> {
        self.read(|connection| {
            connection.row(
                "SELECT d.uid FROM staff_links l JOIN devices d ON d.id = l.device_id
                 WHERE l.hash = ?1 AND l.expires_at > ?2 AND d.status = 'active'",
                &[Cell::from(hash), Cell::Int(now)],
                |r| Ok(DeviceId::from_random(r.array()?)),
            )
        })
    }

    fn acknowledge(
        &self,
        device: DeviceId,
        version: &str,
        name: &str,
        audit: &AuditEntry,
    ) -> StoreResult<()> {
        self.write(|connection| {
            let made = connection.execute(
                "INSERT INTO acknowledgements (device_id, version, name, at)
                 SELECT id, ?2, ?3, ?4 FROM devices WHERE uid = ?1",
                &[
                    Cell::from(device.as_bytes()),
                    Cell::Text(version),
                    Cell::Text(name),
                    Cell::Int(audit.at),
                ],
            )?;
            if made == 0 {
                return Err(StoreError::NotFound(format!("device {device}")));
            }
            audit::append(connection, audit)
        })
    }

    fn acknowledgements(&self, asset: Option<AssetId>, paging: Paging) -> StoreResult<Page<Acknowledgement>> {
        self.read(|connection| {
            let mut c = Conditions::new();
            if let Some(asset) = asset {
                let asset = c.bind(Cell::Int(asset.0));
                c.and(format!("a.id = {asset}"));
            }
            let mut params = c.params();
            let total = connection.number(&format!("SELECT COUNT(*) FROM {FROM}{}", c.sql()), &params)?;
            let (limit, offset) = (params.len() + 1, params.len() + 2);
            params.extend(window(paging));
            let rows = connection.rows(
                &format!(
                    "SELECT k.id, d.uid, a.id, a.name, a.department, k.version, k.name, k.at FROM {FROM}{}
                     ORDER BY k.id DESC LIMIT ?{limit} OFFSET ?{offset}",
                    c.sql()
                ),
                &params,
                |r| {
                    Ok(Acknowledgement {
                        id: r.int()?,
                        device: DeviceId::from_random(r.array()?),
                        asset: AssetId(r.int()?),
                        asset_name: r.string()?,
                        department: r.opt_string()?,
                        version: r.string()?,
                        name: r.string()?,
                        at: r.int()?,
                    })
                },
            )?;
            Ok(Page {
                rows,
                total: unsigned(total),
            })
        })
    }
}
