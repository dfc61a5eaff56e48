//! Sources `software/opt-apps` (UOS and Deepin), `software/snap` and `software/flatpak`: what stores install.

use deskwarden_parse::{
    app::{App, parse_desktop_entry, parse_first_release, parse_info, parse_snap_yaml},
    ini,
};
use deskwarden_proto::{
    key,
    v1::{Section, Software, SoftwareKind, facet::Kind},
};

use crate::{
    Fact, Reading, Root, Source, SourceId, Unavailable, WatchPath, Watched,
    linux::{gather::Gather, homes},
};

const OPT_APPS: &str = "opt/apps";
const SNAP: &str = "snap";
const SNAP_FILES: &str = "var/lib/snapd/snaps";
const FLATPAK: &str = "var/lib/flatpak/app";
const FLATPAK_OF_USER: [&str; 1] = [".local/share/flatpak/app"];

/// Application folders of UOS and Deepin.
pub(in crate::linux) struct OptApps;

/// Mounted snaps.
pub(in crate::linux) struct Snap;

/// Flatpak applications of the system and of each person.
pub(in crate::linux) struct Flatpak;

impl Source for OptApps {
    fn id(&self) -> SourceId {
        id("opt-apps")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !gather.there(root, OPT_APPS) {
            return gather.finish_without(self.id(), absent(root, OPT_APPS));
        }
        for folder in gather.folder(root, OPT_APPS, "") {
            let path = format!("{folder}/info");
            let Some(bytes) = gather.file(root, &path) else {
                continue;
            };
            match parse_info(&bytes) {
                Some(app) => gather
                    .facts
                    .push(fact(app, SoftwareKind::StoreApp).at(format!("/{folder}"))),
                None => {
                    let place = root.display(&path);
                    gather.fault(Unavailable::Failed(format!(
                        "{}: not a description of an application",
                        place.display()
                    )));
                }
            }
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        vec![watch(root, OPT_APPS)]
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let folders = Gather::default().folder(root, OPT_APPS, "");
        let files: Vec<String> = folders.iter().map(|folder| format!("{folder}/info")).collect();
        Some(root.stamp([OPT_APPS].into_iter().chain(files.iter().map(String::as_str))))
    }
}

impl Source for Snap {
    fn id(&self) -> SourceId {
        id("snap")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let files = gather.folder(root, SNAP_FILES, ".snap");
        if files.is_empty() && !gather.there(root, SNAP_FILES) {
            return gather.finish_without(self.id(), absent(root, SNAP_FILES));
        }
        let mut names: Vec<&str> = files
            .iter()
            .filter_map(|path| path.rsplit('/').next()?.rsplit_once('_').map(|(name, _)| name))
            .collect();
        names.dedup();
        for name in names {
            let folder = format!("{SNAP}/{name}/current");
            let app = match gather.file(root, &format!("{folder}/meta/snap.yaml")) {
                Some(bytes) => parse_snap_yaml(&bytes),
                None => {
                    let why = "a snap that is not mounted tells its name only, not its version".to_owned();
                    gather.fault(Unavailable::Unsupported(why));
                    Some(App {
                        id: name.to_owned(),
                        name: name.to_owned(),
                        ..App::default()
                    })
                }
            };
            let facts = app.map(|app| fact(app, SoftwareKind::Snap).at(format!("/{SNAP}/{name}")));
            gather.facts.extend(facts);
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        // The link to the current revision changes when the mount is ready.
        vec![watch(root, SNAP_FILES), watch(root, SNAP)]
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let folders = Gather::default().folder(root, SNAP, "");
        Some(
            root.stamp(
                [SNAP_FILES, SNAP]
                    .into_iter()
                    .chain(folders.iter().map(String::as_str)),
            ),
        )
    }
}

impl Source for Flatpak {
    fn id(&self) -> SourceId {
        id("flatpak")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        for path in gather.folder(root, FLATPAK, "") {
            let facts = flatpak(root, &mut gather, &path);
            gather.facts.extend(facts);
        }
        for (home, folder) in homes::files(root, &mut gather, &FLATPAK_OF_USER) {
            for path in gather.folder(root, &folder, "") {
                let facts =
                    flatpak(root, &mut gather, &path).map(|fact| fact.of(home.uid.to_string(), &home.name));
                gather.facts.extend(facts);
            }
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let mut all = vec![watch(root, FLATPAK)];
        let users = homes::files(root, &mut Gather::default(), &FLATPAK_OF_USER);
        all.extend(users.iter().map(|(_, path)| watch(root, path)));
        all
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let mut gather = Gather::default();
        let mut all = vec![FLATPAK.to_owned()];
        all.extend(
            homes::files(root, &mut gather, &FLATPAK_OF_USER)
                .into_iter()
                .map(|(_, path)| path),
        );
        let apps: Vec<String> = all
            .iter()
            .flat_map(|folder| gather.folder(root, folder, ""))
            .collect();
        all.extend(apps.iter().map(|app| format!("{app}/current/active")));
        Some(root.stamp([homes::PASSWD].into_iter().chain(all.iter().map(String::as_str))))
    }
}

fn flatpak(root: &Root, gather: &mut Gather, path: &str) -> Option<Fact> {
    let id = path.rsplit('/').next()?.to_owned();
    let active = format!("{path}/current/active");
    let metadata = gather.file(root, &format!("{active}/metadata"))?;
    let runtime = ini::value(&ini::parse_ini(&metadata), "Application", "runtime").to_owned();
    let exported = format!("{active}/export/share");
    let name = gather
        .file(root, &format!("{exported}/applications/{id}.desktop"))
        .and_then(|bytes| parse_desktop_entry(&bytes))
        .map_or_else(|| id.clone(), |entry| entry.name);
    let version = [
        format!("{active}/files/share/metainfo/{id}.metainfo.xml"),
        format!("{active}/files/share/metainfo/{id}.appdata.xml"),
        format!("{active}/files/share/appdata/{id}.appdata.xml"),
    ]
    .iter()
    .find_map(|path| gather.file(root, path))
    .and_then(|bytes| parse_first_release(&bytes))
    .unwrap_or_default();
    let architecture = runtime.split('/').nth(1).unwrap_or_default().to_owned();
    let app = App {
        id,
        name,
        version,
        architecture,
        summary: String::new(),
    };
    Some(fact(app, SoftwareKind::Flatpak).at(format!("/{}", path.trim_start_matches('/'))))
}

pub(super) fn fact(app: App, kind: SoftwareKind) -> Fact {
    let key = key::package(&app.id, "");
    let software = Software {
        name: if app.name.is_empty() {
            app.id.clone()
        } else {
            app.name
        },
        version: app.version,
        kind: kind.into(),
        package: app.id,
        architecture: app.architecture,
        summary: app.summary,
        ..Software::default()
    };
    Fact::machine(key, Kind::Software(software))
}

fn id(source: &'static str) -> SourceId {
    SourceId {
        section: Section::Software,
        source,
    }
}

pub(super) fn absent(root: &Root, path: &str) -> Unavailable {
    Unavailable::Unsupported(format!(
        "{}: not used on this system",
        root.display(path).display()
    ))
}

pub(super) fn watch(root: &Root, path: &str) -> WatchPath {
    WatchPath {
        path: root.display(path),
        what: Watched::Folder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::{fs, os::unix::fs::symlink, path::Path};

    fn write(folder: &Path, path: &str, content: &str) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn software(reading: &Reading) -> Vec<(&str, &str, &str)> {
        reading
            .facts
            .iter()
            .map(|fact| match &fact.facet.kind {
                Some(Kind::Software(s)) => (s.package.as_str(), s.name.as_str(), s.version.as_str()),
                _ => panic!("not software"),
            })
            .collect()
    }

    #[test]
    fn an_application_folder_that_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(OptApps.read(&root).look, Look::Unsupported);
        let info = r#"{"appid":"com.qq.im","name":"QQ","version":"9.3"}"#;
        write(folder.path(), "opt/apps/com.qq.im/info", info);
        let reading = OptApps.read(&root);
        assert_eq!(
            (reading.look, software(&reading)),
            (Look::Looked, vec![("com.qq.im", "QQ", "9.3")])
        );
        write(folder.path(), "opt/apps/broken/info", "{");
        assert_eq!(OptApps.read(&root).look, Look::Partial);
    }

    #[test]
    fn a_snap_that_is_not_mounted_is_named_without_its_version() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(Snap.read(&root).look, Look::Unsupported);
        write(folder.path(), "var/lib/snapd/snaps/wechat_12.snap", "");
        write(
            folder.path(),
            "snap/wechat/12/meta/snap.yaml",
            "name: wechat\nversion: 3.1\n",
        );
        symlink("12", folder.path().join("snap/wechat/current")).unwrap();
        let reading = Snap.read(&root);
        assert_eq!(
            (reading.look, software(&reading)),
            (Look::Looked, vec![("wechat", "wechat", "3.1")])
        );
        write(folder.path(), "var/lib/snapd/snaps/steam_2.snap", "");
        let reading = Snap.read(&root);
        assert_eq!(reading.look, Look::Partial);
        assert_eq!(software(&reading)[0], ("steam", "steam", ""));
    }

    #[test]
    fn flatpaks_of_a_person_belong_to_the_person() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        write(
            folder.path(),
            "etc/passwd",
            "wang:x:1000:1000::/home/wang:/bin/sh\n",
        );
        let app = "home/wang/.local/share/flatpak/app/com.qq.QQ/current/active";
        write(
            folder.path(),
            &format!("{app}/metadata"),
            "[Application]\nruntime=org.x/x86_64/1\n",
        );
        write(
            folder.path(),
            &format!("{app}/files/share/metainfo/com.qq.QQ.metainfo.xml"),
            "<releases><release version=\"3.2\"/></releases>",
        );
        let reading = Flatpak.read(&root);
        assert_eq!(software(&reading), [("com.qq.QQ", "com.qq.QQ", "3.2")]);
        assert_eq!(reading.facts[0].principal, "1000");
    }
}
