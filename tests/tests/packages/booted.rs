//! The .deb in a Debian that boots: installed by dpkg, run by its unit, watched by a collector on this machine.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use deskwarden_tests::{
    architecture::tree,
    collector::{Collector, Setup},
    machine::{Disk, Machine},
    packages::{self, Packages, Processor, Product},
    wait::{PATIENCE, eventually},
};
use serde_json::Value;

const UNIT: &str = "deploy/linux/agent/deskwarden-agent.service";
/// What keeps the unit's exposure acceptable, in tenths.
const MOST_EXPOSED: f64 = 3.0;

/// A booted PC, the packages under test, and a collector at the other end of its cable.
struct Site {
    // Fields end in this order: the PC goes before what it talks to.
    pc: Machine,
    collector: Collector,
    packages: Packages,
    processor: Processor,
}

impl Site {
    fn open(test: &str, octet: u8) -> Option<Self> {
        let packages = Packages::of(test)?;
        let processor = Processor::of_this_machine()?;
        let pc = Disk::new(test).unwrap()?.boot(test, octet).unwrap()?;
        let address = format!("{}:0", pc.gateway());
        let collector = Setup::new().unwrap().start_on(&address).unwrap();
        Some(Self {
            pc,
            collector,
            packages,
            processor,
        })
    }

    /// Text of an `enrol.toml` with a token of one use.
    fn instructions(&self) -> String {
        let made = self
            .collector
            .cli(&["token", "create", "--uses", "1", "--valid", "1h"])
            .unwrap();
        format!(
            "collector = \"{}\"\npin = {}\ntoken = {}\ndepartment = \"财务部\"\n",
            self.collector.agents().unwrap(),
            made["pin"],
            made["token"]
        )
    }

    /// Leaves instructions as an administrator does, before there is a package.
    fn leave(&self, text: &str) {
        let file = self.pc.file("/etc/deskwarden/enrol.toml");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Installs a package as `apt` does, with nobody to answer.
    fn install(&self, packages: &Packages, environment: &str) -> String {
        let deb = self
            .pc
            .put(&packages.deb(Product::Agent, self.processor).unwrap())
            .unwrap();
        self.pc
            .run(&format!("{environment} dpkg --install {deb} </dev/null 2>&1"))
            .unwrap()
    }

    /// The device as the collector has it, once it shows what is wanted.
    fn device(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = self
            .collector
            .device(what, |device| wanted(device).then(|| device.clone()));
        found.unwrap_or_else(|error| panic!("{error:#}\n{}\n{}", self.pc.journal(), self.collector.log()))
    }

    fn devices(&self) -> Vec<Value> {
        self.collector
            .cli(&["device", "list"])
            .unwrap()
            .as_array()
            .unwrap()
            .clone()
    }

    fn property(&self, name: &str) -> String {
        let shown = self.pc.run(&format!(
            "systemctl show --value --property={name} deskwarden-agent"
        ));
        shown.unwrap().trim().to_owned()
    }
}

#[test]
fn under_its_unit_the_agent_sees_what_root_sees_and_staff_cannot_stop_it() {
    let test = "under_its_unit_the_agent_sees_what_root_sees_and_staff_cannot_stop_it";
    let Some(site) = Site::open(test, 240) else { return };
    site.pc.run(PEOPLE).unwrap();
    site.leave(&site.instructions());
    site.install(&site.packages, "");
    site.device("the first full report", |device| {
        device["items"]["software"].as_u64() > Some(80) && device["items"]["account"].as_u64() > Some(10)
    });

    assert_eq!(site.property("ActiveState"), "active");
    assert!(!site.pc.file("/etc/deskwarden/enrol.toml").exists());
    assert!(!site.pc.file("/var/lib/deskwarden-agent/token").exists());
    let config = fs::metadata(site.pc.file("/etc/deskwarden/agent.toml")).unwrap();
    assert_eq!((config.uid(), config.mode() & 0o777), (0, 0o600));
    let state = fs::metadata(site.pc.file("/var/lib/deskwarden-agent")).unwrap();
    assert_eq!((state.uid(), state.mode() & 0o777), (0, 0o700));

    the_unit_hides_nothing(&site);
    the_unit_is_confined(&site);
    staff_cannot_stop_it(&site);
}

/// People with settings and programs of their own, running from places that a confined service may not see.
const PEOPLE: &str = r#"
useradd --create-home --shell /bin/bash li
useradd --create-home --shell /bin/bash wang
su li -c 'printf "[http]\n\tproxy = http://10.9.9.9:3128\n" >~/.gitconfig; mkdir ~/Applications
    cp /bin/sleep ~/Applications/tool.AppImage; cp /bin/sleep ~/portable'
su wang -c 'cp /bin/sleep /tmp/hidden; chmod 700 ~'
systemd-run --quiet --uid=li /home/li/portable 900
systemd-run --quiet --uid=wang /tmp/hidden 900
echo https_proxy=http://10.1.1.1:8080 >>/etc/environment
"#;

/// The inventory of the shipped unit, item by item, against that of root without any unit's limits.
fn the_unit_hides_nothing(site: &Site) {
    let unit = fs::read_to_string(tree::root().join(UNIT)).unwrap();
    let proof: String = unit
        .lines()
        .filter(|line| !["ExecStartPre=", "Restart", "Condition"].iter().any(|start| line.starts_with(start)))
        .map(|line| match line.split('=').next() {
            Some("Type") => "Type=oneshot\n".to_owned(),
            Some("ExecStart") => {
                "ExecStart=/usr/bin/deskwarden-agent collect --json\nStandardOutput=truncate:/run/confined.json\n"
                    .to_owned()
            }
            _ => format!("{line}\n"),
        })
        .collect();
    assert!(
        proof.contains("collect --json") && proof.contains("ProtectSystem=strict"),
        "{proof}"
    );
    fs::write(site.pc.file("/etc/systemd/system/proof.service"), proof).unwrap();
    // Both are started the same way, so that neither sees a program that the other does not.
    let plain = "[Service]\nType=oneshot\nExecStart=/usr/bin/deskwarden-agent collect --json\nStandardOutput=truncate:/run/plain.json\n";
    fs::write(site.pc.file("/etc/systemd/system/plain.service"), plain).unwrap();
    site.pc
        .run("systemctl daemon-reload; systemctl start proof; systemctl start plain")
        .unwrap();
    let read = |name: &str| -> Value {
        serde_json::from_str(&site.pc.run(&format!("cat /run/{name}.json")).unwrap()).unwrap()
    };
    let (confined, plain) = (read("confined"), read("plain"));
    let sections = plain["sections"].as_object().unwrap();
    for (section, seen) in sections {
        assert_eq!(confined["sections"][section], *seen, "section {section}");
    }
    assert_eq!(confined, plain);
    let keys = plain["sections"].to_string();
    for present in [
        "/home/li/portable",
        "/tmp/hidden",
        "tool.AppImage",
        "10.9.9.9:3128",
        "10.1.1.1:8080",
    ] {
        assert!(keys.contains(present), "{present} is in no section");
    }

    // The connected agent as well: nothing was denied to it, and every source answers as it did for root.
    let looks = |sources: &Value, section: Option<&str>| -> BTreeMap<String, String> {
        let rows = sources.as_array().unwrap().iter();
        rows.map(|row| {
            let section = section.or(row["section"].as_str()).unwrap();
            (
                format!("{section}/{}", row["source"].as_str().unwrap()),
                row["look"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
    };
    let expected: BTreeMap<String, String> = sections
        .iter()
        .flat_map(|(section, seen)| looks(&seen["sources"], Some(section)))
        .collect();
    let counted = ["software", "account", "os", "part", "proxy"];
    site.device("every source to answer as it does for root", |device| {
        looks(&device["sources"], None) == expected
            && counted.iter().all(|section| {
                let items = sections[*section]["items"].as_array().map(Vec::len);
                device["items"][section].as_u64() == items.map(|count| count as u64)
            })
    });
}

/// The score of systemd's own judge; a unit without limits shows that it can be high.
fn the_unit_is_confined(site: &Site) {
    let exposure = |unit: &str| -> f64 {
        let script = format!("systemd-analyze security --no-pager {unit} | tail -n 1");
        let line = site.pc.run(&script).unwrap();
        let number = line
            .split("exposure level for")
            .nth(1)
            .and_then(|rest| rest.split(": ").nth(1));
        number
            .and_then(|rest| rest.split(' ').next())
            .unwrap()
            .parse()
            .unwrap()
    };
    let score = exposure("deskwarden-agent.service");
    assert!(score <= MOST_EXPOSED, "{score}");
    assert!(exposure("plain.service") > 9.0);
}

fn staff_cannot_stop_it(site: &Site) {
    let main = site.property("MainPID");
    for attempt in [
        "systemctl stop deskwarden-agent",
        "systemctl disable deskwarden-agent",
        "systemctl restart deskwarden-agent",
        &format!("bash -c 'kill {main}'"),
        "ls /var/lib/deskwarden-agent",
        "cat /etc/deskwarden/agent.toml",
    ] {
        let tried = site.pc.run(&format!("su wang -c \"{attempt}\" 2>&1"));
        let refused = format!("{:#}", tried.err().unwrap_or_else(|| panic!("{attempt} worked")));
        assert!(
            ["denied", "not permitted", "authentication"]
                .iter()
                .any(|word| refused.contains(word)),
            "{attempt}: {refused}"
        );
    }
    assert_eq!(
        (site.property("ActiveState").as_str(), site.property("MainPID")),
        ("active", main)
    );
    let told = site
        .pc
        .run("su wang -c 'deskwarden-agent what-is-collected --lang zh'")
        .unwrap();
    assert!(
        told.chars().any(|letter| ('一'..='龥').contains(&letter)),
        "{told}"
    );
}

#[test]
fn an_upgrade_keeps_the_device_and_its_outbox_and_purging_leaves_nothing() {
    let test = "an_upgrade_keeps_the_device_and_its_outbox_and_purging_leaves_nothing";
    let Some(mut site) = Site::open(test, 241) else {
        return;
    };
    site.leave(&site.instructions());
    site.install(&site.packages, "");
    let before = site.device("the first full report", |device| {
        device["items"]["account"].as_u64() > Some(10)
    });

    let folder = tempfile::tempdir().unwrap();
    let newer = packages::renumber(
        &site.packages,
        Product::Agent,
        site.processor,
        "99.1",
        folder.path(),
    )
    .unwrap();

    // What happens while the collector is away is in the outbox when the new version comes.
    site.collector.program().kill().unwrap();
    site.pc.run("useradd zhao").unwrap();
    let outbox = site.pc.file("/var/lib/deskwarden-agent/outbox");
    let written = |word: &[u8]| {
        let files = fs::read_dir(&outbox).unwrap();
        files.flatten().any(|file| {
            let bytes = fs::read(file.path()).unwrap_or_default();
            bytes.windows(word.len()).any(|window| window == word)
        })
    };
    eventually("the new account in the outbox", PATIENCE, || {
        Ok(written(b"zhao").then_some(()))
    })
    .unwrap();
    let old = site.property("MainPID");
    site.install(&newer, "");
    assert_eq!(site.property("ActiveState"), "active");
    assert_ne!(site.property("MainPID"), old);
    site.collector.restart().unwrap();
    let accounts = before["items"]["account"].as_u64().unwrap() + 1;
    let after = site.device("the account that came meanwhile", |device| {
        device["items"]["account"] == accounts
    });
    assert_eq!(after["id"], before["id"]);
    assert_eq!(site.devices().len(), 1);

    site.pc.run("dpkg --remove deskwarden-agent </dev/null").unwrap();
    assert_ne!(site.property("ActiveState"), "active");
    assert!(site.pc.file("/var/lib/deskwarden-agent/identity").exists());
    site.install(&newer, "");
    assert_eq!(site.property("ActiveState"), "active");

    site.pc.run("dpkg --purge deskwarden-agent </dev/null").unwrap();
    let left = site.pc.run(
        "find / -xdev \\( -path /proc -o -path /sys -o -path /root -o -path /var/log \\) -prune -o -iname '*deskwarden*' -print; \
         pgrep -l deskwarden || true",
    );
    assert_eq!(left.unwrap(), "");
    assert_eq!(site.devices().len(), 1);
}

#[test]
fn installed_without_instructions_it_waits_for_them_and_names_what_is_wrong() {
    let test = "installed_without_instructions_it_waits_for_them_and_names_what_is_wrong";
    let Some(site) = Site::open(test, 242) else { return };
    site.install(&site.packages, "");
    assert_eq!(site.property("ActiveState"), "inactive");
    assert_eq!(site.property("UnitFileState"), "enabled");
    let failed = site
        .pc
        .run("systemctl list-units --failed --plain --no-legend")
        .unwrap();
    assert!(!failed.contains("deskwarden"), "{failed}");

    site.leave("colector = \"https://c.example:7443\"\ntoken = \"dwt-never-shown\"\n");
    let told = site.install(&site.packages, "");
    assert!(
        told.contains("enrol.toml:1: colector") && !told.contains("dwt-never-shown"),
        "{told}"
    );
    assert_eq!(
        site.pc
            .run("dpkg-query -W -f '${db:Status-Abbrev}' deskwarden-agent")
            .unwrap(),
        "ii "
    );
    assert!(Path::new(&site.pc.file("/etc/deskwarden/enrol.toml")).exists());
    site.pc.run("systemctl stop deskwarden-agent").unwrap();

    site.leave(&site.instructions());
    site.pc.run("systemctl restart deskwarden-agent").unwrap();
    site.device("the first full report", |device| {
        device["items"]["software"].as_u64() > Some(80)
    });
    let config = fs::read_to_string(site.pc.file("/etc/deskwarden/agent.toml")).unwrap();
    assert!(
        config.contains("department = \"财务部\"") && !config.contains("token ="),
        "{config}"
    );
}

#[test]
fn the_environment_of_the_installation_is_enough_to_enrol() {
    let test = "the_environment_of_the_installation_is_enough_to_enrol";
    let Some(site) = Site::open(test, 243) else { return };
    let made = site
        .collector
        .cli(&["token", "create", "--uses", "1", "--valid", "1h"])
        .unwrap();
    let environment = format!(
        "DESKWARDEN_COLLECTOR={} DESKWARDEN_PIN={} DESKWARDEN_TOKEN={}",
        site.collector.agents().unwrap(),
        made["pin"].as_str().unwrap(),
        made["token"].as_str().unwrap()
    );
    let told = site.install(&site.packages, &environment);
    site.device("the first full report", |device| {
        device["items"]["software"].as_u64() > Some(80)
    });
    // The token of this installation stands nowhere afterwards: not in a file, not in what was told.
    let token = made["token"].as_str().unwrap();
    assert!(!told.contains(token), "{told}");
    let kept = site
        .pc
        .run(&format!("grep -rlF {token} /etc /var /run 2>/dev/null || true"))
        .unwrap();
    assert_eq!(kept, "");
}
