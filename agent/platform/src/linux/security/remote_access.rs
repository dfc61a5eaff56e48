//! Source `security/remote-access`: services by which others reach the screen or a shell of this PC, and
//! whether they start with the system or with a person's desktop.

use deskwarden_parse::gvdb::parse_gvdb;
use deskwarden_proto::v1::Security;

use super::{fact, file, id, switch};
use crate::{
    Reading, Root, Source, SourceId, WatchPath,
    linux::{gather::Gather, homes, units},
};

/// Product and the units that start it.
const SERVICES: [(&str, &[&str]); 14] = [
    (
        "OpenSSH",
        &["ssh.service", "sshd.service", "ssh.socket", "sshd.socket"],
    ),
    ("Dropbear", &["dropbear.service"]),
    ("xrdp", &["xrdp.service"]),
    ("GNOME Remote Desktop", &["gnome-remote-desktop.service"]),
    (
        "TigerVNC",
        &[
            "tigervnc.service",
            "vncserver@:1.service",
            "tigervncserver@:1.service",
        ],
    ),
    ("x11vnc", &["x11vnc.service"]),
    ("TeamViewer", &["teamviewerd.service"]),
    ("AnyDesk", &["anydesk.service"]),
    ("RustDesk", &["rustdesk.service"]),
    ("ToDesk", &["todeskd.service"]),
    ("向日葵", &["runsunloginclient.service", "sunloginclient.service"]),
    (
        "Telnet",
        &["telnet.socket", "telnetd.service", "inetutils-telnetd.service"],
    ),
    ("Cockpit", &["cockpit.socket"]),
    ("NoMachine", &["nxserver.service"]),
];
/// Setting of a desktop by which a person shares the screen.
const DESKTOPS: [(&str, &str); 4] = [
    (
        "GNOME Remote Desktop",
        "/org/gnome/desktop/remote-desktop/rdp/enable",
    ),
    (
        "GNOME Remote Desktop (VNC)",
        "/org/gnome/desktop/remote-desktop/vnc/enable",
    ),
    ("Vino", "/org/gnome/desktop/remote-access/enabled"),
    ("UKUI Remote Desktop", "/org/ukui/remote-access/enabled"),
];
const DCONF: [&str; 1] = [".config/dconf/user"];

/// Units and desktop settings of remote access.
pub(in crate::linux) struct RemoteAccess;

impl Source for RemoteAccess {
    fn id(&self) -> SourceId {
        id("remote-access")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let enabled = units::enabled(root, &mut gather);
        for (product, units) in SERVICES {
            let started = units.iter().find(|unit| enabled.contains(**unit));
            if started.is_some() || units.iter().any(|unit| units::installed(root, unit)) {
                gather.facts.push(fact(remote_access(
                    product,
                    started.is_some(),
                    started.copied().unwrap_or_default(),
                )));
            }
        }
        for (home, path) in homes::files(root, &mut gather, &DCONF) {
            let Some(database) = gather.file(root, &path).and_then(|bytes| parse_gvdb(&bytes)) else {
                continue;
            };
            for (product, setting) in DESKTOPS {
                if let Some(on) = database.flag(setting) {
                    gather.facts.push(
                        fact(remote_access(product, on, setting))
                            .at(format!("/{}", path.trim_start_matches('/')))
                            .of(home.uid.to_string(), &home.name),
                    );
                }
            }
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let mut all = units::watches(root);
        let users = homes::files(root, &mut Gather::default(), &DCONF);
        all.extend(users.iter().map(|(_, path)| file(root, path)));
        all
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let mut inputs = units::inputs(root);
        let users = homes::files(root, &mut Gather::default(), &DCONF);
        inputs.extend(users.into_iter().map(|(_, path)| path));
        Some(
            root.stamp(
                [homes::PASSWD]
                    .into_iter()
                    .chain(inputs.iter().map(String::as_str)),
            ),
        )
    }
}

fn remote_access(product: &str, on: bool, detail: &str) -> Security {
    Security {
        topic: "remote_access".to_owned(),
        product: product.to_owned(),
        enabled: switch(on).into(),
        detail: detail.to_owned(),
        ..Security::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{enable, switches, write};
    use super::*;
    use deskwarden_parse::gvdb::sample::gvdb;
    use deskwarden_proto::v1::Switch;

    #[test]
    fn services_and_shared_screens_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert!(RemoteAccess.read(&root).facts.is_empty());
        enable(folder.path(), "ssh.service");
        let settings = gvdb(&[("/org/gnome/desktop/remote-desktop/rdp/enable", &[1], "b")]);
        write(
            folder.path(),
            &[
                ("usr/lib/systemd/system/ssh.service", b""),
                ("usr/lib/systemd/system/xrdp.service", b""),
                ("etc/passwd", b"wang:x:1000:1000::/home/wang:/bin/bash\n"),
                ("home/wang/.config/dconf/user", &settings),
            ],
        );
        let reading = RemoteAccess.read(&root);
        assert_eq!(
            switches(&reading),
            [
                ("remote_access:GNOME Remote Desktop", Switch::On),
                ("remote_access:OpenSSH", Switch::On),
                ("remote_access:xrdp", Switch::Off),
            ]
        );
        assert_eq!(reading.facts[0].principal, "1000");
    }
}
