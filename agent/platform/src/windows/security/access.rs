//! Sources `security/remote-access` and `security/auto-logon`: ways to the screen of this PC from elsewhere, and whether
//! Windows signs somebody in without asking.

use deskwarden_parse::registry::Key as _;
use deskwarden_proto::v1::Security;

use super::{fact, id, machine, number, switch};
use crate::{
    KernelEvent, Reading, Root, Source, SourceId,
    windows::{gather::Gather, services},
};

const TERMINAL: &str = "SYSTEM\\CurrentControlSet\\Control\\Terminal Server";
const TERMINAL_POLICY: &str = "SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services";
const ASSISTANCE: &str = "SYSTEM\\CurrentControlSet\\Control\\Remote Assistance";
const WINLOGON: &str = "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon";
/// Product and the service that it installs.
const SERVICES: [(&str, &str); 10] = [
    ("OpenSSH", "sshd"),
    ("TeamViewer", "TeamViewer"),
    ("AnyDesk", "AnyDesk"),
    ("RustDesk", "RustDesk"),
    ("ToDesk", "ToDesk_Service"),
    ("向日葵", "SunloginService"),
    ("TightVNC", "tvnserver"),
    ("UltraVNC", "uvnc_service"),
    ("RealVNC", "vncserver"),
    ("Telnet", "TlntSvr"),
];

/// Remote Desktop, Remote Assistance, and services of products for that.
pub(in crate::windows) struct RemoteAccess;

/// The sign-in without a question.
pub(in crate::windows) struct AutoLogon;

impl Source for RemoteAccess {
    fn id(&self) -> SourceId {
        id("remote-access")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        // A policy stands above the setting; without either, connections are refused.
        let denied = number(root, &mut gather, TERMINAL_POLICY, "fDenyTSConnections")
            .or_else(|| number(root, &mut gather, TERMINAL, "fDenyTSConnections"));
        gather.facts.push(fact(remote(
            "Remote Desktop",
            denied == Some(0),
            "fDenyTSConnections",
        )));
        if let Some(allowed) = number(root, &mut gather, ASSISTANCE, "fAllowToGetHelp") {
            gather
                .facts
                .push(fact(remote("Remote Assistance", allowed != 0, "fAllowToGetHelp")));
        }
        for (product, name) in SERVICES {
            match services::service(root, name) {
                Ok(Some(service)) => {
                    let on = !service.disabled && service.is_on();
                    gather.facts.push(fact(remote(product, on, name)));
                }
                Ok(None) => {}
                Err(why) => gather.fault(why),
            }
        }
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Protection]
    }
}

fn remote(product: &str, on: bool, detail: &str) -> Security {
    Security {
        topic: "remote_access".to_owned(),
        product: product.to_owned(),
        enabled: switch(on).into(),
        detail: detail.to_owned(),
        ..Security::default()
    }
}

impl Source for AutoLogon {
    fn id(&self) -> SourceId {
        id("auto-logon")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let key = machine(root, &mut gather, WINLOGON);
        let on = key
            .as_ref()
            .and_then(|key| key.number("AutoAdminLogon"))
            .is_some_and(|on| on != 0);
        let mut found = fact(Security {
            topic: "auto_logon".to_owned(),
            product: "Winlogon".to_owned(),
            enabled: switch(on).into(),
            ..Security::default()
        });
        if let (true, Some(key)) = (on, key) {
            found.local.account = key.text("DefaultUserName");
        }
        gather.facts.push(found);
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Protection]
    }
}
