//! A PC in memory: the state that a store would load, fed with records the way the collector does it.

#![expect(dead_code, reason = "each test file uses its part")]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a fault here fails the test that asked"
)]

pub(crate) mod desk;

use std::{collections::BTreeMap, sync::Arc};

use deskwarden_domain::{
    advance::{self, Incoming, Step},
    judge::{Context, Graces, Memo},
    model::{
        Alert, AlertKind, Approval, ApprovalId, Asset, AssetId, AssetState, Device, DeviceStatus, Finding,
        FindingState, Grantee, Millis, Outcome, Position,
    },
    port::{DeviceState, Op, StagedChunk},
    register::Papers,
    rules::{RuleFile, RuleSet},
};
use deskwarden_proto::{
    Message,
    decode::{self, ItemId},
    diff::{Shadow, SourceReading},
    digest,
    ids::DeviceId,
    v1::{
        Address, AddressMode, Delta, Facet, HostHints, InterfaceKind, Item, Look, Network, Part, PartClass,
        Payload, Proxy, Section, Software, SoftwareKind, Stamp, payload::Body,
    },
};

pub(crate) const ASSET: AssetId = AssetId(1);

/// The context of rules given as text; faults fail the test with their words.
pub(crate) fn context(generation: i64, files: &[(&str, &str)]) -> Context {
    let files: Vec<RuleFile<'_>> = files
        .iter()
        .map(|(name, content)| RuleFile { name, content })
        .collect();
    let rules = RuleSet::load(&files)
        .unwrap_or_else(|faults| panic!("{}", faults.iter().map(|f| format!("{f}\n")).collect::<String>()));
    Context {
        generation,
        rules: Arc::new(rules),
        ranges: Arc::from([]),
        licences: Arc::from([]),
        down: Arc::default(),
        graces: Graces::Kept,
    }
}

/// A PC: agent's shadow and collector's state.
pub(crate) struct Pc {
    pub(crate) state: DeviceState,
    pub(crate) shadow: Shadow,
    pub(crate) memo: Memo,
    pub(crate) now: Millis,
    pub(crate) alerts: Vec<Alert>,
    pub(crate) ops: Vec<Op>,
}

impl Pc {
    pub(crate) fn new() -> Self {
        let device = Device {
            id: DeviceId::from_random([1; 16]),
            asset: ASSET,
            status: DeviceStatus::Active,
            current: true,
            platform: "linux-x86_64".into(),
            agent_version: "0".into(),
            hints: HostHints::default(),
            key_hash: [0; 32],
            enrolled_at: 0,
            last_seen_at: None,
            goodbye_at: None,
            certificate_ends_at: None,
            forked_at: None,
        };
        let asset = Asset {
            id: ASSET,
            number: None,
            name: "pc-1".into(),
            custodian: None,
            department: None,
            state: AssetState::InUse,
            provisional: true,
            created_at: 0,
            version: 1,
            wake_at: None,
            judged_generation: 0,
            ..Asset::named("")
        };
        let state = DeviceState {
            device,
            asset,
            position: Position::start(1, [7; 32]),
            sources: Vec::new(),
            sums: Vec::new(),
            items: BTreeMap::new(),
            baseline: BTreeMap::new(),
            seeded: Vec::new(),
            evidence: Vec::new(),
            findings: Vec::new(),
            outcomes: Vec::new(),
            ledger: Vec::new(),
            approvals: Vec::new(),
            papers: Papers::default(),
            notices: Vec::new(),
            staged: Vec::new(),
        };
        Self {
            state,
            shadow: Shadow::default(),
            memo: Memo::default(),
            now: 1_000,
            alerts: Vec::new(),
            ops: Vec::new(),
        }
    }

    /// A source as it is read now: diffed, sent and judged. `None` when nothing changed.
    pub(crate) fn reads(
        &mut self,
        context: &Context,
        section: Section,
        source: &str,
        look: Look,
        facts: Vec<(String, Facet)>,
    ) -> Option<Step> {
        let items = facts
            .into_iter()
            .map(|(key, facet)| Item {
                section: section.into(),
                source: source.into(),
                key,
                principal: String::new(),
                facet: facet.encode_to_vec().into(),
                local: Vec::new().into(),
            })
            .collect();
        let reason = if look == Look::Looked {
            String::new()
        } else {
            "no permission".into()
        };
        let delta = self.shadow.diff(SourceReading {
            section,
            source: source.into(),
            look,
            reason,
            items,
        })?;
        self.shadow.apply(&delta);
        Some(self.sends(context, Body::Delta(delta)))
    }

    /// A record with the next sequence.
    pub(crate) fn sends(&mut self, context: &Context, body: Body) -> Step {
        let (epoch, sequence) = (self.state.position.epoch, self.state.position.next_sequence);
        self.sends_as(context, epoch, sequence, body)
    }

    /// A record with any sequence.
    pub(crate) fn sends_as(&mut self, context: &Context, epoch: u64, sequence: u64, body: Body) -> Step {
        self.now += 1_000;
        let stamp = Stamp {
            observed_at_ms: self.now - 5,
            boot_id: "b".into(),
            monotonic_ms: 1,
        };
        let raw = Payload {
            stamp: Some(stamp),
            body: Some(body),
        }
        .encode_to_vec();
        let payload = decode::payload(&raw).unwrap();
        let incoming = Incoming {
            epoch,
            sequence,
            payload_hash: digest::payload(&raw),
            raw,
            payload,
        };
        let everything = advance::needs_everything(&self.state, context);
        let step = advance::advance(
            &mut self.state,
            &incoming,
            everything,
            context,
            &mut self.memo,
            self.now,
        );
        if let Step::Applied(ops) = &step {
            self.took(ops);
        }
        step
    }

    /// Judges what is stored anew.
    pub(crate) fn rejudge(&mut self, context: &Context) {
        self.now += 1_000;
        let ops = advance::rejudge(&mut self.state, context, &mut self.memo, self.now);
        self.took(&ops);
    }

    /// What a store would do with operations that the state does not fold by itself.
    pub(crate) fn took(&mut self, ops: &[Op]) {
        for op in ops {
            match op {
                Op::Alert(alert) => self.alerts.push(alert.clone()),
                Op::Stage { index, payload, .. } => {
                    self.state.staged.push(StagedChunk {
                        index: *index,
                        payload: payload.clone(),
                    });
                }
                Op::PutBaseline { item, .. } => {
                    self.state.baseline.insert(item.id.clone(), item.clone());
                }
                Op::RemoveBaseline { id, .. } => {
                    self.state.baseline.remove(id);
                }
                Op::RemoveEvidence {
                    rule, subject, item, ..
                } => {
                    self.state
                        .evidence
                        .retain(|e| (&e.rule, &e.subject, &e.item) != (rule, subject, item));
                }
                Op::PutFinding(finding) => {
                    self.state.findings.retain(|f| f.key != finding.key);
                    self.state.findings.push(finding.clone());
                }
                _ => {}
            }
        }
        self.ops.extend(ops.iter().cloned());
    }

    pub(crate) fn software(&mut self, context: &Context, names: &[&str]) {
        self.software_look(context, Look::Looked, names);
    }

    pub(crate) fn software_look(&mut self, context: &Context, look: Look, names: &[&str]) {
        let facts = names
            .iter()
            .map(|name| (format!("{name}:amd64"), package(name)))
            .collect();
        self.reads(context, Section::Software, "dpkg", look, facts);
    }

    /// Findings of a rule by state.
    pub(crate) fn findings(&self, rule: &str) -> Vec<(&str, FindingState)> {
        let mut found: Vec<_> = self
            .state
            .findings
            .iter()
            .filter(|f| f.key.rule == rule)
            .map(|f| (f.key.subject.as_str(), f.state))
            .collect();
        found.sort_unstable_by_key(|(subject, _)| *subject);
        found
    }

    pub(crate) fn finding(&self, rule: &str) -> &Finding {
        self.state
            .findings
            .iter()
            .find(|f| f.key.rule == rule)
            .unwrap_or_else(|| panic!("no finding of {rule}"))
    }

    pub(crate) fn outcome(&self, rule: &str) -> (Outcome, &str) {
        let row = self
            .state
            .outcomes
            .iter()
            .find(|row| row.rule == rule)
            .unwrap_or_else(|| panic!("no outcome of {rule}"));
        (row.outcome, &row.reason)
    }

    pub(crate) fn told(&self, kind: AlertKind, rule: &str) -> usize {
        self.alerts
            .iter()
            .filter(|a| a.kind == kind && a.finding.rule == rule)
            .count()
    }
}

/// Approves whatever breaches a rule on the PC, until `ends_at`.
pub(crate) fn approve(pc: &mut Pc, rule: &str, ends_at: i64) {
    pc.state.approvals = vec![approval(ASSET, rule, ends_at)];
}

/// An approval of whatever breaches a rule on an asset.
pub(crate) fn approval(asset: AssetId, rule: &str, ends_at: i64) -> Approval {
    Approval {
        id: Some(ApprovalId(1)),
        grantee: Grantee::Asset(asset),
        rule: rule.into(),
        subject: "*".into(),
        approver: "张主任".into(),
        reason: "工作需要".into(),
        starts_at: 0,
        ends_at,
        granted_at: 0,
        granted_by: "li".into(),
        finding: None,
        withdrawn: None,
    }
}

pub(crate) fn package(name: &str) -> Facet {
    Software {
        name: name.into(),
        package: name.into(),
        kind: SoftwareKind::Package.into(),
        version: "1".into(),
        ..Software::default()
    }
    .into()
}

pub(crate) fn memory(serial: &str) -> (String, Facet) {
    let part = Part {
        class: PartClass::Memory.into(),
        position: "DIMM_A1".into(),
        serial: serial.into(),
        size_bytes: 8 << 30,
        ..Part::default()
    };
    ("memory:DIMM_A1".into(), part.into())
}

pub(crate) fn interface(ip: &str, mode: AddressMode) -> (String, Facet) {
    let network = Network {
        interface: "eth0".into(),
        kind: InterfaceKind::Ethernet.into(),
        mac: "00:1a:2b:3c:4d:5e".into(),
        permanent_mac: "00:1a:2b:3c:4d:5e".into(),
        addresses: vec![Address {
            ip: ip.into(),
            prefix: 24,
            mode: mode.into(),
            configured_only: false,
        }],
        mode: mode.into(),
        up: true,
        ..Network::default()
    };
    ("mac:00:1a:2b:3c:4d:5e".into(), network.into())
}

pub(crate) fn proxy(host: &str) -> (String, Facet) {
    let proxy = Proxy {
        setting: "http_proxy".into(),
        value: format!("http://{host}:8080"),
        scheme: "http".into(),
        host: host.into(),
        port: 8080,
        enabled: true,
        ..Proxy::default()
    };
    ("/etc/environment:http_proxy".into(), proxy.into())
}

pub(crate) fn empty_delta() -> Body {
    Body::Delta(Delta::default())
}

pub(crate) fn item_id(section: Section, source: &str, key: &str) -> ItemId {
    ItemId {
        section,
        source: source.into(),
        key: key.into(),
        principal: String::new(),
    }
}
