//! Source `security/firewall`: Windows' own firewall, for each kind of network. A policy stands above the setting.

use deskwarden_proto::v1::Security;

use super::{fact, id, number, switch};
use crate::{KernelEvent, Reading, Root, Source, SourceId, windows::gather::Gather};

const SETTINGS: &str = "SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy";
const POLICIES: &str = "SOFTWARE\\Policies\\Microsoft\\WindowsFirewall";
/// Names of the profiles, in the setting, in policies, and for people.
const PROFILES: [(&str, &str, &str); 3] = [
    ("DomainProfile", "DomainProfile", "Windows Firewall (domain)"),
    ("StandardProfile", "PrivateProfile", "Windows Firewall (private)"),
    ("PublicProfile", "PublicProfile", "Windows Firewall (public)"),
];

/// The profiles' switches.
pub(in crate::windows) struct Firewall;

impl Source for Firewall {
    fn id(&self) -> SourceId {
        id("firewall")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        for (setting, policy, product) in PROFILES {
            let name = "EnableFirewall";
            let on = number(root, &mut gather, &format!("{POLICIES}\\{policy}"), name)
                .or_else(|| number(root, &mut gather, &format!("{SETTINGS}\\{setting}"), name));
            if let Some(on) = on {
                gather.facts.push(fact(Security {
                    topic: "firewall".to_owned(),
                    product: product.to_owned(),
                    enabled: switch(on != 0).into(),
                    detail: format!("{name}={on}"),
                    ..Security::default()
                }));
            }
        }
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Protection]
    }
}
