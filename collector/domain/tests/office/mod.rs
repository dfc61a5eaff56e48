//! An office in words: what PCs, tables and ledgers say of each other.

#![expect(dead_code, reason = "each test file uses its part")]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a fault here fails the test that asked"
)]

use std::collections::BTreeSet;

use deskwarden_domain::{
    cross::{CrossVerdict, judge_claims},
    model::{
        Asset, AssetId, AssetState, ClaimKind, ClaimNote, ClaimOrigin, DhcpRange, FindingState, LedgerEntry,
        Millis,
    },
    port::{Known, Picture, Said, Value},
    rules::RuleKind,
};

pub(crate) const NOW: Millis = 1_000_000;

pub(crate) const A: AssetId = AssetId(1);

pub(crate) const B: AssetId = AssetId(2);

pub(crate) const MAC_A: &str = "00:00:5e:00:53:0a";

pub(crate) const MAC_B: &str = "00:00:5e:00:53:0b";

pub(crate) const STRANGER: &str = "00:00:5e:00:53:ff";

pub(crate) const ROUTER: &str = "00:00:5e:00:53:01";

pub(crate) const X: &str = "192.0.2.7";

pub(crate) const GATEWAY: &str = "192.0.2.1";

pub(crate) const PART: &str = "memory:samsung:36F1A2C7";

/// An office in words: each call adds what somebody says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Office {
    pub(crate) picture: Picture,
}

impl Office {
    /// Two PCs that are on.
    pub(crate) fn of_two() -> Self {
        Self::default().pc(A, "pc-a", MAC_A).pc(B, "pc-b", MAC_B)
    }

    pub(crate) fn pc(mut self, id: AssetId, name: &str, mac: &str) -> Self {
        let asset = Asset {
            id,
            number: None,
            name: name.into(),
            custodian: None,
            department: None,
            state: AssetState::InUse,
            provisional: false,
            created_at: 0,
            version: 1,
            wake_at: None,
            judged_generation: 1,
            ..Asset::named("")
        };
        let known = Known {
            asset,
            present: true,
            macs: vec![mac.into()],
            addresses: Vec::new(),
            boards: Vec::new(),
            approvals: Vec::new(),
        };
        self.picture.assets.insert(id, known);
        self.picture.owners.insert(mac.into(), id);
        self
    }

    pub(crate) fn off(mut self, id: AssetId) -> Self {
        self.picture.assets.get_mut(&id).unwrap().present = false;
        self
    }

    pub(crate) fn board(mut self, id: AssetId, board: &str) -> Self {
        self.picture
            .assets
            .get_mut(&id)
            .unwrap()
            .boards
            .push(board.into());
        self
    }

    pub(crate) fn says(
        mut self,
        kind: ClaimKind,
        value: &str,
        origin: ClaimOrigin,
        asset: Option<AssetId>,
        note: ClaimNote,
    ) -> Self {
        self.picture.said.push(Said {
            value: Value {
                kind,
                value: value.into(),
            },
            origin,
            asset,
            note,
            by: vec!["pc-observer".into()],
            count: 1,
        });
        self
    }

    /// A PC says that an address is its own.
    pub(crate) fn holds(self, id: AssetId, mac: &str, mode: &str) -> Self {
        self.holds_behind(id, mac, mode, "")
    }

    pub(crate) fn holds_behind(self, id: AssetId, mac: &str, mode: &str, gateway_mac: &str) -> Self {
        let note = ClaimNote {
            mac: mac.into(),
            mode: mode.into(),
            prefix: Some(24),
            gateway_mac: gateway_mac.into(),
            ..ClaimNote::default()
        };
        self.says(ClaimKind::Ip, X, ClaimOrigin::Own, Some(id), note)
    }

    /// The address was accepted for a PC.
    pub(crate) fn accepted(self, id: AssetId, mode: &str) -> Self {
        let note = ClaimNote {
            mode: mode.into(),
            ..ClaimNote::default()
        };
        self.says(ClaimKind::Ip, X, ClaimOrigin::Accepted, Some(id), note)
    }

    /// A table shows a hardware address at an address.
    pub(crate) fn seen(self, ip: &str, mac: &str, origin: ClaimOrigin, router: bool) -> Self {
        let by_ip = ClaimNote {
            mac: mac.into(),
            router,
            ..ClaimNote::default()
        };
        let by_mac = ClaimNote {
            ip: ip.into(),
            router,
            ..ClaimNote::default()
        };
        self.says(ClaimKind::Ip, ip, origin, None, by_ip)
            .says(ClaimKind::Mac, mac, origin, None, by_mac)
    }

    pub(crate) fn part(self, id: AssetId, origin: ClaimOrigin) -> Self {
        let note = ClaimNote {
            class: "memory".into(),
            name: "Samsung M378".into(),
            ..ClaimNote::default()
        };
        self.says(ClaimKind::PartSerial, PART, origin, Some(id), note)
    }

    pub(crate) fn assigned(mut self, address: &str, change: impl FnOnce(&mut LedgerEntry)) -> Self {
        let mut entry = LedgerEntry::of(address.into());
        change(&mut entry);
        self.picture.ledger.push(entry);
        self
    }

    /// A PC had a medium plugged in, now or then.
    pub(crate) fn plugs_in(self, id: AssetId, serial: &str, at: Option<Millis>) -> Self {
        let note = ClaimNote {
            name: "Kingston DataTraveler".into(),
            at,
            ..ClaimNote::default()
        };
        self.says(ClaimKind::Media, serial, ClaimOrigin::Own, Some(id), note)
    }

    pub(crate) fn managed(mut self) -> Self {
        self.picture.managed.push(X.into());
        self
    }

    pub(crate) fn range(mut self, first: &str, last: &str) -> Self {
        self.picture.ranges.push(DhcpRange {
            first: first.into(),
            last: last.into(),
            name: String::new(),
        });
        self
    }

    pub(crate) fn judged(&self) -> CrossVerdict {
        self.judged_at(NOW)
    }

    pub(crate) fn judged_at(&self, now: Millis) -> CrossVerdict {
        let picture = Picture {
            at: now,
            ..self.picture.clone()
        };
        judge_claims(&self.values(), &picture, &crate::SET, now)
    }

    pub(crate) fn values(&self) -> Vec<Value> {
        let all: BTreeSet<Value> = self
            .picture
            .said
            .iter()
            .map(|said| said.value.clone())
            .chain(self.picture.licences.iter().map(|used| Value {
                kind: ClaimKind::Licence,
                value: used.licence.title.clone(),
            }))
            .chain(self.picture.findings.iter().map(|finding| {
                let kind = match crate::SET.rule(&finding.key.rule).map(|rule| rule.kind) {
                    Some(RuleKind::Cross { about, .. }) => about.kind(),
                    _ => panic!("{} is no rule over several devices", finding.key.rule),
                };
                Value {
                    kind,
                    value: finding.key.subject.clone(),
                }
            }))
            .collect();
        all.into_iter().collect()
    }

    /// Holders of the open findings of a rule.
    pub(crate) fn flagged(&self, rule: &str) -> Vec<String> {
        let mut holders: Vec<String> = self
            .judged()
            .findings
            .iter()
            .filter(|finding| finding.key.rule == rule && finding.state == FindingState::Open)
            .map(|finding| finding.key.holder.to_string())
            .collect();
        holders.sort();
        holders
    }
}

pub(crate) fn to(asset: AssetId) -> impl FnOnce(&mut LedgerEntry) {
    move |entry| entry.asset = Some(asset)
}
