//! Source `security/screen-lock`: after how long each person's desktop locks itself. What a person did not
//! set is what the system's database or else the desktop's makers set.

use deskwarden_parse::{
    gvdb::{Database, parse_gvdb},
    ini,
};
use deskwarden_proto::v1::Security;

use super::{fact, file, folder, id, switch};
use crate::{
    Fact, Reading, Root, Source, SourceId, WatchPath,
    linux::{
        gather::Gather,
        homes::{self, Home},
    },
};

const DCONF: [&str; 1] = [".config/dconf/user"];
const KDE: [&str; 1] = [".config/kscreenlockerrc"];
const SYSTEM: &str = "etc/dconf/db";

/// A desktop whose settings are in dconf.
struct Desktop {
    name: &'static str,
    /// There when the desktop is installed.
    installed: &'static [&'static str],
    lock: (&'static str, bool),
    /// Idle time until the screen goes dark: setting, default, seconds in one of it.
    idle: (&'static str, i64, i64),
    /// Seconds from then until it is locked.
    delay: &'static str,
    /// Idle seconds until it is locked whatever the screen does; 0 or absent for never.
    by_itself: &'static str,
}

const DESKTOPS: [Desktop; 5] = [
    Desktop {
        name: "GNOME",
        installed: &["usr/bin/gnome-shell"],
        lock: ("/org/gnome/desktop/screensaver/lock-enabled", true),
        idle: ("/org/gnome/desktop/session/idle-delay", 300, 1),
        delay: "/org/gnome/desktop/screensaver/lock-delay",
        by_itself: "",
    },
    Desktop {
        name: "UKUI",
        installed: &[
            "usr/bin/ukui-screensaver-dialog",
            "usr/bin/ukui-screensaver-backend",
        ],
        lock: ("/org/ukui/screensaver/lock-enabled", true),
        idle: ("/org/ukui/session/idle-delay", 10, 60),
        delay: "/org/ukui/screensaver/lock-delay",
        by_itself: "",
    },
    Desktop {
        name: "MATE",
        installed: &["usr/bin/mate-screensaver"],
        lock: ("/org/mate/screensaver/lock-enabled", true),
        idle: ("/org/mate/desktop/session/idle-delay", 5, 60),
        delay: "/org/mate/screensaver/lock-delay",
        by_itself: "",
    },
    Desktop {
        name: "Cinnamon",
        installed: &["usr/bin/cinnamon-screensaver"],
        lock: ("/org/cinnamon/desktop/screensaver/lock-enabled", true),
        idle: ("/org/cinnamon/desktop/session/idle-delay", 900, 1),
        delay: "/org/cinnamon/desktop/screensaver/lock-delay",
        by_itself: "",
    },
    Desktop {
        name: "Deepin",
        installed: &["usr/bin/startdde", "usr/bin/dde-session"],
        lock: ("/com/deepin/dde/power/screen-black-lock", true),
        idle: ("/com/deepin/dde/power/line-power-screen-black-delay", 900, 1),
        delay: "",
        by_itself: "/com/deepin/dde/power/line-power-lock-delay",
    },
];

/// Settings of the desktops that are installed.
pub(in crate::linux) struct ScreenLock;

impl Source for ScreenLock {
    fn id(&self) -> SourceId {
        id("screen-lock")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let desktops: Vec<&Desktop> = DESKTOPS
            .iter()
            .filter(|desktop| desktop.installed.iter().any(|path| gather.there(root, path)))
            .collect();
        let kde = ["usr/bin/plasmashell", "usr/bin/ksmserver"]
            .iter()
            .any(|path| gather.there(root, path));
        if desktops.is_empty() && !kde {
            let why = "none of the desktops whose screen lock is known is installed here".to_owned();
            return gather.finish_without(self.id(), crate::Unavailable::Unsupported(why));
        }
        if !desktops.is_empty() {
            let system = system_databases(root, &mut gather);
            for (home, path) in homes::files(root, &mut gather, &DCONF) {
                if home.uid == 0 {
                    continue;
                }
                let mut layers: Vec<Database> = Vec::new();
                if let Some(bytes) = gather.file(root, &path) {
                    match parse_gvdb(&bytes) {
                        Some(own) => layers.push(own),
                        None => {
                            let place = root.display(&path);
                            gather.fault(crate::Unavailable::Failed(format!(
                                "{}: not a dconf database",
                                place.display()
                            )));
                            continue;
                        }
                    }
                }
                let layers: Vec<&Database> = layers.iter().chain(&system).collect();
                for desktop in &desktops {
                    gather.facts.push(of_desktop(desktop, &layers, &home));
                }
            }
        }
        if kde {
            for (home, path) in homes::files(root, &mut gather, &KDE) {
                if home.uid != 0 {
                    let bytes = gather.file(root, &path).unwrap_or_default();
                    gather.facts.push(of_kde(&bytes, &home));
                }
            }
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let mut gather = Gather::default();
        let mut all = vec![folder(root, SYSTEM)];
        let users = homes::files(root, &mut gather, &[DCONF[0], KDE[0]]);
        all.extend(users.iter().map(|(_, path)| file(root, path)));
        all
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let mut gather = Gather::default();
        let users = homes::files(root, &mut gather, &[DCONF[0], KDE[0]]);
        let system = gather.folder(root, SYSTEM, "");
        let installed = ["usr/bin", SYSTEM, homes::PASSWD];
        Some(
            root.stamp(
                installed
                    .into_iter()
                    .chain(users.iter().map(|(_, path)| path.as_str()))
                    .chain(system.iter().map(String::as_str)),
            ),
        )
    }
}

fn system_databases(root: &Root, gather: &mut Gather) -> Vec<Database> {
    let mut found = Vec::new();
    for path in gather.folder(root, SYSTEM, "") {
        // Folders hold the sources that a database is compiled from.
        if !path.ends_with(".d")
            && let Some(bytes) = gather.file(root, &path)
        {
            found.extend(parse_gvdb(&bytes));
        }
    }
    found
}

fn of_desktop(desktop: &Desktop, layers: &[&Database], home: &Home) -> Fact {
    let flag = |key: &str| layers.iter().find_map(|layer| layer.flag(key));
    let number = |key: &str| layers.iter().find_map(|layer| layer.number(key));
    let (idle, default, unit) = desktop.idle;
    let idle = number(idle).unwrap_or(default).saturating_mul(unit).max(0);
    let delay = number(desktop.delay).unwrap_or(0).max(0);
    let locks = flag(desktop.lock.0).unwrap_or(desktop.lock.1);
    // An idle time of none means that the screen never goes dark, so nothing is locked with it.
    let with_the_screen = (locks && idle > 0).then(|| idle.saturating_add(delay));
    let by_itself = number(desktop.by_itself).filter(|seconds| *seconds > 0);
    let seconds = with_the_screen.into_iter().chain(by_itself).min();
    let on = seconds.is_some();
    let seconds = seconds.unwrap_or_default();
    lock(desktop.name, on, u64::try_from(seconds).unwrap_or_default(), home)
}

fn of_kde(bytes: &[u8], home: &Home) -> Fact {
    let entries = ini::parse_ini(bytes);
    let value = |key| ini::value(&entries, "Daemon", key);
    let on = !value("Autolock").eq_ignore_ascii_case("false");
    let minutes: u64 = value("Timeout").parse().unwrap_or(5);
    let grace: u64 = value("LockGrace").parse().unwrap_or(5);
    let on = on && minutes > 0;
    let seconds = if on {
        minutes.saturating_mul(60).saturating_add(grace)
    } else {
        0
    };
    lock("KDE", on, seconds, home)
}

fn lock(product: &str, on: bool, seconds: u64, home: &Home) -> Fact {
    fact(Security {
        topic: "screen_lock".to_owned(),
        product: product.to_owned(),
        enabled: switch(on).into(),
        seconds,
        ..Security::default()
    })
    .of(home.uid.to_string(), &home.name)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{security, write};
    use super::*;
    use deskwarden_parse::gvdb::sample::gvdb;
    use deskwarden_proto::v1::{Look, Switch};

    #[test]
    fn a_persons_setting_goes_before_the_systems_and_that_before_the_makers() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(ScreenLock.read(&root).look, Look::Unsupported);
        let seen = |root: &Root| {
            let reading = ScreenLock.read(root);
            assert_eq!(reading.look, Look::Looked, "{}", reading.reason);
            let found = security(&reading.facts[0]);
            (found.enabled(), found.seconds)
        };
        write(
            folder.path(),
            &[
                ("usr/bin/gnome-shell", b""),
                (
                    "etc/passwd",
                    b"root:x:0:0::/root:/bin/sh\nwang:x:1000:1000::/home/wang:/bin/bash\n",
                ),
            ],
        );
        assert_eq!(seen(&root), (Switch::On, 300));
        let idle = "/org/gnome/desktop/session/idle-delay";
        write(
            folder.path(),
            &[("etc/dconf/db/local", &gvdb(&[(idle, &600u32.to_le_bytes(), "u")]))],
        );
        assert_eq!(seen(&root), (Switch::On, 600));
        let own = gvdb(&[
            (idle, &0u32.to_le_bytes(), "u"),
            ("/org/gnome/desktop/screensaver/lock-enabled", &[1], "b"),
        ]);
        write(folder.path(), &[("home/wang/.config/dconf/user", &own)]);
        assert_eq!(seen(&root), (Switch::Off, 0));
        write(folder.path(), &[("home/wang/.config/dconf/user", b"damaged")]);
        assert_eq!(ScreenLock.read(&root).look, Look::Partial);
    }

    #[test]
    fn deepin_locks_with_the_screen_or_by_itself_whichever_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let passwd: &[u8] = b"wang:x:1000:1000::/home/wang:/bin/bash\n";
        write(
            folder.path(),
            &[("usr/bin/startdde", b""), ("etc/passwd", passwd)],
        );
        let dark = "/com/deepin/dde/power/line-power-screen-black-delay";
        let lock = "/com/deepin/dde/power/line-power-lock-delay";
        let with_screen = "/com/deepin/dde/power/screen-black-lock";
        let seen = |screen: i32, by_itself: i32, together: u8| {
            let own = gvdb(&[
                (dark, &screen.to_le_bytes(), "i"),
                (lock, &by_itself.to_le_bytes(), "i"),
                (with_screen, &[together], "b"),
            ]);
            write(folder.path(), &[("home/wang/.config/dconf/user", &own)]);
            let reading = ScreenLock.read(&root);
            let found = security(&reading.facts[0]).clone();
            (found.enabled(), found.seconds)
        };
        assert_eq!(seen(600, 0, 1), (Switch::On, 600));
        assert_eq!(seen(600, 300, 1), (Switch::On, 300));
        assert_eq!(seen(0, 900, 1), (Switch::On, 900));
        assert_eq!(seen(600, 0, 0), (Switch::Off, 0));
        assert_eq!(seen(0, 0, 1), (Switch::Off, 0));
    }

    #[test]
    fn kde_locks_unless_it_is_told_not_to() {
        let home = Home {
            name: "wang".to_owned(),
            uid: 1000,
            home: "/home/wang".to_owned(),
        };
        assert_eq!(security(&of_kde(b"", &home)).seconds, 305);
        let off = of_kde(b"[Daemon]\nAutolock=false\nTimeout=1\n", &home);
        assert_eq!(security(&off).enabled(), Switch::Off);
        assert_eq!(
            security(&of_kde(b"[Daemon]\nTimeout=10\nLockGrace=0\n", &home)).seconds,
            600
        );
    }
}
