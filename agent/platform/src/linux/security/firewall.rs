//! Source `security/firewall`: which packet filter is set to start with the system. The rules that the
//! kernel holds at the moment are not asked for.

use deskwarden_parse::{ini, text};
use deskwarden_proto::v1::{Security, Switch};

use super::{fact, file, id, switch};
use crate::{
    Reading, Root, Source, SourceId, WatchPath,
    linux::{gather::Gather, units},
};

const UFW: &str = "etc/ufw/ufw.conf";
const FIREWALLD: &str = "etc/firewalld/firewalld.conf";
const NFTABLES: [&str; 2] = ["etc/nftables.conf", "etc/sysconfig/nftables.conf"];
const IPTABLES: [&str; 2] = ["etc/iptables/rules.v4", "etc/sysconfig/iptables"];

/// Configuration of the packet filters that distributions ship.
pub(in crate::linux) struct Firewall;

impl Source for Firewall {
    fn id(&self) -> SourceId {
        id("firewall")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let enabled = units::enabled(root, &mut gather);
        let mut facts = Vec::new();
        if let Some(bytes) = gather.file(root, UFW) {
            let entries = ini::parse_ini(&bytes);
            let on = text::unquote(ini::value(&entries, "", "ENABLED")).eq_ignore_ascii_case("yes");
            facts.push(filter(
                "ufw",
                on,
                format!("ENABLED={}", if on { "yes" } else { "no" }),
                UFW,
            ));
        }
        if units::installed(root, "firewalld.service") {
            let on = enabled.contains("firewalld.service");
            let bytes = gather.file(root, FIREWALLD).unwrap_or_default();
            let entries = ini::parse_ini(&bytes);
            let zone = text::clip(ini::value(&entries, "", "DefaultZone"), 200).to_owned();
            // This zone lets everything in.
            let filters = zone != "trusted";
            facts.push(filter(
                "firewalld",
                on && filters,
                format!("DefaultZone={zone}"),
                FIREWALLD,
            ));
        }
        for path in NFTABLES {
            if let Some(bytes) = gather.file(root, path) {
                let rules = has_rules(&bytes);
                let on = rules && enabled.contains("nftables.service");
                let detail = if rules {
                    "rules for incoming packets"
                } else {
                    "no rules"
                };
                facts.push(filter("nftables", on, detail.to_owned(), path));
            }
        }
        for path in IPTABLES {
            if let Some(bytes) = gather.file(root, path) {
                let rules = text::lines(&bytes)
                    .any(|line| line.starts_with(b"-A INPUT") || line.starts_with(b":INPUT DROP"));
                let started = ["netfilter-persistent.service", "iptables.service"]
                    .iter()
                    .any(|unit| enabled.contains(*unit));
                let detail = if rules {
                    "rules for incoming packets"
                } else {
                    "no rules"
                };
                facts.push(filter("iptables", rules && started, detail.to_owned(), path));
            }
        }
        if facts.is_empty() {
            facts.push(fact(Security {
                topic: "firewall".to_owned(),
                enabled: Switch::Off.into(),
                ..Security::default()
            }));
        }
        gather.facts = facts;
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let mut all = units::watches(root);
        all.extend(
            [UFW, FIREWALLD]
                .into_iter()
                .chain(NFTABLES)
                .chain(IPTABLES)
                .map(|path| file(root, path)),
        );
        all
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let inputs = units::inputs(root);
        let files = [UFW, FIREWALLD].into_iter().chain(NFTABLES).chain(IPTABLES);
        Some(root.stamp(files.chain(inputs.iter().map(String::as_str))))
    }
}

fn filter(product: &str, on: bool, detail: String, place: &str) -> crate::Fact {
    fact(Security {
        topic: "firewall".to_owned(),
        product: product.to_owned(),
        enabled: switch(on).into(),
        detail,
        ..Security::default()
    })
    .at(format!("/{place}"))
}

/// A chain that sees incoming packets and does something with them.
fn has_rules(bytes: &[u8]) -> bool {
    let mut incoming = false;
    for line in text::lines(bytes) {
        let line = text::decode(line);
        let line = line.split('#').next().unwrap_or_default();
        incoming |= line.contains("hook input");
        let acts = ["policy drop", " drop", " reject"]
            .iter()
            .any(|word| line.contains(word));
        if incoming && acts {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::testing::{enable, switches, write};
    use super::*;

    #[test]
    fn a_filter_is_on_when_it_has_rules_and_starts_with_the_system() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(switches(&Firewall.read(&root)), [("firewall", Switch::Off)]);
        let empty =
            b"table inet filter {\n chain input {\n type filter hook input priority 0;\n # drop\n }\n}\n";
        write(
            folder.path(),
            &[
                (UFW, b"# c\nENABLED=no\n"),
                (NFTABLES[0], empty),
                ("usr/lib/systemd/system/firewalld.service", b""),
                (FIREWALLD, b"DefaultZone=public\n"),
            ],
        );
        let off = [
            ("firewall:firewalld", Switch::Off),
            ("firewall:nftables", Switch::Off),
            ("firewall:ufw", Switch::Off),
        ];
        assert_eq!(switches(&Firewall.read(&root)), off);
        enable(folder.path(), "firewalld.service");
        enable(folder.path(), "nftables.service");
        let rules =
            b"table inet filter {\n chain input {\n type filter hook input priority 0; policy drop;\n }\n}\n";
        write(folder.path(), &[(UFW, b"ENABLED=yes\n"), (NFTABLES[0], rules)]);
        assert!(
            switches(&Firewall.read(&root))
                .iter()
                .all(|(_, on)| *on == Switch::On)
        );
    }
}
