//! An office in a store, without agents: devices enrolled and their first reports judged by the domain, as the
//! collector does it. Titles are drawn so that PCs overlap as images of each other do.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use deskwarden_domain::{
    advance::{Incoming, Step, advance},
    judge::{Context, Graces, Memo},
    model::{AuditEntry, Millis, TokenId, TokenRow},
    port::{Batch, EnrolOutcome, LoadRequest, NewDevice, Scope, Store},
    rules::{RuleFile, RuleSet},
};
use deskwarden_proto::{
    Message as _, decode, digest,
    ids::DeviceId,
    v1::{
        Delta, Facet, HostHints, Item, Look, Payload, Section, Software, SoftwareKind, SourceState, Stamp,
        payload::Body,
    },
};

/// Titles that every image holds, and the others that are drawn from.
const COMMON: u32 = 200;
const OTHERS: u32 = 4_000;
/// Devices of one commit.
const GROUP: usize = 64;
const NOW: Millis = 1_790_000_000_000;

/// The selector of a title that one PC in twenty has.
pub(crate) fn title_of_some() -> String {
    format!("name = \"{}\"", some())
}

/// The selector of a title that every PC has.
pub(crate) fn title_of_all() -> String {
    format!("name = \"{}\"", name(0))
}

fn some() -> String {
    "Rare Suite 12".to_owned()
}

fn name(number: u32) -> String {
    format!("Office Title {number}")
}

/// Fills the store at `database`.
pub(crate) fn fill(database: &Path, devices: u32, titles: u32) -> Result<()> {
    let store = deskwarden_store::open(&format!("sqlite:{}", database.display()))?;
    let store = store.as_ref();
    let context = context(store)?;
    let mut memo = Memo::default();
    let token = token(store, devices)?;
    let mut random = fastrand::Rng::with_seed(7);
    let numbers: Vec<u32> = (1..=devices).collect();
    for group in numbers.chunks(GROUP) {
        let enrolled: Vec<DeviceId> = group
            .iter()
            .map(|number| enrol(store, *number, token))
            .collect::<Result<_>>()?;
        let requests: Vec<LoadRequest> = enrolled
            .iter()
            .map(|device| LoadRequest {
                device: *device,
                scope: Scope::Everything,
                staged: None,
            })
            .collect();
        let mut batch = Batch {
            generation: Some(context.generation),
            ..Batch::default()
        };
        for (number, state) in group.iter().zip(store.load(&requests)?) {
            let mut state = state.context("an enrolled device is not there")?;
            batch.assets.push((state.asset.id, state.asset.version));
            batch.positions.push((
                state.device.id,
                state.position.epoch,
                state.position.next_sequence,
            ));
            let report = report(*number, titles, &mut random)?;
            match advance(&mut state, &report, true, &context, &mut memo, NOW) {
                Step::Applied(ops) => batch.ops.extend(ops),
                other => bail!("a first report was not applied: {other:?}"),
            }
        }
        store.apply(&batch)?;
    }
    Ok(())
}

fn context(store: &dyn Store) -> Result<Context> {
    let versions = store.rules_in_force()?;
    let files: Vec<RuleFile<'_>> = versions
        .iter()
        .map(|version| RuleFile {
            name: &version.file,
            content: &version.content,
        })
        .collect();
    let rules = RuleSet::load(&files).map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    Ok(Context {
        generation: store.context_generation()?,
        rules: rules.into(),
        ranges: [].into(),
        down: [].into(),
        licences: [].into(),
        graces: Graces::Kept,
    })
}

fn token(store: &dyn Store, devices: u32) -> Result<[u8; 32]> {
    let hash = [3; 32];
    let row = TokenRow {
        id: TokenId(0),
        label: "bench".into(),
        hash,
        max_uses: devices,
        uses: 0,
        expires_at: NOW + 1_000,
        cidr: None,
        needs_approval: false,
        department: None,
        created_at: NOW,
        created_by: "bench".into(),
        revoked_at: None,
    };
    let audit = AuditEntry {
        at: NOW,
        actor: "bench".into(),
        action: "token.create".into(),
        object: "bench".into(),
        detail: "{}".into(),
    };
    store.create_token(&row, &audit)?;
    Ok(hash)
}

fn enrol(store: &dyn Store, number: u32, token_hash: [u8; 32]) -> Result<DeviceId> {
    let mut id = [0x5a; 16];
    let mut key_hash = [0x11; 32];
    for (at, byte) in number.to_be_bytes().into_iter().enumerate() {
        (id[at], key_hash[at]) = (byte, byte);
    }
    let device = NewDevice {
        id: DeviceId::from_random(id),
        token_hash,
        key_hash,
        nonce: number.to_be_bytes().to_vec(),
        peer: [127, 0, 0, 1].into(),
        hints: HostHints {
            hostname: format!("pc-{number:05}"),
            ..HostHints::default()
        },
        agent_version: "0".into(),
        platform: "linux-x86_64".into(),
        at: NOW,
        certificate_ends_at: NOW + 1_000,
        resume_key: [7; 32],
    };
    match store.enrol(&device)? {
        EnrolOutcome::Enrolled(device) => Ok(device.id),
        other => bail!("not enrolled: {other:?}"),
    }
}

/// The first report of a PC: its packages.
fn report(number: u32, titles: u32, random: &mut fastrand::Rng) -> Result<Incoming> {
    let mut names: Vec<String> = (0..COMMON.min(titles)).map(name).collect();
    if number.is_multiple_of(20) {
        names.push(some());
    }
    while names.len() < titles as usize {
        let drawn = name(COMMON + random.u32(0..OTHERS));
        if !names.contains(&drawn) {
            names.push(drawn);
        }
    }
    let put = names.iter().map(|name| item(name)).collect();
    let body = Body::Delta(Delta {
        sources: vec![SourceState {
            section: Section::Software.into(),
            source: "dpkg".into(),
            look: Look::Looked.into(),
            reason: String::new(),
        }],
        put,
        ..Delta::default()
    });
    let stamp = Some(Stamp {
        observed_at_ms: NOW,
        boot_id: "b".into(),
        monotonic_ms: 1,
    });
    let raw = Payload {
        stamp,
        body: Some(body),
    }
    .encode_to_vec();
    Ok(Incoming {
        epoch: 1,
        sequence: 1,
        payload_hash: digest::payload(&raw),
        payload: decode::payload(&raw).map_err(|refused| anyhow::anyhow!("{refused}"))?,
        raw,
    })
}

fn item(name: &str) -> Item {
    let facet: Facet = Software {
        name: name.to_owned(),
        version: "1.2.3-4".into(),
        publisher: "Maintainers <maintainers@office.example>".into(),
        kind: SoftwareKind::Package.into(),
        package: name.to_lowercase().replace(' ', "-"),
        architecture: "amd64".into(),
        section_hint: "misc".into(),
        summary: "A title of the office".into(),
        ..Software::default()
    }
    .into();
    Item {
        section: Section::Software.into(),
        source: "dpkg".into(),
        key: format!("{}:amd64", name.to_lowercase().replace(' ', "-")),
        principal: String::new(),
        facet: facet.encode_to_vec().into(),
        local: Vec::new().into(),
    }
}
