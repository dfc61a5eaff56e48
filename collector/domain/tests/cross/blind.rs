//! A source that turns unreadable takes nothing away: what several devices showed together stands until it is seen that
//! it is over. From the records of two PCs to the findings across them.

use std::collections::BTreeMap;

use deskwarden_domain::{
    judge::{Context, Graces},
    model::{Claim, FindingKey},
    port::{Said, Value},
};
use deskwarden_proto::v1::{AddressMode, Facet, Look, Media, Neighbour, Section, facet::Kind};
use std::sync::Arc;

use super::{
    office::{MAC_A, MAC_B},
    support::{Pc, interface, memory},
    *,
};

/// Rules over several devices need no catalogue.
static RULES: LazyLock<Context> = LazyLock::new(|| {
    let files: Vec<RuleFile<'_>> = packs::FILES
        .iter()
        .copied()
        .filter(|file| !file.name.starts_with("catalogue"))
        .collect();
    Context {
        generation: 1,
        rules: Arc::new(RuleSet::load(&files).unwrap()),
        ranges: Arc::from([]),
        licences: Arc::default(),
        down: Arc::default(),
        graces: Graces::Kept,
    }
});

const SECTIONS: [(Section, &str); 4] = [
    (Section::Network, "netlink"),
    (Section::Neighbour, "arp"),
    (Section::Media, "usb"),
    (Section::Part, "smbios"),
];

/// What a PC may show in a section, by number.
fn fact(section: Section, pc: usize, number: u8) -> (String, Facet) {
    let neighbour = |ip: &str, mac: &str, router: bool| {
        let neighbour = Neighbour {
            ip: ip.into(),
            mac: mac.into(),
            interface: "eth0".into(),
            router,
        };
        (format!("{ip}/{mac}"), Facet::from(neighbour))
    };
    match section {
        Section::Network => {
            let (_, facet) = interface(if number == 0 { X } else { "192.0.2.8" }, AddressMode::Static);
            let Some(Kind::Network(mut network)) = facet.kind else {
                unreachable!("an interface")
            };
            network.mac = if pc == 0 { MAC_A } else { MAC_B }.into();
            network.permanent_mac.clone_from(&network.mac);
            network.gateways = vec![GATEWAY.into()];
            network.gateway_mac = ROUTER.into();
            (format!("mac:{}", network.mac), network.into())
        }
        Section::Neighbour => match number {
            0 => neighbour(X, STRANGER, false),
            1 => neighbour(GATEWAY, ROUTER, true),
            2 => neighbour(GATEWAY, STRANGER, true),
            other => neighbour(&format!("192.0.2.{}", 20 + other), MAC_B, false),
        },
        Section::Media => {
            let medium = Media {
                vendor: "Kingston".into(),
                serial: "4C530001".into(),
                present: true,
                ..Media::default()
            };
            ("4C530001".to_owned(), medium.into())
        }
        _ => memory("36F1A2C7"),
    }
}

/// Two PCs, and what a store would keep of their claims.
struct Fleet {
    pcs: [Pc; 2],
    claims: BTreeMap<(usize, String), Vec<Claim>>,
    accepted: BTreeMap<(usize, String), Vec<Claim>>,
    findings: BTreeMap<FindingKey, Finding>,
}

impl Fleet {
    fn new() -> Self {
        let mut pcs = [Pc::new(), Pc::new()];
        for (pc, id) in pcs.iter_mut().zip([A, B]) {
            pc.state.asset.id = id;
            pc.state.device.asset = id;
            pc.state.asset.provisional = false;
        }
        Self {
            pcs,
            claims: BTreeMap::new(),
            accepted: BTreeMap::new(),
            findings: BTreeMap::new(),
        }
    }

    fn reads(&mut self, pc: usize, (section, source): (Section, &str), look: Look, numbers: &[u8]) {
        let mut facts: BTreeMap<String, Facet> = BTreeMap::new();
        facts.extend(numbers.iter().map(|number| fact(section, pc, *number)));
        self.pcs[pc].reads(&RULES, section, source, look, facts.into_iter().collect());
        for op in std::mem::take(&mut self.pcs[pc].ops) {
            match op {
                Op::Claims { item_key, claims, .. } => {
                    self.claims.insert((pc, item_key), claims);
                }
                Op::Accepted { item_key, claims, .. } => {
                    self.accepted.insert((pc, item_key), claims);
                }
                _ => {}
            }
        }
    }

    /// Judges everything that is claimed, and keeps what that says.
    fn judge(&mut self) -> BTreeMap<FindingKey, FindingState> {
        let mut office = Office::of_two().managed().assigned(X, to(A));
        let claims = self.claims.values().chain(self.accepted.values()).flatten();
        office.picture.said = claims
            .map(|claim| Said {
                value: Value {
                    kind: claim.kind,
                    value: claim.value.clone(),
                },
                origin: claim.origin,
                asset: claim.asset,
                note: claim.said(),
                by: vec!["pc-observer".into()],
                count: 1,
            })
            .collect();
        office.picture.findings = self.findings.values().cloned().collect();
        for finding in office.judged().findings {
            self.findings.insert(finding.key.clone(), finding);
        }
        let states = self.findings.iter();
        states
            .map(|(key, finding)| (key.clone(), finding.state))
            .collect()
    }
}

#[test]
fn what_two_pcs_show_stands_when_nobody_may_look_any_more() {
    let mut fleet = Fleet::new();
    let [network, neighbour, media, part] = SECTIONS;
    fleet.reads(0, part, Look::Looked, &[0]);
    fleet.reads(0, part, Look::Looked, &[]);
    fleet.reads(1, part, Look::Looked, &[0]);
    fleet.reads(1, network, Look::Looked, &[0]);
    fleet.reads(1, media, Look::Looked, &[0]);
    fleet.reads(0, neighbour, Look::Looked, &[0, 1]);
    fleet.reads(0, neighbour, Look::Looked, &[0, 2, 3, 4, 5, 6, 7, 8]);
    let shown = fleet.judge();
    let rules: BTreeSet<&str> = shown.keys().map(|key| key.rule.as_str()).collect();
    let expected = [
        "pc.address-conflict",
        STOLEN,
        SPOOFED,
        MANY,
        "pc.media-unregistered",
        MOVED,
    ];
    for rule in expected {
        assert!(rules.contains(rule), "{rule} is not among {rules:?}");
    }
    for section in SECTIONS {
        for pc in [0, 1] {
            fleet.reads(pc, section, Look::Denied, &[]);
        }
    }
    assert_eq!(fleet.judge(), shown);
    // Once it is looked at again, what is gone is over.
    for section in SECTIONS {
        for pc in [0, 1] {
            fleet.reads(pc, section, Look::Looked, &[]);
        }
    }
    let over = fleet.judge();
    assert!(
        over.iter()
            .all(|(key, state)| !state.is_active() || key.rule == MOVED),
        "{over:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_source_that_turns_unreadable_resolves_nothing_across_pcs(
        shown in prop::collection::vec((0usize..2, 0usize..4, prop::collection::vec(0u8..10, 0..8)), 1..12),
        blind in prop::collection::vec((0usize..2, 0usize..4, 0usize..4, 0usize..8), 1..10),
    ) {
        let mut fleet = Fleet::new();
        let mut last: BTreeMap<(usize, usize), &[u8]> = BTreeMap::new();
        for (pc, section, numbers) in &shown {
            fleet.reads(*pc, SECTIONS[*section], Look::Looked, numbers);
            fleet.judge();
            last.insert((*pc, *section), numbers.as_slice());
        }
        let before = fleet.judge();
        for (pc, section, look, count) in &blind {
            let look = [Look::Denied, Look::Failed, Look::Unsupported, Look::Partial][*look];
            // A part of what it showed last: of an interface with another address it would be seen that it is over.
            let known = last.get(&(*pc, *section)).copied().unwrap_or_default();
            let some = match (look, SECTIONS[*section].0) {
                (Look::Partial, Section::Network) => known,
                (Look::Partial, _) => known.get(..*count).unwrap_or_default(),
                _ => &[],
            };
            fleet.reads(*pc, SECTIONS[*section], look, some);
            let after = fleet.judge();
            for (key, state) in before.iter().filter(|(_, state)| state.is_active()) {
                prop_assert_eq!(after.get(key), Some(state), "{:?}", key);
            }
        }
    }
}
