//! What Windows keeps and answers: hives and values of the registry, tables of the network library, disks.

use deskwarden_parse::{
    authenticode, error_report,
    iphelper::{self, adapters},
    pe,
    registry::{
        self, HiveKey, Key, component_packages, entries, packages, parse_wide, profiles,
        settings::{self, parse_connection, parse_servers},
        sticks, updates_tree,
    },
    shortcut, storage, text,
};

use crate::Target;

/// A person's hive, written by hivex.
const USER: &[u8] = include_bytes!("../../../agent/parse/fixtures/registry/user.hive");
/// A program with a version resource, made by mingw-w64.
const PROGRAM: &[u8] = include_bytes!("../../../agent/parse/fixtures/pe/version.exe");
/// The same, signed by osslsigncode.
const SIGNED: &[u8] = include_bytes!("../../../agent/parse/fixtures/pe/signed.exe");
/// Shortcuts, written by Wine's shell and by pylnk3.
const SHORTCUTS: [&[u8]; 3] = [
    include_bytes!("../../../agent/parse/fixtures/shortcut/chinese.lnk"),
    include_bytes!("../../../agent/parse/fixtures/shortcut/items.lnk"),
    include_bytes!("../../../agent/parse/fixtures/shortcut/variable.lnk"),
];
/// Reports of crashes, synthesised.
const REPORTS: [&[u8]; 2] = [
    include_bytes!("../../../agent/parse/fixtures/wer/windows11-chinese.wer"),
    include_bytes!("../../../agent/parse/fixtures/wer/store-app.wer"),
];
const SYSTEM: &[u8] = include_bytes!("../../../agent/parse/fixtures/registry/system.hive");
/// Keys that one walk visits at most: a damaged hive may lead to the same key on many ways.
const MAX_KEYS: usize = 200;
/// Where answers of the network library stand in memory.
const BASE: u64 = 0x1000;

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "registry-hive",
        covers: &[],
        check: |bytes| {
            let Some(root) = HiveKey::root(bytes) else { return };
            let mut left = MAX_KEYS;
            walk(&root, &mut left);
            let read = (
                entries(&root).all.len(),
                packages(&root).all.len(),
                profiles(&root).all.len(),
                sticks(&root).all.len(),
            );
            let more = component_packages(&root).all.len();
            assert!(
                read.0 + read.1 + read.2 + read.3 + more <= 5 * registry::MAX_KEYS * 2,
                "no reader goes on for ever"
            );
            assert!(updates_tree(&root).faults.len() <= 64);
        },
        seeds: || vec![USER.to_vec(), SYSTEM.to_vec(), USER[..6_000].to_vec()],
    },
    Target {
        name: "registry-values",
        covers: &[
            "registry::parse_wide",
            "registry::parse_connection",
            "registry::parse_servers",
        ],
        check: |bytes| {
            let text = parse_wide(bytes);
            assert!(text.chars().count() * 2 <= bytes.len() && !text.contains('\0'));
            for setting in parse_servers(&text, true) {
                assert!(!setting.value.is_empty() && !setting.name.is_empty());
            }
            if let Some(found) = parse_connection(bytes) {
                assert!(found.server.chars().count() + found.bypass.chars().count() <= bytes.len());
            }
        },
        seeds: || {
            vec![
                settings::sample(3, "http=a:1;socks=b:2", "<local>", "http://wpad/x.pac"),
                "http=代理:8080;https=b:2"
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect(),
            ]
        },
    },
    Target {
        name: "iphelper",
        covers: &[
            "iphelper::parse_adapters",
            "iphelper::parse_neighbours",
            "iphelper::parse_tcp4",
            "iphelper::parse_tcp6",
            "iphelper::parse_udp4",
            "iphelper::parse_udp6",
        ],
        check: |bytes| {
            let adapters = iphelper::parse_adapters(bytes, BASE);
            assert!(adapters.len() <= 1_024);
            assert!(
                adapters
                    .iter()
                    .all(|adapter| adapter.addresses.len() <= 1_024 && adapter.mac.len() <= 8)
            );
            assert!(iphelper::parse_neighbours(bytes).len() * 88 <= bytes.len());
            for (parse, row) in [
                (iphelper::parse_tcp4 as fn(&[u8]) -> Vec<iphelper::Socket>, 24),
                (iphelper::parse_tcp6, 56),
                (iphelper::parse_udp4, 12),
                (iphelper::parse_udp6, 28),
            ] {
                assert!(parse(bytes).len() * row <= bytes.len());
            }
        },
        seeds: || {
            let ip = |text: &str| text.parse().expect("an address");
            let answer =
                |ip, gateway| adapters::sample::answer(BASE, "{A}", "以太网", &[2; 6], ip, 3, gateway);
            let mut table = vec![3u8, 0, 0, 0, 2, 0, 0, 0];
            table.resize(400, 10);
            vec![
                answer(ip("10.0.0.7"), ip("10.0.0.1")),
                answer(ip("fd00::7"), ip("fd00::1")),
                table,
            ]
        },
    },
    Target {
        name: "version-resource",
        covers: &["pe::version_of", "pe::parse_version"],
        check: |bytes| {
            for found in [pe::version_of(bytes), Some(pe::parse_version(bytes))]
                .into_iter()
                .flatten()
            {
                assert!(found.company.len() <= 512 && found.original_name.len() <= 512);
            }
        },
        seeds: || vec![PROGRAM.to_vec(), PROGRAM[PROGRAM.len() / 2..].to_vec()],
    },
    Target {
        name: "signature",
        covers: &["authenticode::signer_of", "authenticode::parse_signer"],
        check: |bytes| {
            for found in [authenticode::signer_of(bytes), authenticode::parse_signer(bytes)]
                .into_iter()
                .flatten()
            {
                assert!(!found.is_empty() && found.len() <= 256 && !found.contains(char::is_control));
            }
        },
        // The signed program, and what stands behind the program alone.
        seeds: || vec![SIGNED.to_vec(), SIGNED[PROGRAM.len() + 8..].to_vec()],
    },
    Target {
        name: "shortcut",
        covers: &["shortcut::parse_shortcut"],
        check: |bytes| {
            if let Some(path) = shortcut::parse_shortcut(bytes) {
                assert!(path.len() <= 2_048 && !path.contains(['?', '\0', '\n']));
            }
        },
        seeds: || SHORTCUTS.map(<[u8]>::to_vec).to_vec(),
    },
    Target {
        name: "windows-disk",
        covers: &[
            "storage::parse_device",
            "storage::parse_forecast",
            "storage::parse_names",
            "storage::parse_nvme_answer",
        ],
        check: |bytes| {
            if let Some(found) = storage::parse_device(bytes) {
                assert!(found.product.len() <= 256 && found.serial.len() <= 256);
            }
            let forecast = storage::parse_forecast(bytes);
            assert!(forecast.is_some() == (bytes.len() >= 4));
            storage::parse_nvme_answer(bytes);
            let name = storage::parse_names(bytes);
            assert!(name.is_empty() || name.starts_with("eui.") || name.starts_with("naa."));
        },
        seeds: || {
            vec![
                storage::sample::device(17, ["", "Sample NVMe", "1.0", "0025_388B_01C4_F0A1."]),
                storage::sample::device(11, ["ATA", "Sample Disk", "1.0", &"31".repeat(20)]),
                storage::sample::names(3, &[0x50, 1, 2, 3, 4, 5, 6, 7]),
                storage::sample::nvme_answer(&[1; 512]),
            ]
        },
    },
    Target {
        name: "error-report",
        covers: &[
            "error_report::parse_error_report",
            "error_report::parse_report_folder",
        ],
        check: |bytes| {
            let name = text::decode(bytes);
            error_report::is_minidump(&name);
            let found = [
                error_report::parse_error_report(bytes),
                error_report::parse_report_folder(&name),
            ];
            for crash in found.iter().flatten() {
                let program = &crash.program;
                assert!(!program.is_empty() && program.len() <= 256 && !program.contains(['\\', '\n']));
            }
        },
        seeds: || {
            let mut seeds: Vec<Vec<u8>> = REPORTS.iter().map(|report| report[..1_000].to_vec()).collect();
            seeds.push(
                b"AppCrash_chat.exe_5a4d0c3f8d1b2a6e7f9c5a4d0c3f8d1b2a6e7f9c_12345678_cab_0a1b2c3d".to_vec(),
            );
            seeds.push(b"112826-4711-01.dmp".to_vec());
            seeds
        },
    },
];

fn walk<K: Key>(key: &K, left: &mut usize) {
    if let Ok(values) = key.values() {
        for (_, value) in &values.all {
            assert!(value.text().len() <= value.bytes.len() * 3 + 20);
            value.texts();
        }
    }
    key.each(&mut |_, below| {
        if let (Ok(below), true) = (below, *left > 0) {
            *left -= 1;
            walk(&below, left);
        }
    })
    .ok();
}
