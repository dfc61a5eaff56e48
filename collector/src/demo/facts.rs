//! Facts of simulated PCs as the contract has them, and what changed between two pictures of one.

use std::collections::BTreeMap;

use deskwarden_proto::{
    Message as _, key,
    v1::{
        self, Account, Activation, Address, AddressMode, Band, Delta, Facet, Health, InterfaceKind, Item,
        ItemKey, Local, Logon, LogonKind, Look, Media, Network, Os, Part, PartClass, Process, Proxy, Section,
        Security, Share, Software, SoftwareKind, SourceState, Switch, Trigger, facet::Kind,
    },
};

use super::{
    office::{Pc, System},
    titles::Title,
};

/// Everything that a PC is, by what identifies a fact.
pub(super) type Facts = BTreeMap<(i32, String, String, String), Item>;

/// Sources that every simulated PC looks at.
const LOOKED: &[(Section, &str)] = &[
    (Section::Os, "os"),
    (Section::Part, "smbios"),
    (Section::Part, "disks"),
    (Section::Software, "packages"),
    (Section::Process, "programs"),
    (Section::Network, "interfaces"),
    (Section::Proxy, "system"),
    (Section::Proxy, "user-environment"),
    (Section::Listener, "sockets"),
    (Section::Egress, "sockets"),
    (Section::Account, "local"),
    (Section::Logon, "sessions"),
    (Section::Share, "smb"),
    (Section::Media, "usb"),
    (Section::Neighbour, "neighbours"),
    (Section::Health, "disks"),
    (Section::Health, "shutdowns"),
    (Section::Security, "antivirus"),
    (Section::Security, "firewall"),
    (Section::Security, "screen-lock"),
    (Section::Security, "password-policy"),
    (Section::Security, "auto-logon"),
    (Section::Security, "remote-access"),
    (Section::Security, "disk-encryption"),
];

/// One fact of the machine.
pub(super) fn put(facts: &mut Facts, section: Section, source: &str, key: String, kind: Kind, local: Local) {
    put_of(facts, section, source, key, "", kind, local);
}

fn put_of(
    facts: &mut Facts,
    section: Section,
    source: &str,
    key: String,
    principal: &str,
    kind: Kind,
    local: Local,
) {
    let facet = Facet { kind: Some(kind) };
    let id = (
        i32::from(section),
        source.to_owned(),
        key.clone(),
        principal.to_owned(),
    );
    let item = Item {
        section: section.into(),
        source: source.to_owned(),
        key,
        principal: principal.to_owned(),
        facet: facet.encode_to_vec().into(),
        local: local.encode_to_vec().into(),
    };
    facts.insert(id, item);
}

/// What came, changed and went.
pub(super) fn difference(before: &Facts, after: &Facts) -> Delta {
    let put = after
        .iter()
        .filter(|(id, item)| before.get(*id) != Some(*item))
        .map(|(_, item)| item.clone());
    let gone = before
        .iter()
        .filter(|(id, _)| !after.contains_key(*id))
        .map(|(_, item)| ItemKey {
            section: item.section,
            source: item.source.clone(),
            key: item.key.clone(),
            principal: item.principal.clone(),
        });
    Delta {
        gone: gone.collect(),
        put: put.collect(),
        trigger: Trigger::Watch.into(),
        ..Delta::default()
    }
}

/// Everything, and that every source was looked at.
pub(super) fn first_report(pc: &Pc) -> Delta {
    let sources = LOOKED.iter().map(|(section, source)| SourceState {
        section: (*section).into(),
        source: (*source).to_owned(),
        look: Look::Looked.into(),
        reason: String::new(),
    });
    let mut delta = difference(&Facts::new(), &of(pc));
    delta.sources = sources.collect();
    delta.trigger = Trigger::Start.into();
    delta
}

/// A PC as it was bought and set up.
pub(super) fn of(pc: &Pc) -> Facts {
    let mut facts = Facts::new();
    os(&mut facts, pc);
    parts(&mut facts, pc);
    for title in &pc.titles {
        software(&mut facts, pc, title);
    }
    network(&mut facts, pc, &pc.address);
    for (uid, name, administrator) in [("500", "Administrator", true), ("1001", "office", false)] {
        account(&mut facts, uid, name, administrator, false);
    }
    for (topic, product) in [
        ("antivirus", "火绒安全软件"),
        ("firewall", ""),
        ("screen_lock", ""),
        ("password_policy", ""),
        ("disk_encryption", ""),
    ] {
        security(&mut facts, topic, product, Switch::On, 0);
    }
    security(&mut facts, "auto_logon", "", Switch::Off, 0);
    health(&mut facts, "disk_full", "C:", Band::Ok);
    facts
}

fn os(facts: &mut Facts, pc: &Pc) {
    let (name, version, id, kernel, family) = match pc.system {
        System::Windows if pc.number.is_multiple_of(3) => {
            ("Windows 10 Pro", "22H2", "windows", "10.0.19045.5131", "windows")
        }
        System::Windows => ("Windows 11 Pro", "23H2", "windows", "10.0.22631.4460", "windows"),
        System::Uos => (
            "UnionTech OS Desktop 20 Pro",
            "1070",
            "uos",
            "5.10.0-amd64-desktop",
            "linux",
        ),
        System::Kylin => ("Kylin V10 SP1", "V10", "kylin", "5.4.18-110-generic", "linux"),
    };
    let os = Os {
        name: name.to_owned(),
        version: version.to_owned(),
        id: id.to_owned(),
        kernel: kernel.to_owned(),
        architecture: "x86_64".to_owned(),
        hostname: pc.hostname.clone(),
        activation: Activation::Activated.into(),
        family: family.to_owned(),
        ..Os::default()
    };
    put(
        facts,
        Section::Os,
        "os",
        key::named(&["os"]),
        Kind::Os(os),
        Local::default(),
    );
}

fn parts(facts: &mut Facts, pc: &Pc) {
    let n = pc.number;
    let (maker, model) = match n % 3 {
        0 => ("LENOVO", "ThinkCentre M70q"),
        1 => ("Dell Inc.", "OptiPlex 7090"),
        _ => ("HP", "ProDesk 600 G6"),
    };
    let mut part = |class: PartClass,
                    name: &str,
                    position: &str,
                    maker: &str,
                    model: &str,
                    serial: String,
                    size: u64| {
        let part = Part {
            class: class.into(),
            position: position.to_owned(),
            manufacturer: maker.to_owned(),
            model: model.to_owned(),
            serial,
            size_bytes: size,
            removable: class == PartClass::Monitor,
            ..Part::default()
        };
        put(
            facts,
            Section::Part,
            "smbios",
            key::part(name, position),
            Kind::Part(part),
            Local::default(),
        );
    };
    part(
        PartClass::System,
        "system",
        "0",
        maker,
        model,
        format!("PC{n:07}"),
        0,
    );
    part(
        PartClass::Board,
        "board",
        "0",
        maker,
        "0K240Y",
        format!("MB{n:07}"),
        0,
    );
    part(
        PartClass::Cpu,
        "cpu",
        "0",
        "Intel",
        "Core i5-10500T",
        String::new(),
        0,
    );
    part(
        PartClass::Memory,
        "memory",
        "DIMM_A1",
        "Samsung",
        "M378A1K43EB2-CWE",
        format!("36F1{n:05}"),
        8 << 30,
    );
    part(
        PartClass::Memory,
        "memory",
        "DIMM_B1",
        "Samsung",
        "M378A1K43EB2-CWE",
        format!("36F2{n:05}"),
        8 << 30,
    );
    part(PartClass::Nic, "nic", "0", "Intel", "I219-LM", String::new(), 0);
    part(
        PartClass::Monitor,
        "monitor",
        "0",
        "AOC",
        "24B2XH",
        format!("MON{n:06}"),
        0,
    );
    disk(
        facts,
        "SAMSUNG MZVL2512HCJQ",
        &format!("S676NX0R{n:06}"),
        512 << 30,
    );
}

/// A disk of the PC.
pub(super) fn disk(facts: &mut Facts, model: &str, serial: &str, size_bytes: u64) {
    let part = Part {
        class: PartClass::Disk.into(),
        position: "nvme0".to_owned(),
        manufacturer: model.split(' ').next().unwrap_or_default().to_owned(),
        model: model.to_owned(),
        serial: serial.to_owned(),
        size_bytes,
        ..Part::default()
    };
    put(
        facts,
        Section::Part,
        "disks",
        key::disk("", serial, "nvme0"),
        Kind::Part(part),
        Local::default(),
    );
}

/// A memory module in a slot.
pub(super) fn memory(facts: &mut Facts, slot: &str, maker: &str, model: &str, serial: &str, size_bytes: u64) {
    let part = Part {
        class: PartClass::Memory.into(),
        position: slot.to_owned(),
        manufacturer: maker.to_owned(),
        model: model.to_owned(),
        serial: serial.to_owned(),
        size_bytes,
        ..Part::default()
    };
    put(
        facts,
        Section::Part,
        "smbios",
        key::part("memory", slot),
        Kind::Part(part),
        Local::default(),
    );
}

/// Key and fact of a title as its system registers it.
pub(super) fn software(facts: &mut Facts, pc: &Pc, title: &Title) {
    let linux = pc.system != System::Windows && !title.package.is_empty();
    let facet = if linux {
        Software {
            name: title.package.to_owned(),
            version: title.version.to_owned(),
            publisher: title.publisher.to_owned(),
            kind: SoftwareKind::Package.into(),
            package: title.package.to_owned(),
            architecture: "amd64".to_owned(),
            ..Software::default()
        }
    } else {
        Software {
            name: title.name.to_owned(),
            version: title.version.to_owned(),
            publisher: title.publisher.to_owned(),
            kind: SoftwareKind::UninstallEntry.into(),
            package: title.name.to_owned(),
            exe: title.exe.to_owned(),
            ..Software::default()
        }
    };
    let local = Local {
        installed_on: format!("2026-0{}-{:02}", 1 + pc.number % 8, 1 + pc.number % 28),
        ..Local::default()
    };
    put(
        facts,
        Section::Software,
        "packages",
        title_key(pc, title),
        Kind::Software(facet),
        local,
    );
}

/// The title is gone.
pub(super) fn uninstall(facts: &mut Facts, pc: &Pc, title: &Title) {
    let key = title_key(pc, title);
    facts.retain(|(section, _, of, _), _| *section != i32::from(Section::Software) || *of != key);
    facts.retain(|(section, _, of, _), _| {
        *section != i32::from(Section::Process) || title.exe.is_empty() || !of.ends_with(title.exe)
    });
}

fn title_key(pc: &Pc, title: &Title) -> String {
    if pc.system != System::Windows && !title.package.is_empty() {
        key::package(title.package, "amd64")
    } else {
        key::uninstall("64", title.name)
    }
}

/// The title runs.
pub(super) fn process(facts: &mut Facts, title: &Title) {
    if title.exe.is_empty() {
        return;
    }
    let path = format!("C:\\Program Files\\{}", title.exe);
    let facet = Process {
        name: title.exe.to_owned(),
        publisher: title.publisher.to_owned(),
        ..Process::default()
    };
    put(
        facts,
        Section::Process,
        "programs",
        key::process(&path),
        Kind::Process(facet),
        Local::default(),
    );
}

/// The one interface, with an address.
pub(super) fn network(facts: &mut Facts, pc: &Pc, address: &str) {
    let facet = Network {
        interface: if pc.system == System::Windows {
            "以太网"
        } else {
            "enp1s0"
        }
        .to_owned(),
        kind: InterfaceKind::Ethernet.into(),
        mac: pc.mac.clone(),
        permanent_mac: pc.mac.clone(),
        addresses: vec![Address {
            ip: address.to_owned(),
            prefix: 24,
            mode: AddressMode::Static.into(),
            configured_only: false,
        }],
        gateways: vec![pc.gateway()],
        dns: vec!["10.66.0.53".to_owned()],
        mode: AddressMode::Static.into(),
        manager: if pc.system == System::Windows {
            "Windows"
        } else {
            "NetworkManager"
        }
        .to_owned(),
        up: true,
        gateway_mac: "d4:5d:64:fe:00:01".to_owned(),
        ..Network::default()
    };
    let key = key::network(&pc.mac, "enp1s0");
    put(
        facts,
        Section::Network,
        "interfaces",
        key,
        Kind::Network(facet),
        Local::default(),
    );
}

/// A proxy in the system's settings.
pub(super) fn proxy(facts: &mut Facts, setting: &str, host: &str, port: u16) {
    let facet = Proxy {
        setting: setting.to_owned(),
        value: format!("http://{host}:{port}"),
        scheme: "http".to_owned(),
        host: host.to_owned(),
        port: u32::from(port),
        enabled: true,
        ..Proxy::default()
    };
    put(
        facts,
        Section::Proxy,
        "system",
        key::proxy("system", setting),
        Kind::Proxy(facet),
        Local::default(),
    );
}

/// A local account.
pub(super) fn account(facts: &mut Facts, uid: &str, name: &str, administrator: bool, password_empty: bool) {
    let facet = Account {
        name: name.to_owned(),
        administrator,
        enabled: true,
        password_empty,
        interactive: true,
        ..Account::default()
    };
    put_of(
        facts,
        Section::Account,
        "local",
        key::account(uid),
        uid,
        Kind::Account(facet),
        Local::default(),
    );
}

/// A security setting.
pub(super) fn security(facts: &mut Facts, topic: &str, product: &str, enabled: Switch, days_old: u64) {
    let facet = Security {
        topic: topic.to_owned(),
        product: product.to_owned(),
        enabled: enabled.into(),
        up_to_date: if topic == "antivirus" && days_old > 7 {
            Switch::Off
        } else {
            Switch::On
        }
        .into(),
        seconds: if topic == "screen_lock" {
            600
        } else {
            days_old * 86_400
        },
        minimum_length: if topic == "password_policy" { 8 } else { 0 },
        detail: String::new(),
    };
    let source = topic.replace('_', "-");
    put(
        facts,
        Section::Security,
        &source,
        key::named(&[topic]),
        Kind::Security(facet),
        Local::default(),
    );
}

/// How something does.
pub(super) fn health(facts: &mut Facts, topic: &str, subject: &str, band: Band) {
    let facet = Health {
        topic: topic.to_owned(),
        band: band.into(),
        subject: subject.to_owned(),
        detail: String::new(),
    };
    put(
        facts,
        Section::Health,
        "disks",
        key::named(&[topic, subject]),
        Kind::Health(facet),
        Local::default(),
    );
}

/// A folder that anybody may read.
pub(super) fn share(facts: &mut Facts, name: &str) {
    let facet = Share {
        name: name.to_owned(),
        protocol: "smb".to_owned(),
        guest: true,
        writable: true,
        administrative: false,
    };
    put(
        facts,
        Section::Share,
        "smb",
        key::named(&["smb", name]),
        Kind::Share(facet),
        Local::default(),
    );
}

/// A stick.
pub(super) fn media(facts: &mut Facts, serial: &str) {
    let facet = Media {
        vendor: "Kingston".to_owned(),
        model: "DataTraveler 3.0".to_owned(),
        serial: serial.to_owned(),
        size_bytes: 64 << 30,
        present: true,
        usb_id: "0951:1666".to_owned(),
        ..Media::default()
    };
    put(
        facts,
        Section::Media,
        "usb",
        key::media(serial, "0951:1666"),
        Kind::Media(facet),
        Local::default(),
    );
}

/// A program that talks to a mail port.
pub(super) fn egress(facts: &mut Facts, program: &str, port: u16) {
    let facet = v1::Egress {
        program: program.to_owned(),
        port: u32::from(port),
        protocol: "tcp".to_owned(),
        package: String::new(),
    };
    put(
        facts,
        Section::Egress,
        "sockets",
        key::egress(program, port),
        Kind::Egress(facet),
        Local::default(),
    );
}

/// Somebody signed in at the screen.
pub(super) fn logon(facts: &mut Facts, user: &str, day: &str) {
    let facet = Logon {
        user: user.to_owned(),
        day: day.to_owned(),
        kind: LogonKind::Console.into(),
        from: String::new(),
    };
    put_of(
        facts,
        Section::Logon,
        "sessions",
        key::logon(user, day, false),
        user,
        Kind::Logon(facet),
        Local::default(),
    );
}
