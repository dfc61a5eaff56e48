//! Sources `proxy/dconf` and `proxy/kde`: proxies of the desktops, for the system and for each person.

use deskwarden_parse::{
    gvdb::{Database, parse_gvdb},
    ini,
    proxy::{Setting, parse_bypass},
};
use deskwarden_proto::v1::{Section, facet::Kind};

use super::{Owner, fact, file, folder};
use crate::{
    Fact, Reading, Root, Source, SourceId, Unavailable, WatchPath,
    linux::{gather::Gather, homes},
};

const DCONF: [&str; 1] = [".config/dconf/user"];
const SYSTEM: &str = "etc/dconf/db";
const KDE: [&str; 1] = [".config/kioslaverc"];
const KDE_SYSTEM: &str = "etc/xdg/kioslaverc";

/// GNOME and the desktops that keep its setting: Deepin, UKUI, MATE, Cinnamon.
pub(in crate::linux) struct Dconf;

/// KDE Plasma.
pub(in crate::linux) struct Kde;

impl Source for Dconf {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Proxy,
            source: "dconf",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        for path in gather.folder(root, SYSTEM, "") {
            if !path.ends_with(".d") {
                read_dconf(root, &mut gather, &path, Owner::default());
            }
        }
        for (home, path) in homes::files(root, &mut gather, &DCONF) {
            let principal = home.uid.to_string();
            let owner = Owner {
                principal: &principal,
                account: &home.name,
            };
            read_dconf(root, &mut gather, &path, owner);
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let mut all = vec![folder(root, SYSTEM)];
        let users = homes::files(root, &mut Gather::default(), &DCONF);
        all.extend(users.iter().map(|(_, path)| file(root, path)));
        all
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let mut gather = Gather::default();
        let mut all = gather.folder(root, SYSTEM, "");
        all.extend(
            homes::files(root, &mut gather, &DCONF)
                .into_iter()
                .map(|(_, path)| path),
        );
        Some(root.stamp([homes::PASSWD].into_iter().chain(all.iter().map(String::as_str))))
    }
}

impl Source for Kde {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Proxy,
            source: "kde",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if let Some(bytes) = gather.file(root, KDE_SYSTEM) {
            gather.facts.extend(of_kde(KDE_SYSTEM, &bytes, Owner::default()));
        }
        for (home, path) in homes::files(root, &mut gather, &KDE) {
            if let Some(bytes) = gather.file(root, &path) {
                let principal = home.uid.to_string();
                let owner = Owner {
                    principal: &principal,
                    account: &home.name,
                };
                gather.facts.extend(of_kde(&path, &bytes, owner));
            }
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let mut all = vec![file(root, KDE_SYSTEM)];
        let users = homes::files(root, &mut Gather::default(), &KDE);
        all.extend(users.iter().map(|(_, path)| file(root, path)));
        all
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let users = homes::files(root, &mut Gather::default(), &KDE);
        let users = users.iter().map(|(_, path)| path.as_str());
        Some(root.stamp([KDE_SYSTEM, homes::PASSWD].into_iter().chain(users)))
    }
}

fn read_dconf(root: &Root, gather: &mut Gather, path: &str, owner: Owner<'_>) {
    let Some(bytes) = gather.file(root, path) else {
        return;
    };
    match parse_gvdb(&bytes) {
        Some(database) => gather.facts.extend(of_dconf(path, &database, owner)),
        None => {
            let place = root.display(path);
            gather.fault(Unavailable::Failed(format!(
                "{}: not a dconf database",
                place.display()
            )));
        }
    }
}

fn of_dconf(path: &str, database: &Database, owner: Owner<'_>) -> Vec<Fact> {
    let mode = database.text("/system/proxy/mode").unwrap_or("none");
    let bypass = database.list("/system/proxy/ignore-hosts");
    let mut found = Vec::new();
    for (name, scheme) in [
        ("http", "http"),
        ("https", "http"),
        ("ftp", "http"),
        ("socks", "socks5"),
    ] {
        let host = database
            .text(&format!("/system/proxy/{name}/host"))
            .unwrap_or_default();
        if host.is_empty() {
            continue;
        }
        let value = match database
            .number(&format!("/system/proxy/{name}/port"))
            .unwrap_or_default()
        {
            0 => format!("{scheme}://{host}"),
            port => format!("{scheme}://{host}:{port}"),
        };
        let setting = Setting {
            name: format!("/system/proxy/{name}"),
            value,
            in_force: mode == "manual",
        };
        let mut of_one = fact(path, &setting, bypass, "", owner);
        let authenticated = database
            .flag("/system/proxy/http/use-authentication")
            .unwrap_or_default();
        if let Some(Kind::Proxy(proxy)) = of_one.as_mut().and_then(|fact| fact.facet.kind.as_mut()) {
            proxy.had_credentials |= name == "http" && authenticated;
        }
        found.extend(of_one);
    }
    let setting = Setting {
        name: "/system/proxy/autoconfig-url".to_owned(),
        value: database
            .text("/system/proxy/autoconfig-url")
            .unwrap_or_default()
            .to_owned(),
        in_force: mode == "auto",
    };
    found.extend(fact(path, &setting, bypass, "", owner));
    found
}

fn of_kde(path: &str, bytes: &[u8], owner: Owner<'_>) -> Vec<Fact> {
    let entries = ini::parse_ini(bytes);
    let value = |key| ini::value(&entries, "Proxy Settings", key);
    let kind = value("ProxyType");
    let bypass = parse_bypass(value("NoProxyFor"));
    [
        ("httpProxy", "1"),
        ("httpsProxy", "1"),
        ("ftpProxy", "1"),
        ("socksProxy", "1"),
        ("Proxy Config Script", "2"),
    ]
    .into_iter()
    .filter_map(|(name, in_force)| {
        // The port stands behind a space.
        let setting = Setting {
            name: name.to_owned(),
            value: value(name).trim().replace(' ', ":"),
            in_force: kind == in_force,
        };
        fact(path, &setting, &bypass, "", owner)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_parse::gvdb::sample::gvdb;
    use deskwarden_proto::v1::Look;
    use std::fs;

    #[test]
    fn the_desktops_proxy_is_read_per_person_and_known_to_be_off() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        fs::create_dir_all(folder.path().join("etc")).unwrap();
        fs::create_dir_all(folder.path().join("home/wang/.config/dconf")).unwrap();
        fs::write(
            folder.path().join("etc/passwd"),
            "wang:x:1000:1000::/home/wang:/bin/sh\n",
        )
        .unwrap();
        let write = |mode: &[u8]| {
            let bytes = gvdb(&[
                ("/system/proxy/mode", mode, "s"),
                ("/system/proxy/http/host", b"10.0.0.9\0", "s"),
                ("/system/proxy/http/port", &3128i32.to_le_bytes(), "i"),
                ("/system/proxy/http/authentication-password", b"geheim\0", "s"),
                ("/system/proxy/http/use-authentication", &[1], "b"),
                ("/system/proxy/autoconfig-url", b"http://p/wpad.dat\0", "s"),
                ("/system/proxy/ignore-hosts", b"localhost\0\x0a", "as"),
            ]);
            fs::write(folder.path().join("home/wang/.config/dconf/user"), bytes).unwrap();
        };
        let seen = || {
            let reading = Dconf.read(&root);
            assert!(!format!("{reading:?}").contains("geheim"));
            let rows: Vec<_> = reading
                .facts
                .iter()
                .map(|fact| match &fact.facet.kind {
                    Some(Kind::Proxy(p)) => (p.value.clone(), p.scheme.clone(), p.enabled, p.had_credentials),
                    _ => panic!("not a proxy"),
                })
                .collect();
            rows
        };
        let pac = |on| ("http://p/wpad.dat".to_owned(), "pac".to_owned(), on, false);
        let http = |on| ("http://10.0.0.9:3128".to_owned(), "http".to_owned(), on, true);
        write(b"manual\0");
        assert_eq!(seen(), [pac(false), http(true)]);
        write(b"auto\0");
        assert_eq!(seen(), [pac(true), http(false)]);
        write(b"none\0");
        assert_eq!(seen(), [pac(false), http(false)]);
        fs::write(folder.path().join("home/wang/.config/dconf/user"), "damaged").unwrap();
        assert_eq!(Dconf.read(&root).look, Look::Partial);
    }

    #[test]
    fn kde_writes_the_port_behind_a_space() {
        let file =
            b"[Proxy Settings]\nProxyType=1\nhttpProxy=http://10.0.0.9 8080\nsocksProxy=\nNoProxyFor=.corp\n";
        let found = of_kde("home/wang/.config/kioslaverc", file, Owner::default());
        assert_eq!(found.len(), 1);
        let Some(Kind::Proxy(proxy)) = &found[0].facet.kind else {
            panic!("not a proxy")
        };
        assert_eq!(
            (&*proxy.value, proxy.enabled, proxy.bypass.len()),
            ("http://10.0.0.9:8080", true, 1)
        );
    }
}
