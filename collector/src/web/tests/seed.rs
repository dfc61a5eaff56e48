//! Machines with facts, findings, outcomes, changes and gaps, written through the store's own port. Every
//! text that an agent could choose passes one function, so that a test can make all of them hostile.

use deskwarden_domain::{
    alerting,
    model::{
        Alert, AlertKind, Asset, AssetId, AssetState, BaselineItem, Change, ChangeKind, Evidence, Finding,
        FindingHistory, FindingKey, FindingState, Holder, Millis, Outcome, OutcomeRow, Severity, TokenId,
        TokenRow,
    },
    port::{Batch, EnrolOutcome, NewDevice, Op, RuleVersion, RuleVersionState},
};
use deskwarden_proto::{
    Bytes, Message as _,
    decode::{ItemId, ItemPut, SourceReport},
    digest,
    ids::DeviceId,
    v1::{self, Look, Section, facet::Kind},
};
use serde_json::json;

use super::house::{House, START, audit};

/// What an agent says instead of a given text.
pub(super) type Say = Box<dyn Fn(&str) -> String>;

/// It says the text itself.
pub(super) fn plain() -> Say {
    Box::new(str::to_owned)
}

pub(super) fn token(label: &str) -> TokenRow {
    TokenRow {
        id: TokenId(0),
        label: label.into(),
        hash: *blake3::hash(label.as_bytes()).as_bytes(),
        max_uses: 100,
        uses: 0,
        expires_at: START + 86_400_000,
        cidr: Some("10.0.0.0/8".into()),
        needs_approval: false,
        department: Some("客服部".into()),
        created_at: START - 86_400_000,
        created_by: "admin".into(),
        revoked_at: None,
    }
}

fn put(section: Section, source: &str, key: String, kind: Kind, path: &str) -> ItemPut {
    let facet = Bytes::from(v1::Facet { kind: Some(kind) }.encode_to_vec());
    let local = v1::Local {
        path: path.to_owned(),
        ..v1::Local::default()
    };
    let local = Bytes::from(local.encode_to_vec());
    ItemPut {
        digest: digest::item(section, source, &key, "", &facet, &local),
        facet_hash: digest::facet(&facet),
        id: ItemId {
            section,
            source: source.to_owned(),
            key,
            principal: String::new(),
        },
        facet,
        local,
    }
}

fn software(say: &Say, name: &str, version: &str) -> Kind {
    Kind::Software(v1::Software {
        name: say(name),
        version: say(version),
        publisher: say("Tencent"),
        kind: v1::SoftwareKind::Package.into(),
        package: say(name),
        summary: say("instant messenger"),
        ..v1::Software::default()
    })
}

fn memory(say: &Say, serial: &str) -> Kind {
    Kind::Part(v1::Part {
        class: v1::PartClass::Memory.into(),
        position: say("DIMM_A1"),
        manufacturer: say("Kingston"),
        model: say("KVR26N19S8/8"),
        serial: say(serial),
        size_bytes: 8 << 30,
        speed: 2666,
        ..v1::Part::default()
    })
}

fn network(say: &Say, ip: &str, mode: v1::AddressMode) -> Kind {
    Kind::Network(v1::Network {
        interface: say("enp3s0"),
        kind: v1::InterfaceKind::Ethernet.into(),
        mac: say("00:1a:2b:3c:4d:5e"),
        addresses: vec![v1::Address {
            ip: say(ip),
            prefix: 24,
            mode: mode.into(),
            ..v1::Address::default()
        }],
        gateways: vec![say("10.1.2.1")],
        dns: vec![say("10.1.1.53"), say("223.5.5.5")],
        mode: mode.into(),
        manager: say("NetworkManager"),
        up: true,
        ..v1::Network::default()
    })
}

/// A machine number `n` (from 1) with everything that pages show.
pub(super) fn machine(house: &House, n: u8, say: &Say) -> (DeviceId, AssetId) {
    enrolled_with(house, n, say, &token(&format!("machine {n}")))
}

/// The same, enrolled with that token.
pub(super) fn enrolled_with(house: &House, n: u8, say: &Say, row: &TokenRow) -> (DeviceId, AssetId) {
    let store = house.store.as_ref();
    store.create_token(row, &audit()).unwrap();
    let id = DeviceId::from_random([n; 16]);
    let new = NewDevice {
        id,
        token_hash: row.hash,
        key_hash: [n; 32],
        nonce: vec![n],
        peer: "10.1.2.3".parse().unwrap(),
        hints: v1::HostHints {
            hostname: say(&format!("front-desk-{n:02}")),
            system_serial: say("PF2ABC12"),
            macs: vec![say("00:1a:2b:3c:4d:5e")],
            model: say("ThinkCentre M720q"),
            ..v1::HostHints::default()
        },
        agent_version: say("0.1.0"),
        platform: say("linux-x86_64"),
        at: START - 3_600_000,
        certificate_ends_at: START + 30 * 86_400_000,
        resume_key: [n; 32],
    };
    let EnrolOutcome::Enrolled(device) = store.enrol(&new).unwrap() else {
        panic!("not enrolled")
    };
    let asset = store.asset(device.asset).unwrap().unwrap().0.asset;
    if !n.is_multiple_of(3) {
        store
            .put_asset(
                &Asset {
                    number: Some(say(&format!("WY-2024-{n:04}"))),
                    custodian: Some(say("张三")),
                    department: Some(say("客服部")),
                    state: AssetState::InUse,
                    provisional: false,
                    ..asset.clone()
                },
                false,
                &audit(),
            )
            .unwrap();
    }
    store
        .apply(&Batch {
            ops: ops(id, asset.id, n, say),
            ..Batch::default()
        })
        .unwrap();
    (id, asset.id)
}

fn ops(device: DeviceId, asset: AssetId, n: u8, say: &Say) -> Vec<Op> {
    let at = START - 600_000 * i64::from(n);
    let dpkg = say("dpkg");
    let qq = put(
        Section::Software,
        &dpkg,
        say("linuxqq:amd64"),
        software(say, "QQ", "3.2.12"),
        &say("/opt/QQ/qq"),
    );
    let office = put(
        Section::Software,
        &dpkg,
        say("wps-office:amd64"),
        software(say, "WPS Office", "11.1"),
        "",
    );
    let old_part = put(
        Section::Part,
        "smbios",
        say("memory:DIMM_A1"),
        memory(say, "A1B2C3D4"),
        "",
    );
    let part = put(
        Section::Part,
        "smbios",
        say("memory:DIMM_A1"),
        memory(say, "FFEE0011"),
        "",
    );
    let old_net = put(
        Section::Network,
        "netlink",
        say("mac:00:1a"),
        network(say, "10.1.2.15", v1::AddressMode::Dhcp),
        "",
    );
    let net = put(
        Section::Network,
        "netlink",
        say("mac:00:1a"),
        network(say, "10.1.2.66", v1::AddressMode::Static),
        "",
    );
    let proxy = put(
        Section::Proxy,
        "environment",
        say("/etc/environment:http_proxy"),
        Kind::Proxy(v1::Proxy {
            setting: say("http_proxy"),
            value: say("http://10.9.9.9:8080"),
            scheme: say("http"),
            host: say("10.9.9.9"),
            port: 8080,
            enabled: true,
            ..v1::Proxy::default()
        }),
        "",
    );
    let os = put(
        Section::Os,
        "os-release",
        say("os"),
        Kind::Os(v1::Os {
            name: say("统信 UOS"),
            version: say("20"),
            hostname: say("front-desk"),
            family: say("linux"),
            directory: say("CN=front-desk,OU=台式机,OU=研发中心,DC=corp,DC=example"),
            ..v1::Os::default()
        }),
        "",
    );
    let mut ops = vec![Op::Seen {
        device,
        at,
        goodbye: n.is_multiple_of(4),
    }];
    let sources = [
        (Section::Software, dpkg.clone(), Look::Looked, ""),
        (Section::Part, "smbios".into(), Look::Looked, ""),
        (Section::Network, "netlink".into(), Look::Looked, ""),
        (Section::Os, "os-release".into(), Look::Looked, ""),
        (Section::Proxy, "environment".into(), Look::Looked, ""),
        (
            Section::Proxy,
            say("gnome:1000"),
            Look::Denied,
            "the agent runs without root: /home/zhang is not readable",
        ),
        (Section::Proxy, "kde".into(), Look::Unsupported, "no KDE here"),
        (
            Section::Part,
            say("disks"),
            Look::Partial,
            "nvme0n1: no serial without root",
        ),
    ];
    for (section, source, look, reason) in sources {
        let report = SourceReport {
            section,
            source,
            look,
            reason: if reason.is_empty() {
                String::new()
            } else {
                say(reason)
            },
        };
        let first_looked_at = (look == Look::Looked).then_some(at);
        ops.push(Op::Source {
            device,
            report,
            at,
            first_looked_at,
        });
    }
    for item in [&qq, &office, &part, &net, &proxy, &os] {
        ops.push(Op::PutItem {
            device,
            put: item.clone(),
            at,
        });
    }
    for (section, count) in [
        (Section::Software, 2),
        (Section::Part, 1),
        (Section::Network, 1),
        (Section::Proxy, 1),
        (Section::Os, 1),
    ] {
        ops.push(Op::Sum {
            device,
            section,
            digest: 1,
            count,
        });
    }
    for item in [old_part.clone(), old_net.clone()] {
        ops.push(Op::Seeded {
            asset,
            section: item.id.section,
            source: item.id.source.clone(),
        });
        let baseline = BaselineItem {
            id: item.id,
            facet: item.facet,
            facet_hash: item.facet_hash,
            accepted_at: at,
            accepted_by: say("first contact"),
        };
        ops.push(Op::PutBaseline {
            asset,
            item: baseline,
        });
    }
    let change = |kind, before: Option<&ItemPut>, after: Option<&ItemPut>, ago: Millis| {
        let id = after.or(before).unwrap().id.clone();
        let (before, after) = (
            before.map(|item| item.facet.clone()),
            after.map(|item| item.facet.clone()),
        );
        Op::Change(Change {
            device,
            id,
            kind,
            before,
            after,
            received_at: at - ago,
            observed_at: at - ago - 400_000,
        })
    };
    ops.push(change(ChangeKind::Gone, Some(&office), None, 5_000_000));
    ops.push(change(
        ChangeKind::Changed,
        Some(&old_part),
        Some(&part),
        3_000_000,
    ));
    ops.push(change(ChangeKind::Changed, Some(&old_net), Some(&net), 2_000_000));
    ops.push(change(ChangeKind::Added, None, Some(&qq), 1_000_000));
    ops.push(Op::Gap {
        device,
        gap: v1::Gap {
            section: Section::Software.into(),
            records: 12,
            reason: say("the outbox was full"),
            from_ms: at - 9_000_000,
            to_ms: at - 8_000_000,
        },
        at: at - 7_000_000,
    });
    findings(&mut ops, device, asset, n, say, &[&qq, &part, &net, &proxy], at);
    for (rule, outcome, reason) in [
        ("pc.chat", Outcome::Fail, ""),
        ("pc.game", Outcome::Pass, ""),
        ("pc.part-changed", Outcome::Fail, ""),
        (
            "pc.unregistered",
            if n.is_multiple_of(3) {
                Outcome::Fail
            } else {
                Outcome::Pass
            },
            "",
        ),
        ("pc.proxy", Outcome::CouldNotLook, "gnome:1000: no permission"),
        ("gone.rule", Outcome::Pass, ""),
    ] {
        let reason = if reason.is_empty() {
            String::new()
        } else {
            say(reason)
        };
        ops.push(Op::Outcome {
            asset,
            row: OutcomeRow {
                rule: rule.into(),
                outcome,
                reason,
            },
        });
    }
    ops.push(Op::Judged {
        asset,
        generation: 1,
        wake_at: None,
    });
    ops
}

fn findings(
    ops: &mut Vec<Op>,
    device: DeviceId,
    asset: AssetId,
    n: u8,
    say: &Say,
    items: &[&ItemPut; 4],
    at: Millis,
) {
    let [qq, part, net, proxy] = *items;
    let breaches = [
        (
            "pc.chat",
            "PC 3.2.4",
            "qq",
            "QQ",
            Severity::High,
            qq,
            json!({"name": say("QQ"), "version": say("3.2.12"), "path": say("/opt/QQ/qq"), "recognised_by": say("name")}),
        ),
        (
            "pc.part-changed",
            "PC 3.2.1",
            "memory:DIMM_A1",
            "DIMM_A1",
            Severity::Critical,
            part,
            json!({"class": "memory", "model": say("KVR26N19S8/8"), "change": "changed", "against": "baseline",
                   "difference": {"serial": {"before": say("A1B2C3D4"), "after": say("FFEE0011")}}}),
        ),
        (
            "pc.address",
            "PC 3.2.5",
            "mac:00:1a",
            "enp3s0",
            Severity::Medium,
            net,
            json!({"interface": say("enp3s0"), "change": "changed", "against": "ledger",
                   "difference": {"addresses": {"before": [say("10.1.2.15")], "after": [say("10.1.2.66")]}}}),
        ),
        (
            "pc.proxy",
            "PC 3.2.5",
            "http_proxy",
            "http_proxy",
            Severity::Low,
            proxy,
            json!({"setting": say("http_proxy"), "value": say("http://10.9.9.9:8080")}),
        ),
    ];
    for (index, (rule, clause, subject, name, severity, item, detail)) in breaches.into_iter().enumerate() {
        if index > 0 && usize::from(n) % (index + 1) == 1 && n > 1 {
            continue;
        }
        let key = FindingKey {
            holder: Holder::Asset(asset),
            rule: rule.into(),
            subject: say(subject),
        };
        let opened = at - 3_600_000 * (index as i64 + 1) * i64::from(n);
        let state = if index == 3 && n.is_multiple_of(2) {
            FindingState::Acknowledged
        } else {
            FindingState::Open
        };
        ops.push(Op::PutEvidence(Evidence {
            rule: rule.into(),
            subject: say(subject),
            subject_name: say(name),
            asset,
            device: Some(device),
            item: Some(item.id.clone()),
            detail: detail.to_string(),
            since: opened,
        }));
        ops.push(Op::PutFinding(Finding {
            id: None,
            key: key.clone(),
            severity,
            clause: clause.into(),
            subject_name: say(name),
            state,
            first_seen: opened,
            last_seen: at,
            opened_at: opened,
            resolved_at: None,
            reopened: u32::from(index == 0 && n == 2),
            version: 0,
            seen: None,
        }));
        let step = |from, to, note: &str, after| FindingHistory {
            at: opened + after,
            actor: say("deskwarden"),
            from,
            to,
            note: say(note),
        };
        ops.push(Op::History {
            finding: key.clone(),
            step: step(None, FindingState::Open, "", 0),
        });
        if state == FindingState::Acknowledged {
            let step = step(
                Some(FindingState::Open),
                state,
                "已联系本人，今天下班前改回。",
                60_000,
            );
            ops.push(Op::History {
                finding: key.clone(),
                step,
            });
        }
        ops.push(Op::Alert(Alert {
            kind: AlertKind::Opened,
            finding: key,
            severity,
            at: opened,
        }));
    }
}

/// Deliveries of the alerts: some taken, some refused.
pub(super) fn deliveries(house: &House, say: &Say) {
    let store = house.store.as_ref();
    let book = alerting::Book {
        channels: ["mail", "webhook"]
            .into_iter()
            .map(|name| alerting::Told {
                name: name.to_owned(),
                min_severity: Severity::Low,
            })
            .collect(),
        ..alerting::Book::default()
    };
    let fresh = store.fresh_alerts(1_000).unwrap();
    let planned = alerting::plan(START - 1_000, &fresh, &book);
    let done: Vec<i64> = fresh.iter().map(|fresh| fresh.alert.id).collect();
    store.plan_alerts(&planned, &done).unwrap();
    let single = alerting::Pace {
        per_minute: None,
        groups: false,
    };
    for channel in ["mail", "webhook"] {
        let waiting = store.queue_due(channel, START, 1_000).unwrap();
        let packed = alerting::pack(START - 1_000, &waiting, single, &alerting::Pulse::default());
        store.bind(channel, &packed.packs, &[], START - 1_000).unwrap();
    }
    for delivery in store.due_deliveries("mail", START, 100).unwrap() {
        store.delivered(&[(delivery.id, START - 500)]).unwrap();
    }
    for (index, delivery) in store
        .due_deliveries("webhook", START, 100)
        .unwrap()
        .into_iter()
        .enumerate()
    {
        let due = (index % 2 == 0).then_some(START + 60_000);
        store
            .delivery_failed(delivery.id, &say("connection refused by 10.1.1.9:443"), due, true)
            .unwrap();
    }
}

/// A rule file that was refused after a good version.
pub(super) fn refused_rules(house: &House, say: &Say) {
    let version = |content: &str, state, faults: &str| RuleVersion {
        id: 0,
        file: say("site.toml"),
        content: content.into(),
        hash: *blake3::hash(content.as_bytes()).as_bytes(),
        origin: "rules.d".into(),
        imported_at: START - 1_000_000,
        state,
        faults: faults.into(),
        removed: false,
    };
    let store = house.store.as_ref();
    store
        .add_rule_version(&version("", RuleVersionState::Accepted, ""), &audit())
        .unwrap();
    let faults = format!(
        "{}\n{}",
        say("site.toml:12: no category is called `chatt`"),
        say("site.toml:15: `severity` is missing")
    );
    store
        .add_rule_version(&version("[[rule]]", RuleVersionState::Refused, &faults), &audit())
        .unwrap();
}
