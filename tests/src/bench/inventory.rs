//! What an inventory names: packages, disks, addresses. Read from the reports of the agent and of its peers, so that
//! the bench can say what a peer found and we did not. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What one program found on this machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Names of packages.
    pub packages: BTreeSet<String>,
    /// Disks: name or serial, with the size in bytes where it is told.
    pub disks: BTreeMap<String, Option<u64>>,
    /// IP addresses without prefix.
    pub addresses: BTreeSet<String>,
}

/// `deskwarden-agent collect --json`.
pub fn of_agent(report: &Value) -> Found {
    let items = |section: &str| {
        report["sections"][section]["items"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Found::default();
    for item in items("software") {
        found.packages.insert(text(&item["facet"]["package"]));
    }
    for item in items("part") {
        let facet = &item["facet"];
        if facet["class"] == "disk" {
            let size = facet["size_bytes"].as_u64();
            let size = size.or_else(|| facet["size_bytes"].as_str()?.parse().ok());
            found.disks.insert(text(&item["key"]), size);
        }
    }
    for item in items("network") {
        strings(&item["facet"], &mut found.addresses);
    }
    found
}

/// The XML of FusionInventory and OCS, which share a schema.
pub fn of_ocs_xml(report: &str) -> Found {
    let mut found = Found::default();
    for software in blocks(report, "SOFTWARES") {
        // OCS says `libc6:amd64` where the others say `libc6`.
        let names = blocks(software, "NAME").map(|name| plain(name.split(':').next().unwrap_or(name)));
        found.packages.extend(names);
    }
    for storage in blocks(report, "STORAGES") {
        if blocks(storage, "TYPE").next() == Some("disk") {
            let megabytes = blocks(storage, "DISKSIZE")
                .next()
                .and_then(|size| size.parse::<u64>().ok());
            let name = blocks(storage, "NAME").next().map(plain).unwrap_or_default();
            found
                .disks
                .insert(name, megabytes.map(|megabytes| megabytes * 1_000_000));
        }
    }
    for network in blocks(report, "NETWORKS") {
        for tag in ["IPADDRESS", "IPADDRESS6"] {
            found.addresses.extend(blocks(network, tag).map(plain));
        }
    }
    found
}

/// `lshw -json`, which names no packages.
pub fn of_lshw(report: &Value) -> Found {
    let mut found = Found::default();
    if report["class"] == "disk" {
        let names = &report["logicalname"];
        let name = names.as_str().or_else(|| names[0].as_str()).unwrap_or_default();
        let name = name.trim_start_matches("/dev/").to_owned();
        found.disks.insert(name, report["size"].as_u64());
    }
    if let Some(address) = report["configuration"]["ip"].as_str() {
        found.addresses.insert(address.to_owned());
    }
    let children = report.as_array().or_else(|| report["children"].as_array());
    for child in children.into_iter().flatten() {
        let below = of_lshw(child);
        found.disks.extend(below.disks);
        found.addresses.extend(below.addresses);
    }
    found
}

/// `hwinfo --all`, which names neither packages nor addresses.
pub fn of_hwinfo(report: &str) -> Found {
    let mut found = Found::default();
    for device in report.split("\n\n") {
        let field = |name: &str| {
            let lines = device.lines().map(str::trim);
            lines
                .filter_map(|line| line.strip_prefix(name))
                .map(str::trim)
                .next()
        };
        if let (Some("disk"), Some(file)) = (field("Hardware Class:"), field("Device File:")) {
            let name = file.split(' ').next().unwrap_or_default();
            found
                .disks
                .insert(name.trim_start_matches("/dev/").to_owned(), None);
        }
    }
    found
}

/// Everything that looks like an address, without its prefix length.
fn strings(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let address = text.split('/').next().unwrap_or_default();
            if address.parse::<std::net::IpAddr>().is_ok() {
                into.insert(address.to_owned());
            }
        }
        Value::Array(values) => values.iter().for_each(|value| strings(value, into)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, into)),
        _ => {}
    }
}

fn blocks<'a>(text: &'a str, tag: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&open)?;
        let (inside, behind) = after.split_once(&close)?;
        rest = behind;
        Some(inside)
    })
}

fn plain(text: &str) -> String {
    text.trim()
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_agents_report_is_understood() {
        let report = json!({"sections": {
            "software": {"items": [{"key": "dpkg", "facet": {"package": "dpkg"}}]},
            "part": {"items": [{"key": "disk:serial:x", "facet": {"class": "disk", "size_bytes": 1000}},
                               {"key": "cpu:0", "facet": {"class": "cpu"}}]},
            "network": {"items": [{"key": "m", "facet": {"addresses": ["192.0.2.2/24", "eth0"], "deep": [{"a": "fd00::2"}]}}]},
        }});
        let found = of_agent(&report);
        assert!(found.packages.contains("dpkg"));
        assert_eq!(
            found.disks,
            BTreeMap::from([("disk:serial:x".to_owned(), Some(1000))])
        );
        assert_eq!(found.addresses.len(), 2);
    }

    #[test]
    fn the_peers_reports_are_understood() {
        let xml = "<SOFTWARES><NAME>g++ &amp; co:amd64</NAME></SOFTWARES><STORAGES><DISKSIZE>2</DISKSIZE><NAME>vda</NAME>\
            <TYPE>disk</TYPE></STORAGES><NETWORKS><IPADDRESS>192.0.2.2</IPADDRESS></NETWORKS>";
        let found = of_ocs_xml(xml);
        assert!(found.packages.contains("g++ & co"));
        assert_eq!(found.disks, BTreeMap::from([("vda".to_owned(), Some(2_000_000))]));
        assert!(found.addresses.contains("192.0.2.2"));

        let lshw = json!({"class": "system", "children": [
            {"class": "disk", "logicalname": ["/dev/vda", "/"]},
            {"class": "network", "configuration": {"ip": "192.0.2.2"}}]});
        assert_eq!(of_lshw(&lshw).disks, BTreeMap::from([("vda".to_owned(), None)]));
        assert_eq!(of_lshw(&lshw).addresses.len(), 1);

        let hwinfo = "12: x\n  Hardware Class: disk\n  Device File: /dev/sda (/dev/sg0)\n\n13: y\n  Hardware Class: cdrom\n";
        assert_eq!(
            of_hwinfo(hwinfo).disks,
            BTreeMap::from([("sda".to_owned(), None)])
        );
    }
}
