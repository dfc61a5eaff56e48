//! Source `security/auto-logon`: whether a display manager or a console signs somebody in without a password.
//! Whom is local to the PC.

use deskwarden_parse::{
    ini::{self, Entry},
    text,
};
use deskwarden_proto::v1::Security;

use super::{fact, file, folder, id, switch};
use crate::{
    Fact, Reading, Root, Source, SourceId, WatchPath,
    linux::{gather::Gather, units},
};

const GDM: [&str; 3] = [
    "etc/gdm3/custom.conf",
    "etc/gdm3/daemon.conf",
    "etc/gdm/custom.conf",
];
const LIGHTDM: &str = "etc/lightdm/lightdm.conf";
/// In the order in which the later goes before.
const LIGHTDM_PARTS: [&str; 2] = ["usr/share/lightdm/lightdm.conf.d", "etc/lightdm/lightdm.conf.d"];
const SDDM: &str = "etc/sddm.conf";
const SDDM_PARTS: [&str; 2] = ["usr/lib/sddm/sddm.conf.d", "etc/sddm.conf.d"];
const GETTY_PARTS: [&str; 2] = [
    "etc/systemd/system/getty@.service.d",
    "etc/systemd/system/getty@tty1.service.d",
];

/// Configuration of display managers and of consoles.
pub(in crate::linux) struct AutoLogon;

impl Source for AutoLogon {
    fn id(&self) -> SourceId {
        id("auto-logon")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        for path in GDM {
            if let Some(bytes) = gather.file(root, path) {
                let entries = ini::parse_ini(&bytes);
                let value = |key| ini::value(&entries, "daemon", key);
                let user = [
                    ("AutomaticLoginEnable", "AutomaticLogin"),
                    ("TimedLoginEnable", "TimedLogin"),
                ]
                .iter()
                .find(|(on, user)| is_true(value(on)) && !value(user).is_empty())
                .map(|(_, user)| value(user));
                gather.facts.push(auto_logon("gdm", path, user));
            }
        }
        let lightdm = entries(root, &mut gather, &LIGHTDM_PARTS, LIGHTDM);
        if root.exists(LIGHTDM) || !lightdm.is_empty() || units::installed(root, "lightdm.service") {
            let user = lightdm
                .iter()
                .filter(|e| e.section.starts_with("Seat:") || e.section == "SeatDefaults")
                .rfind(|e| e.key == "autologin-user")
                .map(|e| e.value.as_str());
            gather.facts.push(auto_logon("lightdm", LIGHTDM, user));
        }
        let sddm = entries(root, &mut gather, &SDDM_PARTS, SDDM);
        if root.exists(SDDM) || !sddm.is_empty() || units::installed(root, "sddm.service") {
            let user = ini::value(&sddm, "Autologin", "User");
            gather.facts.push(auto_logon("sddm", SDDM, Some(user)));
        }
        for part in GETTY_PARTS {
            for path in gather.folder(root, part, ".conf") {
                let Some(bytes) = gather.file(root, &path) else {
                    continue;
                };
                let entries = ini::parse_ini(&bytes);
                let user = ini::values(&entries, "Service", "ExecStart")
                    .filter_map(|command| {
                        let after = command
                            .split_once("--autologin")
                            .or_else(|| command.split_once(" -a "))?
                            .1;
                        after.trim_start_matches(['=', ' ']).split_whitespace().next()
                    })
                    .last();
                if user.is_some() {
                    gather.facts.push(auto_logon("getty", &path, user));
                }
            }
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let files = GDM
            .into_iter()
            .chain([LIGHTDM, SDDM])
            .map(|path| file(root, path));
        let folders = LIGHTDM_PARTS.into_iter().chain(SDDM_PARTS).chain(GETTY_PARTS);
        files.chain(folders.map(|path| folder(root, path))).collect()
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let mut gather = Gather::default();
        let folders = LIGHTDM_PARTS.into_iter().chain(SDDM_PARTS).chain(GETTY_PARTS);
        let parts: Vec<String> = folders
            .flat_map(|path| gather.folder(root, path, ".conf"))
            .collect();
        let units = [
            "usr/lib/systemd/system/lightdm.service",
            "usr/lib/systemd/system/sddm.service",
        ];
        let files = GDM.into_iter().chain([LIGHTDM, SDDM]).chain(units);
        Some(root.stamp(files.chain(parts.iter().map(String::as_str))))
    }
}

/// Entries of the parts in their order, then of the main file, which has the last word.
fn entries(root: &Root, gather: &mut Gather, parts: &[&str], main: &str) -> Vec<Entry> {
    let mut paths: Vec<String> = parts
        .iter()
        .flat_map(|part| gather.folder(root, part, ".conf"))
        .collect();
    paths.push(main.to_owned());
    paths
        .iter()
        .filter_map(|path| gather.file(root, path))
        .flat_map(|bytes| ini::parse_ini(&bytes))
        .collect()
}

fn auto_logon(product: &str, place: &str, user: Option<&str>) -> Fact {
    let user = user.filter(|user| !user.is_empty());
    let mut fact = fact(Security {
        topic: "auto_logon".to_owned(),
        product: product.to_owned(),
        enabled: switch(user.is_some()).into(),
        ..Security::default()
    })
    .at(format!("/{}", place.trim_start_matches('/')));
    fact.local.account = text::clip(user.unwrap_or_default(), 256).to_owned();
    fact
}

fn is_true(value: &str) -> bool {
    ["true", "1", "yes"]
        .iter()
        .any(|yes| value.eq_ignore_ascii_case(yes))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{switches, write};
    use super::*;
    use deskwarden_proto::v1::Switch;

    #[test]
    fn a_sign_in_without_a_password_is_seen_wherever_it_is_set() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert!(AutoLogon.read(&root).facts.is_empty());
        write(
            folder.path(),
            &[
                (
                    GDM[0],
                    b"[daemon]\n#AutomaticLoginEnable=true\nAutomaticLogin=wang\n",
                ),
                (LIGHTDM, b"[Seat:*]\n#autologin-user=\n"),
                (SDDM, b"[Autologin]\nUser=\n"),
            ],
        );
        let off = ["gdm", "lightdm", "sddm"].map(|name| format!("auto_logon:{name}"));
        let reading = AutoLogon.read(&root);
        assert_eq!(
            switches(&reading),
            off.each_ref().map(|key| (key.as_str(), Switch::Off))
        );
        write(
            folder.path(),
            &[
                (
                    GDM[0],
                    b"[daemon]\nAutomaticLoginEnable=True\nAutomaticLogin=wang\n",
                ),
                (
                    "etc/lightdm/lightdm.conf.d/50.conf",
                    b"[Seat:*]\nautologin-user=wang\n",
                ),
                ("etc/sddm.conf.d/a.conf", b"[Autologin]\nUser=wang\n"),
                (SDDM, b"[Theme]\nCurrent=x\n"),
                (
                    "etc/systemd/system/getty@tty1.service.d/a.conf",
                    b"[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin wang --noclear %I\n",
                ),
            ],
        );
        let reading = AutoLogon.read(&root);
        assert_eq!(reading.facts.len(), 4);
        assert!(switches(&reading).iter().all(|(_, on)| *on == Switch::On));
        assert!(reading.facts.iter().all(|fact| fact.local.account == "wang"));
    }
}
