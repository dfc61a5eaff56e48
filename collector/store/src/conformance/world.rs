//! Values for tests: devices, items, findings, and the batches around them.

use std::net::{IpAddr, Ipv4Addr};

use deskwarden_domain::{
    model::{
        AuditEntry, Device, Evidence, Finding, FindingKey, FindingState, Holder, Millis, Position, Role,
        Severity, TokenRow,
    },
    port::{Batch, DeviceState, EnrolOutcome, LoadRequest, NewDevice, Op, Scope, Store},
};
use deskwarden_proto::{
    Bytes,
    decode::{ItemId, ItemPut},
    digest,
    ids::DeviceId,
    v1::{HostHints, Section},
};

/// The time of most tests.
pub const NOW: Millis = 1_800_000_000_000;

/// Somebody who may sign in, with a password of their own.
pub fn user(store: &dyn Store, name: &str, roles: &[Role]) -> i64 {
    store
        .create_user(name, "$argon2id$1", roles, false, &audit("user.add"))
        .unwrap()
}

/// A line for the audit log.
pub fn audit(action: &str) -> AuditEntry {
    AuditEntry {
        at: NOW,
        actor: "tester".into(),
        action: action.into(),
        object: "thing:1".into(),
        detail: "{}".into(),
    }
}

/// A token that holds for an hour.
pub fn token(number: u8, max_uses: u32) -> TokenRow {
    TokenRow {
        id: deskwarden_domain::model::TokenId(0),
        label: format!("token {number}"),
        hash: [number; 32],
        max_uses,
        uses: 0,
        expires_at: NOW + 3_600_000,
        cidr: None,
        needs_approval: false,
        department: Some("信息管理部".into()),
        created_at: NOW,
        created_by: "tester".into(),
        revoked_at: None,
    }
}

/// A device that asks with that token; `number` makes its id, key and nonce.
pub fn new_device(number: u32, token: u8) -> NewDevice {
    let mut id = [0x5a; 16];
    let mut key_hash = [0x11; 32];
    for (at, byte) in number.to_be_bytes().into_iter().enumerate() {
        id[at] = byte;
        key_hash[at] = byte;
    }
    NewDevice {
        id: DeviceId::from_random(id),
        token_hash: [token; 32],
        key_hash,
        nonce: number.to_be_bytes().to_vec(),
        peer: IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)),
        hints: HostHints {
            hostname: format!("pc-{number:04}"),
            ..HostHints::default()
        },
        agent_version: "0.1.0".into(),
        platform: "linux-x86_64".into(),
        at: NOW,
        certificate_ends_at: NOW + 30 * 86_400_000,
        resume_key: [7; 32],
    }
}

/// Enrols a device; makes the token (255) for it.
pub fn enrolled(store: &dyn Store, number: u32) -> Device {
    if !store.tokens().unwrap().iter().any(|t| t.hash == [255; 32]) {
        store
            .create_token(&token(255, 1_000_000), &audit("token.create"))
            .unwrap();
    }
    match store.enrol(&new_device(number, 255)).unwrap() {
        EnrolOutcome::Enrolled(device) => device,
        other => panic!("{other:?}"),
    }
}

/// Everything of a device.
pub fn everything(store: &dyn Store, device: &Device) -> DeviceState {
    let request = LoadRequest {
        device: device.id,
        scope: Scope::Everything,
        staged: None,
    };
    store.load(&[request]).unwrap().pop().unwrap().unwrap()
}

/// An identity of an item.
pub fn id(section: Section, source: &str, key: &str) -> ItemId {
    ItemId {
        section,
        source: source.into(),
        key: key.into(),
        principal: String::new(),
    }
}

/// An item with that facet.
pub fn put(id: ItemId, facet: &[u8]) -> ItemPut {
    let local = b"local".as_slice();
    ItemPut {
        digest: digest::item(id.section, &id.source, &id.key, &id.principal, facet, local),
        facet_hash: digest::facet(facet),
        facet: Bytes::copy_from_slice(facet),
        local: Bytes::from_static(b"local"),
        id,
    }
}

/// An operation that puts an item.
pub fn put_op(device: &Device, id: ItemId, facet: &[u8], at: Millis) -> Op {
    Op::PutItem {
        device: device.id,
        put: put(id, facet),
        at,
    }
}

/// A finding of an asset, not stored yet.
pub fn finding(device: &Device, rule: &str, subject: &str, severity: Severity) -> Finding {
    Finding {
        id: None,
        key: FindingKey {
            holder: Holder::Asset(device.asset),
            rule: rule.into(),
            subject: subject.into(),
        },
        severity,
        clause: "PC 3.2.4".into(),
        subject_name: subject.to_uppercase(),
        state: FindingState::Open,
        first_seen: NOW,
        last_seen: NOW,
        opened_at: NOW,
        resolved_at: None,
        reopened: 0,
        version: 0,
        seen: None,
    }
}

/// What shows a finding.
pub fn evidence(device: &Device, rule: &str, subject: &str, item: Option<ItemId>) -> Evidence {
    Evidence {
        rule: rule.into(),
        subject: subject.into(),
        subject_name: subject.to_uppercase(),
        asset: device.asset,
        device: Some(device.id),
        item,
        detail: r#"{"name":"QQ"}"#.into(),
        since: NOW,
    }
}

/// A batch without conditions.
pub fn batch(ops: Vec<Op>) -> Batch {
    Batch {
        ops,
        ..Batch::default()
    }
}

/// Applies operations that nothing speaks against.
pub fn apply(store: &dyn Store, ops: Vec<Op>) {
    store.apply(&batch(ops)).unwrap();
}

/// A position as ingest leaves it.
pub fn position(next_sequence: u64) -> Position {
    Position {
        epoch: 1,
        next_sequence,
        last_payload_hash: Some([3; 32]),
        resume_key: [9; 32],
        resume_floor: next_sequence.saturating_sub(2),
    }
}
