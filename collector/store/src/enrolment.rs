//! Tokens and devices: a use of a token and the device that it makes are one transaction.

use std::net::{IpAddr, Ipv6Addr};

use deskwarden_domain::{
    model::{AssetState, AuditEntry, Device, DeviceStatus, Millis, TokenId, TokenRow},
    port::{EnrolOutcome, EnrolRefusal, Enrolment, NewDevice, StoreError, StoreResult},
};
use deskwarden_proto::{Message as _, ids::DeviceId};

use crate::{
    Database, audit,
    due::make_due,
    rows::{self, DEVICE, DEVICE_FROM, printable},
    sql::{Cell, Connection, ConnectionExt as _, Reader},
    succession,
};

const TOKEN: &str = "id, label, hash, max_uses, uses, expires_at, cidr, needs_approval, department, created_at, \
     created_by, revoked_at";

impl Enrolment for Database {
    fn first_enrolment(&self) -> StoreResult<Option<Millis>> {
        self.read(|connection| {
            connection.row(
                "SELECT enrolled_at FROM devices WHERE status <> 'pending' ORDER BY id LIMIT 1",
                &[],
                |r| r.int(),
            )
        })
    }

    fn create_token(&self, token: &TokenRow, audit: &AuditEntry) -> StoreResult<TokenId> {
        if let Some(cidr) = token
            .cidr
            .as_deref()
            .filter(|cidr| Network::parse(cidr).is_none())
        {
            return Err(StoreError::Conflict(format!(
                "`{cidr}` is not a network: write it as 10.1.0.0/16"
            )));
        }
        self.write(|connection| {
            let id = connection.row(
                "INSERT INTO tokens (label, hash, max_uses, expires_at, cidr, needs_approval, department, created_at,
                 created_by, revoked_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 ON CONFLICT (hash) DO NOTHING RETURNING id",
                &[
                    Cell::Text(&token.label),
                    Cell::from(&token.hash),
                    Cell::Int(i64::from(token.max_uses)),
                    Cell::Int(token.expires_at),
                    Cell::from(&token.cidr),
                    Cell::flag(token.needs_approval),
                    Cell::from(&token.department),
                    Cell::Int(token.created_at),
                    Cell::Text(&token.created_by),
                    Cell::from(token.revoked_at),
                ],
                |r| r.int(),
            )?;
            let id = id.ok_or_else(|| StoreError::Conflict("this token exists already: make another one".into()))?;
            audit::append(connection, audit)?;
            Ok(TokenId(id))
        })
    }

    fn tokens(&self) -> StoreResult<Vec<TokenRow>> {
        self.read(|connection| {
            connection.rows(
                &format!("SELECT {TOKEN} FROM tokens ORDER BY id DESC"),
                &[],
                token,
            )
        })
    }

    fn revoke_token(&self, id: TokenId, audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| {
            let changed = connection.execute(
                "UPDATE tokens SET revoked_at = COALESCE(revoked_at, ?2) WHERE id = ?1",
                &[Cell::Int(id.0), Cell::Int(audit.at)],
            )?;
            if changed == 0 {
                return Err(StoreError::NotFound(format!("token {}", id.0)));
            }
            audit::append(connection, audit)
        })
    }

    fn enrol(&self, device: &NewDevice) -> StoreResult<EnrolOutcome> {
        self.write(|connection| enrol(connection, device))
    }

    fn device(&self, id: DeviceId) -> StoreResult<Option<Device>> {
        self.read(|connection| device_by_uid(connection, id))
    }

    fn set_device_status(&self, id: DeviceId, status: DeviceStatus, audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| {
            set_status(connection, id, status, audit.at)?;
            audit::append(connection, audit)
        })
    }

    fn certificate_issued(&self, id: DeviceId, key_hash: [u8; 32], ends_at: Millis) -> StoreResult<()> {
        self.write(|connection| {
            let changed = connection.execute(
                "UPDATE devices SET key_hash = ?2, certificate_ends_at = ?3 WHERE uid = ?1",
                &[
                    Cell::from(id.as_bytes()),
                    Cell::from(&key_hash),
                    Cell::Int(ends_at),
                ],
            )?;
            if changed == 0 {
                Err(StoreError::NotFound(format!("device {id}")))
            } else {
                Ok(())
            }
        })
    }

    fn barred_devices(&self) -> StoreResult<Vec<(DeviceId, DeviceStatus)>> {
        self.read(|connection| {
            connection.rows(
                "SELECT uid, status FROM devices WHERE status <> 'active'",
                &[],
                |r| Ok((DeviceId::from_random(r.array()?), r.named(DeviceStatus::by_name)?)),
            )
        })
    }
}

fn token(r: &mut Reader<'_>) -> StoreResult<TokenRow> {
    Ok(TokenRow {
        id: TokenId(r.int()?),
        label: r.string()?,
        hash: r.array()?,
        max_uses: r.small()?,
        uses: r.small()?,
        expires_at: r.int()?,
        cidr: r.opt_string()?,
        needs_approval: r.flag()?,
        department: r.opt_string()?,
        created_at: r.int()?,
        created_by: r.string()?,
        revoked_at: r.opt_int()?,
    })
}

fn device_by_uid(connection: &mut dyn Connection, id: DeviceId) -> StoreResult<Option<Device>> {
    connection.row(
        &format!("SELECT {DEVICE} FROM {DEVICE_FROM} WHERE d.uid = ?1"),
        &[Cell::from(id.as_bytes())],
        rows::device,
    )
}

fn enrol(connection: &mut dyn Connection, new: &NewDevice) -> StoreResult<EnrolOutcome> {
    // The token's row is the lock: requests with one token come one after the other, a repeated one too.
    let token = connection.row_locked(
        &format!("SELECT {TOKEN} FROM tokens WHERE hash = ?1"),
        &[Cell::from(&new.token_hash)],
        token,
    )?;
    if let Some(device) = enrolled_before(connection, new)? {
        return again(connection, new, device);
    }
    let token = match token {
        None => return Ok(EnrolOutcome::Refused(EnrolRefusal::Unknown)),
        Some(token) => token,
    };
    if let Some(refusal) = refusal(&token, new) {
        return Ok(EnrolOutcome::Refused(refusal));
    }
    connection.execute(
        "UPDATE tokens SET uses = uses + 1 WHERE id = ?1",
        &[Cell::Int(token.id.0)],
    )?;
    let device = make_device(connection, new, &token)?;
    Ok(if token.needs_approval {
        EnrolOutcome::Pending(device)
    } else {
        EnrolOutcome::Enrolled(device)
    })
}

fn enrolled_before(connection: &mut dyn Connection, new: &NewDevice) -> StoreResult<Option<Device>> {
    connection.row(
        &format!(
            "SELECT {DEVICE} FROM {DEVICE_FROM} JOIN enrolments n ON n.device_id = d.id
             WHERE n.key_hash = ?1 AND n.nonce = ?2"
        ),
        &[Cell::from(&new.key_hash), Cell::Blob(&new.nonce)],
        rows::device,
    )
}

/// The answer got lost: the same device again, as far as it may still report.
fn again(connection: &mut dyn Connection, new: &NewDevice, mut device: Device) -> StoreResult<EnrolOutcome> {
    match device.status {
        DeviceStatus::Pending => Ok(EnrolOutcome::Pending(device)),
        DeviceStatus::Active => {
            connection.execute(
                "UPDATE devices SET certificate_ends_at = ?2 WHERE uid = ?1",
                &[
                    Cell::from(device.id.as_bytes()),
                    Cell::Int(new.certificate_ends_at),
                ],
            )?;
            device.certificate_ends_at = Some(new.certificate_ends_at);
            Ok(EnrolOutcome::Enrolled(device))
        }
        DeviceStatus::Revoked | DeviceStatus::Retired => Ok(EnrolOutcome::Refused(EnrolRefusal::Used)),
    }
}

fn refusal(token: &TokenRow, new: &NewDevice) -> Option<EnrolRefusal> {
    if token.revoked_at.is_some() {
        Some(EnrolRefusal::Revoked)
    } else if token.expires_at <= new.at {
        Some(EnrolRefusal::Expired)
    } else if token.uses >= token.max_uses {
        Some(EnrolRefusal::Used)
    } else if token
        .cidr
        .as_deref()
        .is_some_and(|cidr| !Network::parse(cidr).is_some_and(|n| n.holds(new.peer)))
    {
        Some(EnrolRefusal::Network)
    } else {
        None
    }
}

/// Makes the device, its provisional asset and its stream.
fn make_device(connection: &mut dyn Connection, new: &NewDevice, token: &TokenRow) -> StoreResult<Device> {
    let id = new.id;
    let hostname = printable(&new.hints.hostname);
    let name = if hostname.is_empty() {
        id.to_string().chars().take(8).collect()
    } else {
        hostname.clone()
    };
    let told = Some(printable(&new.hints.department)).filter(|department| !department.is_empty());
    let department = token.department.clone().or(told);
    let asset = connection.row(
        "INSERT INTO assets (name, department, state, provisional, created_at) VALUES (?1, ?2, ?3, 1, ?4) RETURNING id",
        &[
            Cell::Text(&name),
            Cell::from(&department),
            Cell::Text(AssetState::InUse.name()),
            Cell::Int(new.at),
        ],
        |r| r.int(),
    )?;
    let status = if token.needs_approval {
        DeviceStatus::Pending
    } else {
        DeviceStatus::Active
    };
    let ends_at = if token.needs_approval {
        Cell::Null
    } else {
        Cell::Int(new.certificate_ends_at)
    };
    let row = connection.row(
        "INSERT INTO devices (uid, asset_id, status, platform, agent_version, hostname, hints, key_hash, enrolled_at,
         certificate_ends_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (uid) DO NOTHING RETURNING id",
        &[
            Cell::from(id.as_bytes()),
            Cell::from(asset),
            Cell::Text(status.name()),
            Cell::Text(&new.platform),
            Cell::Text(&new.agent_version),
            Cell::Text(&hostname),
            Cell::Blob(&new.hints.encode_to_vec()),
            Cell::from(&new.key_hash),
            Cell::Int(new.at),
            ends_at,
        ],
        |r| r.int(),
    )?;
    let row = row.ok_or_else(|| StoreError::Conflict(format!("device {id} exists already")))?;
    connection.execute(
        "UPDATE assets SET current_device = ?2 WHERE id = ?1",
        &[Cell::from(asset), Cell::Int(row)],
    )?;
    connection.execute(
        "INSERT INTO streams (device_id, epoch, next_sequence, resume_key, resume_floor) VALUES (?1, 1, 1, ?2, 0)",
        &[Cell::Int(row), Cell::from(&new.resume_key)],
    )?;
    succession::remember(connection, Cell::Int(row), &new.hints)?;
    if let Some(asset) = asset {
        succession::propose(connection, row, asset, &new.hints, new.at)?;
    }
    let noted = connection.execute(
        "INSERT INTO enrolments (key_hash, nonce, device_id, token_id, at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
        &[
            Cell::from(&new.key_hash),
            Cell::Blob(&new.nonce),
            Cell::Int(row),
            Cell::Int(token.id.0),
            Cell::Int(new.at),
        ],
    )?;
    if noted == 0 {
        // The same request came with another token at the same moment.
        return Err(StoreError::Conflict(
            "this device enrols already: try again".into(),
        ));
    }
    device_by_uid(connection, id)?.ok_or_else(|| StoreError::NotFound(format!("device {id}")))
}

fn set_status(
    connection: &mut dyn Connection,
    id: DeviceId,
    status: DeviceStatus,
    at: Millis,
) -> StoreResult<()> {
    // The asset first: it is always locked before its devices.
    let asset = connection.row_locked(
        "SELECT a.id FROM assets a WHERE a.id = (SELECT d.asset_id FROM devices d WHERE d.uid = ?1)",
        &[Cell::from(id.as_bytes())],
        |r| r.int(),
    )?;
    let asset = asset.ok_or_else(|| StoreError::NotFound(format!("device {id}")))?;
    connection.execute(
        "UPDATE devices SET status = ?2 WHERE uid = ?1",
        &[Cell::from(id.as_bytes()), Cell::Text(status.name())],
    )?;
    let current = match status {
        DeviceStatus::Retired => {
            "UPDATE assets SET current_device = NULL
             WHERE id = ?1 AND current_device = (SELECT id FROM devices WHERE uid = ?2)"
        }
        _ => {
            "UPDATE assets SET current_device = (SELECT id FROM devices WHERE uid = ?2)
             WHERE id = ?1 AND current_device IS NULL"
        }
    };
    connection.execute(current, &[Cell::Int(asset), Cell::from(id.as_bytes())])?;
    make_due(connection, asset, at)
}

/// A network, as `10.1.0.0/16`.
struct Network {
    bits: u128,
    mask: u128,
    six: bool,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.trim().split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let length: u32 = length.parse().ok()?;
        let (bits, six) = address_bits(address);
        let host = if address.is_ipv4() { 32u32 } else { 128 }.checked_sub(length)?;
        let mask = if host == 128 { 0 } else { u128::MAX << host };
        Some(Self {
            bits: bits & mask,
            mask,
            six,
        })
    }

    fn holds(&self, address: IpAddr) -> bool {
        let (bits, six) = address_bits(address.to_canonical());
        six == self.six && bits & self.mask == self.bits
    }
}

fn address_bits(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(four) => (u128::from(four.to_bits()), false),
        IpAddr::V6(six) => (six.to_bits(), true),
    }
}

/// Bytes that order addresses as numbers, old ones first.
pub(crate) fn address_order(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(four) => four.to_ipv6_mapped().octets(),
        IpAddr::V6(six) => Ipv6Addr::octets(&six),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_own_addresses_only() {
        let network = Network::parse("10.1.0.0/16").unwrap();
        assert!(network.holds("10.1.255.1".parse().unwrap()));
        assert!(network.holds("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!network.holds("10.2.0.1".parse().unwrap()));
        assert!(!network.holds("::a01:1".parse().unwrap()));
        assert!(Network::parse("::/0").unwrap().holds("fe80::1".parse().unwrap()));
        assert!(
            Network::parse("0.0.0.0/0")
                .unwrap()
                .holds("1.2.3.4".parse().unwrap())
        );
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0", "10.0.0.0/33", "::/129", "x/8", "10.0.0.0/-1"] {
            assert!(Network::parse(text).is_none(), "{text}");
        }
    }
}
