//! What an agent of OCS Inventory writes of a PC. Pure.

use std::fmt::Write as _;

use deskwarden_proto::v1::{PartClass, facet::Kind};
use deskwarden_tests::sim::pc::{SOURCES, SimPc};

use crate::peer::When;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
/// Every section changed, as an agent says the first time.
const EVERYTHING: u32 = 262_143;
/// `HARDWARE`, which is always told; with its software and its network. Its server knows no accounts.
const HARDWARE: u32 = 1;
const CHANGED: u32 = HARDWARE | 0x1_0000 | 0x1000;

/// How the server knows it.
pub(crate) fn device(pc: &SimPc) -> String {
    format!("{}-2026-01-05-08-00-00", pc.name())
}

/// The question whether a report is wanted.
pub(crate) fn prolog(pc: &SimPc) -> String {
    format!(
        "{HEAD}<REQUEST><DEVICEID>{}</DEVICEID><QUERY>PROLOG</QUERY></REQUEST>",
        device(pc)
    )
}

/// The report.
pub(crate) fn inventory(pc: &SimPc, when: When) -> String {
    let checksum = match when {
        When::First => EVERYTHING,
        When::Unchanged => HARDWARE,
        When::Changed => CHANGED,
    };
    let mut body = String::new();
    let (mut hardware, mut address) = (String::new(), String::new());
    for fact in SOURCES.into_iter().flat_map(|id| pc.facts(id)) {
        let day = fact.local.installed_on.replace('-', "/");
        let size = fact.local.size_bytes / 1024;
        match fact.facet.kind {
            Some(Kind::Software(it)) => section(
                &mut body,
                "SOFTWARES",
                &[
                    ("COMMENTS", &it.summary),
                    ("FILESIZE", &size.to_string()),
                    ("FROM", "deb"),
                    ("INSTALLDATE", &format!("{day} 00:00:00")),
                    ("NAME", &it.package),
                    ("PUBLISHER", &it.publisher),
                    ("VERSION", &it.version),
                ],
            ),
            Some(Kind::Os(os)) => {
                for (tag, value) in [
                    ("OSNAME", &os.name),
                    ("OSVERSION", &os.version),
                    ("OSCOMMENTS", &os.kernel),
                ] {
                    tagged(&mut hardware, tag, value);
                }
            }
            Some(Kind::Part(part)) => {
                let megabytes = (part.size_bytes >> 20).to_string();
                if part.class == i32::from(PartClass::System) {
                    section(
                        &mut body,
                        "BIOS",
                        &[
                            ("SMANUFACTURER", &part.manufacturer),
                            ("SMODEL", &part.model),
                            ("SSN", &part.serial),
                        ],
                    );
                } else if part.class == i32::from(PartClass::Memory) {
                    section(
                        &mut body,
                        "MEMORIES",
                        &[
                            ("CAPACITY", &megabytes),
                            ("CAPTION", &part.model),
                            ("NUMSLOTS", &part.position),
                            ("SERIALNUMBER", &part.serial),
                        ],
                    );
                } else if part.class == i32::from(PartClass::Disk) {
                    section(
                        &mut body,
                        "STORAGES",
                        &[
                            ("DISKSIZE", &megabytes),
                            ("MANUFACTURER", &part.manufacturer),
                            ("MODEL", &part.model),
                            ("NAME", &part.position),
                            ("SERIALNUMBER", &part.serial),
                            ("TYPE", "disk"),
                        ],
                    );
                }
            }
            Some(Kind::Network(it)) => {
                address = it
                    .addresses
                    .first()
                    .map(|address| address.ip.clone())
                    .unwrap_or_default();
                section(
                    &mut body,
                    "NETWORKS",
                    &[
                        ("DESCRIPTION", &it.interface),
                        ("IPADDRESS", &address),
                        ("IPGATEWAY", it.gateways.first().map_or("", String::as_str)),
                        ("IPMASK", "255.255.255.0"),
                        ("MACADDR", &it.mac),
                        ("STATUS", "Up"),
                        ("TYPE", "ethernet"),
                    ],
                );
            }
            Some(Kind::Account(it)) => {
                section(
                    &mut body,
                    "LOCAL_USERS",
                    &[("LOGIN", &it.name), ("SHELL", &it.shell)],
                );
            }
            _ => {}
        }
    }
    for (tag, value) in [
        ("CHECKSUM", checksum.to_string()),
        ("IPADDR", address),
        ("NAME", pc.name()),
        ("UUID", format!("uuid-{}", pc.name())),
    ] {
        tagged(&mut hardware, tag, &value);
    }
    section(
        &mut body,
        "ACCOUNTINFO",
        &[("KEYNAME", "TAG"), ("KEYVALUE", "office")],
    );
    format!(
        "{HEAD}<REQUEST><CONTENT><HARDWARE>{hardware}</HARDWARE>{body}</CONTENT><DEVICEID>{}</DEVICEID>\
         <QUERY>INVENTORY</QUERY></REQUEST>",
        device(pc)
    )
}

fn section(body: &mut String, name: &str, fields: &[(&str, &str)]) {
    write!(body, "<{name}>").ok();
    for (tag, value) in fields {
        tagged(body, tag, value);
    }
    write!(body, "</{name}>").ok();
}

fn tagged(body: &mut String, tag: &str, value: &str) {
    let value = value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    write!(body, "<{tag}>{value}</{tag}>").ok();
}
