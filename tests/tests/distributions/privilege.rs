//! What an agent without rights cannot see is denied, never absent: on a root where one input after the other may
//! not be read, and on this machine.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use deskwarden_tests::{
    architecture::tree,
    distribution::{Collected, Deb, Distribution},
    need, program,
};
use serde_json::Value;
use tempfile::TempDir;

use super::tools;

const NOBODY: &str = "65534";

/// A copy of the agent where everybody may start it: build folders are often private.
struct Agent {
    folder: TempDir,
}

impl Agent {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path());
        fs::copy(
            program::product("deskwarden-agent").unwrap(),
            folder.path().join("agent"),
        )
        .unwrap();
        Self { folder }
    }

    fn collect(&self, root: &Path, privileged: bool) -> Collected {
        let agent: PathBuf = self.folder.path().join("agent");
        let mut command = if privileged {
            Command::new(agent)
        } else {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"])
                .arg(agent);
            command
        };
        Collected::by(command.args(["collect", "--json", "--root"]).arg(root)).unwrap()
    }
}

fn open(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What the one saw and the other neither saw nor said that it could not.
fn silently_absent(all: &BTreeMap<[String; 4], &Value>, seen: &Collected) -> Vec<String> {
    let looks = seen.looks();
    let found = seen.all_items();
    all.iter()
        .filter(|(id, item)| found.get(*id).is_none_or(|other| other["facet"] != item["facet"]))
        .filter_map(|(id, item)| {
            let [section, source, key, _] = id;
            let (look, reason) = looks.get(&format!("{section}/{source}"))?;
            let told = matches!(look.as_str(), "denied" | "partial") && !reason.is_empty();
            let other = found
                .get(id)
                .map_or("absent".to_owned(), |other| format!("{}", other["facet"]));
            (!told).then(|| {
                format!(
                    "{section}/{source} is {look}, yet {key} is {other} for {}",
                    item["facet"]
                )
            })
        })
        .collect()
}

#[test]
fn one_unreadable_input_after_the_other_is_told() {
    let test = "one_unreadable_input_after_the_other_is_told";
    if !need::root(test) || !tools(test, &["setpriv", "dpkg-deb"]) {
        return;
    }
    let pc = rich();
    open(pc.path());
    let agent = Agent::new();
    let whole = agent.collect(pc.path(), true);
    whole.nothing_failed().unwrap();
    let all = whole.all_items();
    assert!(all.len() > 40, "{} items are too few to tell anything", all.len());
    // With everything readable the one sees what the other sees, so that what follows is the missing right's.
    let same = agent.collect(pc.path(), false);
    assert_eq!(silently_absent(&all, &same), Vec::<String>::new());

    let mut inputs = Vec::new();
    below(pc.path(), &mut inputs);
    let mut silent = Vec::new();
    let mut denied = 0;
    for input in &inputs {
        let mode = fs::metadata(input).unwrap().permissions();
        fs::set_permissions(input, fs::Permissions::from_mode(0o0)).unwrap();
        let seen = agent.collect(pc.path(), false);
        fs::set_permissions(input, mode).unwrap();
        let name = input.strip_prefix(pc.path()).unwrap().display().to_string();
        denied += usize::from(seen.nothing_failed().is_err());
        silent.extend(
            silently_absent(&all, &seen)
                .into_iter()
                .map(|what| format!("without {name}: {what}")),
        );
    }
    assert!(
        silent.is_empty(),
        "{} silent:\n{}",
        silent.len(),
        silent.join("\n")
    );
    assert!(
        denied > inputs.len() / 2,
        "{denied} of {} inputs mattered",
        inputs.len()
    );
}

#[test]
fn on_this_machine_an_agent_without_rights_names_what_it_cannot_see() {
    let test = "on_this_machine_an_agent_without_rights_names_what_it_cannot_see";
    if !need::root(test) || !tools(test, &["setpriv"]) {
        return;
    }
    let agent = Agent::new();
    let before = agent.collect(Path::new("/"), true);
    let seen = agent.collect(Path::new("/"), false);
    let after = agent.collect(Path::new("/"), true);
    // What comes and goes by itself is no matter of rights.
    let later = after.all_items();
    let lasting: BTreeMap<_, _> = before
        .all_items()
        .into_iter()
        .filter(|(id, item)| later.get(id).is_some_and(|other| other["facet"] == item["facet"]))
        .collect();
    assert!(lasting.len() > 50, "{} items", lasting.len());
    let silent = silently_absent(&lasting, &seen);
    assert!(
        silent.is_empty(),
        "{} silent:\n{}",
        silent.len(),
        silent.join("\n")
    );
    let looks = seen.looks();
    assert!(
        looks
            .values()
            .any(|(look, _)| look == "denied" || look == "partial"),
        "some of a machine is for root only: {looks:#?}"
    );
}

/// A root with something for every source that reads files.
fn rich() -> Distribution {
    let pc = Distribution::typed("kylin").unwrap();
    pc.write("var/lib/rpm/keep", "").unwrap();
    let database = tree::root().join("agent/parse/fixtures/rpm/rpmdb.sqlite");
    fs::copy(database, pc.file("var/lib/rpm/rpmdb.sqlite")).unwrap();
    pc.install_debs(&[Deb("bash", "5.2-1", "amd64")]).unwrap();
    for (name, text) in [
        (
            "etc/apt/apt.conf.d/10proxy",
            "Acquire::http::Proxy \"http://192.0.2.8:1\";\n",
        ),
        ("etc/environment", "http_proxy=http://192.0.2.8:2\n"),
        ("etc/environment.d/p.conf", "https_proxy=http://192.0.2.8:3\n"),
        ("etc/profile", "export ftp_proxy=http://192.0.2.8:4\n"),
        ("etc/profile.d/p.sh", "export all_proxy=http://192.0.2.8:5\n"),
        (
            "etc/sysconfig/proxy",
            "PROXY_ENABLED=\"yes\"\nHTTP_PROXY=\"http://192.0.2.8:6\"\n",
        ),
        ("etc/gitconfig", "[http]\nproxy = http://192.0.2.8:7\n"),
        ("etc/npmrc", "proxy=http://192.0.2.8:8\n"),
        ("etc/wgetrc", "http_proxy = http://192.0.2.8:9\n"),
        ("etc/curlrc", "proxy = http://192.0.2.8:10\n"),
        (
            "etc/systemd/system.conf",
            "[Manager]\nDefaultEnvironment=http_proxy=http://192.0.2.8:11\n",
        ),
        (
            "etc/chromium/policies/managed/a.json",
            "{\"ProxyServer\":\"192.0.2.8:12\"}",
        ),
        (
            "etc/firefox/policies/policies.json",
            "{\"policies\":{\"Proxy\":{\"Mode\":\"manual\",\"HTTPProxy\":\"192.0.2.8:13\"}}}",
        ),
        ("home/wang/.bashrc", "export http_proxy=http://192.0.2.8:14\n"),
        ("home/wang/.gitconfig", "[http]\nproxy = http://192.0.2.8:15\n"),
        ("home/wang/.npmrc", "proxy=http://192.0.2.8:16\n"),
        (
            "home/wang/.mozilla/firefox/a.default/prefs.js",
            "user_pref(\"network.proxy.type\", 1);\nuser_pref(\"network.proxy.http\", \"192.0.2.8\");\nuser_pref(\"network.proxy.http_port\", 17);\n",
        ),
        (
            "home/wang/.config/kioslaverc",
            "[Proxy Settings]\nProxyType=1\nhttpProxy=http://192.0.2.8 18\n",
        ),
        (
            "home/wang/.local/share/applications/tool.desktop",
            "[Desktop Entry]\nType=Application\nName=Tool\nExec=/opt/tool/run\n",
        ),
        ("opt/tool/run", ""),
        ("home/wang/Downloads/thing.AppImage", ""),
        (
            "home/wang/.local/share/flatpak/app/org.a.B/current/active/metadata",
            "[Application]\nname=org.a.B\nruntime=x/x86_64/1\n",
        ),
        (
            "var/lib/flatpak/app/org.c.D/current/active/metadata",
            "[Application]\nname=org.c.D\nruntime=x/x86_64/1\n",
        ),
        (
            "opt/apps/com.example.app/info",
            "{\"appid\":\"com.example.app\",\"name\":\"A\",\"version\":\"1\"}",
        ),
        ("var/lib/snapd/snaps/hello_1.snap", ""),
        ("snap/hello/current/meta/snap.yaml", "name: hello\nversion: 2\n"),
        (
            "etc/netplan/01.yaml",
            "network:\n  ethernets:\n    eth0:\n      addresses: [192.0.2.3/24]\n",
        ),
        (
            "etc/network/interfaces",
            "iface eth1 inet static\n  address 192.0.2.4/24\n",
        ),
        (
            "etc/NetworkManager/system-connections/a.nmconnection",
            "[connection]\nuuid=u\ntype=ethernet\ninterface-name=eth2\n[ipv4]\nmethod=auto\n",
        ),
        (
            "etc/systemd/network/10.network",
            "[Match]\nName=eth3\n[Network]\nDHCP=yes\n",
        ),
        (
            "etc/sysconfig/network-scripts/ifcfg-eth4",
            "DEVICE=eth4\nBOOTPROTO=dhcp\n",
        ),
        ("etc/sysconfig/network/ifcfg-eth5", "BOOTPROTO='dhcp'\n"),
        (
            "etc/shadow",
            "root:!:19000:0:99999:7:::\nwang:$y$j9T$abcdefgh$ij:19000:0:90:7:::\n",
        ),
        ("etc/sudoers", "root ALL=(ALL) ALL\n"),
        ("etc/sudoers.d/wang", "wang ALL=(ALL) NOPASSWD: ALL\n"),
        (
            "etc/samba/smb.conf",
            "[global]\nworkgroup=A\n[public]\npath=/srv\nguest ok=yes\n",
        ),
        ("var/lib/samba/usershares/own", "path=/home/wang\nguest_ok=y\n"),
        ("etc/exports", "/srv *(rw)\n"),
        ("etc/ssh/sshd_config", "PermitRootLogin yes\n"),
        ("usr/sbin/sshd", ""),
        (
            "etc/systemd/system/multi-user.target.wants/ssh.service",
            "[Service]\n",
        ),
        (
            "etc/pam.d/common-password",
            "password requisite pam_pwquality.so minlen=10\n",
        ),
        ("etc/login.defs", "PASS_MAX_DAYS 90\n"),
        ("etc/security/pwquality.conf", "minlen = 12\n"),
        (
            "etc/gdm3/custom.conf",
            "[daemon]\nAutomaticLoginEnable=true\nAutomaticLogin=wang\n",
        ),
        ("etc/lightdm/lightdm.conf", "[Seat:*]\nautologin-user=wang\n"),
        ("etc/crypttab", "home UUID=1 none luks\n"),
        ("etc/ufw/ufw.conf", "ENABLED=yes\n"),
        ("usr/sbin/ufw", ""),
        ("usr/sbin/clamd", ""),
        ("usr/bin/plasmashell", ""),
        ("home/wang/.config/kscreenlockerrc", "[Daemon]\nAutolock=false\n"),
    ] {
        pc.write(name, text).unwrap();
    }
    pc
}

/// Every file and folder below a folder, without those that a link leads to.
fn below(folder: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let kind = entry.file_type().unwrap();
        if kind.is_symlink() {
            continue;
        }
        into.push(entry.path());
        if kind.is_dir() {
            below(&entry.path(), into);
        }
    }
}
