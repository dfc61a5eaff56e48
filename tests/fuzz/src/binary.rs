//! Databases in files: SQLite, rpm's headers and its own file, dconf, the log of sign-ins; and the rights of files
//! that Windows keeps beside them.

use deskwarden_parse::{
    bdb, gvdb, rpm, security_descriptor,
    sqlite::{Column, Database},
    utmp,
};

use crate::{Target, measure::in_proportion};

/// A small database and its log, made by the `sqlite3` of Debian.
const ROWS: &[u8] = include_bytes!("../../../agent/parse/fixtures/rows.sqlite");
const LOG: &[u8] = include_bytes!("../../../agent/parse/fixtures/rows.sqlite-wal");
/// A database of the kind hash, made by Berkeley DB's own tool.
const HASH: &[u8] = include_bytes!("../../../agent/parse/fixtures/rpm/many.hash");
/// Bytes of a row that are asked for.
const MAX_ROW: usize = 4 << 10;

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "sqlite",
        covers: &[],
        check: |bytes| {
            walk(bytes, &[]);
            // The first half as the file, the second as its log: both are written by others.
            let (file, log) = bytes.split_at(bytes.len() / 2);
            walk(file, log);
        },
        seeds: || {
            let page = usize::from(u16::from_be_bytes([ROWS[16], ROWS[17]]));
            let mut log = LOG.to_vec();
            log.truncate(32 + (page + 24) * 2);
            // A page that is its own child, many times over.
            let mut ring = ROWS[..page].to_vec();
            ring[100] = 5;
            ring[103..105].copy_from_slice(&[0, 100]);
            for cell in 0..101 {
                let at = 108 + cell * 2;
                ring[at..at + 2].copy_from_slice(&[1, 200]);
            }
            ring[108..112].copy_from_slice(&[0, 0, 0, 1]);
            ring[456..460].copy_from_slice(&[0, 0, 0, 1]);
            vec![
                ROWS[..ROWS.len().min(crate::MAX_INPUT)].to_vec(),
                [&ROWS[..page], &log].concat(),
                ring,
            ]
        },
    },
    Target {
        name: "berkeley-db",
        covers: &["bdb::hash_pairs"],
        check: |bytes| {
            let (mut pairs, mut total) = (0, 0);
            bdb::hash_pairs(bytes, MAX_ROW, |key, value| {
                pairs += 1;
                total += value.len();
                assert!(key.len() <= bytes.len() && value.len() <= MAX_ROW);
            });
            assert!(
                pairs <= bytes.len() && total <= 64 * bytes.len(),
                "{pairs} pairs, {total} bytes"
            );
        },
        seeds: || {
            // The file has 512-byte pages: a part of it is a file with pages missing.
            vec![HASH.to_vec(), HASH[..HASH.len() / 2].to_vec()]
        },
    },
    Target {
        name: "rpm-header",
        covers: &["rpm::parse_header", "rpm::header_files"],
        check: |bytes| {
            let mut files = 0;
            rpm::header_files(bytes, |folder, name| {
                files += 1;
                assert!(folder.len() <= bytes.len() && !name.contains(&0));
            });
            assert!(files <= bytes.len() / 4, "each file has a number of its folder");
            let found = rpm::parse_header(bytes);
            in_proportion(bytes, &found);
            if let Some(package) = found {
                assert!(!package.name.is_empty() && !package.version.is_empty());
                let one = rpm::sample::header(&[
                    (1000, &package.name),
                    (1001, &package.version),
                    (1011, &package.vendor),
                    (1016, &package.group),
                    (1022, &package.architecture),
                ]);
                let again = rpm::parse_header(&one).expect("what was read can be written");
                assert_eq!((again.name, again.vendor), (package.name, package.vendor));
                assert_eq!(
                    (again.group, again.architecture),
                    (package.group, package.architecture)
                );
            }
        },
        seeds: || {
            vec![
                rpm::sample::header(&[(1000, "bash"), (1001, "5.2"), (1002, "1.fc40"), (1022, "x86_64")]),
                rpm::sample::header(&[(1000, "a"), (1001, "1")])[..20].to_vec(),
                files_of_package(),
            ]
        },
    },
    Target {
        name: "rpm-ndb",
        covers: &["rpm::ndb_headers"],
        check: |bytes| {
            let (mut calls, mut total) = (0, 0);
            rpm::ndb_headers(bytes, MAX_ROW, |header| {
                calls += 1;
                total += header.len();
                assert!(header.len() <= MAX_ROW);
            });
            assert!(
                calls * 16 <= bytes.len() && total <= bytes.len(),
                "no header is read twice"
            );
        },
        seeds: || {
            let mut file = vec![0u8; 4_096];
            file[..4].copy_from_slice(b"RpmP");
            file[12..16].copy_from_slice(&1u32.to_le_bytes());
            for (slot, package) in [(2usize, 1u32), (3, 0), (4, 2)] {
                let at = slot * 16;
                file[at..at + 4].copy_from_slice(b"Slot");
                file[at + 4..at + 8].copy_from_slice(&package.to_le_bytes());
                let block = if package == 0 {
                    0u32
                } else {
                    256 + (package - 1) * 16
                };
                file[at + 8..at + 12].copy_from_slice(&block.to_le_bytes());
            }
            for at in (80..4_096).step_by(16) {
                file[at..at + 4].copy_from_slice(b"Slot");
            }
            let header = rpm::sample::header(&[(1000, "bash"), (1001, "5.2"), (1002, "1")]);
            for package in 1u32..=2 {
                file.resize(4_096 + (package as usize - 1) * 256, 0);
                file.extend(b"BlbS");
                for word in [package, 0, header.len() as u32] {
                    file.extend(word.to_le_bytes());
                }
                file.extend(&header);
            }
            let mut twice = file.clone();
            let at = 4 * 16;
            twice[at + 4..at + 8].copy_from_slice(&1u32.to_le_bytes());
            twice[at + 8..at + 12].copy_from_slice(&256u32.to_le_bytes());
            vec![file, twice]
        },
    },
    Target {
        name: "dconf",
        covers: &["gvdb::parse_gvdb"],
        check: |bytes| {
            let Some(database) = gvdb::parse_gvdb(bytes) else {
                return;
            };
            in_proportion(bytes, &database);
            for key in ["/system/proxy/mode", ""] {
                let kinds = [
                    database.text(key).is_some(),
                    database.flag(key).is_some(),
                    database.number(key).is_some(),
                    !database.list(key).is_empty(),
                ];
                assert!(
                    kinds.iter().filter(|kind| **kind).count() <= usize::from(database.get(key).is_some())
                );
            }
        },
        seeds: || {
            let list = b"a\0bc\0\x02\x05";
            let sound = gvdb::sample::gvdb(&[
                ("/system/proxy/mode", b"manual\0", "s"),
                ("/system/proxy/http/port", &8080i32.to_le_bytes(), "i"),
                ("/a", &[1], "b"),
                ("/system/proxy/ignore-hosts", list, "as"),
                ("/d", &1.5f64.to_le_bytes(), "d"),
            ]);
            // Many keys whose values are one and the same stretch of the file.
            let rows: Vec<(&str, &[u8], &str)> = vec![("/k", &[b'x'; 3_000][..], "s"); 100];
            let mut shared = gvdb::sample::gvdb(&rows[..1]);
            let item = shared[32..56].to_vec();
            let tail = shared.split_off(56);
            for _ in 0..200 {
                shared.extend(&item);
            }
            let grown = 24 * 200u32;
            for at in (32..shared.len()).step_by(24) {
                for field in [at + 8, at + 16, at + 20] {
                    let old = u32::from_le_bytes([
                        shared[field],
                        shared[field + 1],
                        shared[field + 2],
                        shared[field + 3],
                    ]);
                    shared[field..field + 4].copy_from_slice(&(old + grown).to_le_bytes());
                }
            }
            let end = u32::from_le_bytes([shared[20], shared[21], shared[22], shared[23]]) + grown;
            shared[20..24].copy_from_slice(&end.to_le_bytes());
            shared.extend(tail);
            vec![sound, shared, Vec::new()]
        },
    },
    Target {
        name: "security-descriptor",
        covers: &["security_descriptor::parse", "security_descriptor::sid"],
        check: |bytes| {
            if let Some(found) = security_descriptor::parse(bytes) {
                assert!(
                    found
                        .grants
                        .as_ref()
                        .is_none_or(|grants| grants.len() * 16 <= bytes.len())
                );
                // Whom nobody trusts is named as long as there is anybody.
                let anybody = found.changed_by_others(&[]).is_some();
                assert!(anybody || found.grants.is_some());
                in_proportion(bytes, &found);
            }
            if let Some(sid) = security_descriptor::sid(bytes) {
                assert!(sid.starts_with("S-1-") && sid.len() <= 190);
            }
        },
        seeds: || {
            // Of SYSTEM; one entry for SYSTEM and one for whoever makes something below.
            let mut sound = vec![1, 0, 4, 0x90, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0];
            sound.extend([1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]);
            sound.extend([2, 0, 48, 0, 2, 0, 0, 0]);
            sound.extend([0, 3, 20, 0, 0xFF, 1, 0x1F, 0, 1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]);
            sound.extend([0, 11, 20, 0, 0, 0, 0, 0x10, 1, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0]);
            let mut empty = sound.clone();
            empty[42..44].copy_from_slice(&[0, 0]);
            vec![
                sound,
                empty,
                vec![1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0],
            ]
        },
    },
    Target {
        name: "utmp",
        covers: &["utmp::parse_utmp"],
        check: |bytes| {
            let log = utmp::parse_utmp(bytes);
            assert!(log.records.len() <= bytes.len() / 384);
            for record in &log.records {
                assert!(record.user.len() <= 96 && record.host.len() <= 768);
                record.is_remote();
            }
            in_proportion(bytes, &log);
        },
        seeds: || {
            let record = |kind: i16, size: usize, at: usize| {
                let mut raw = vec![0u8; size];
                raw[..2].copy_from_slice(&kind.to_ne_bytes());
                raw[8..12].copy_from_slice(b"tty2");
                raw[44..48].copy_from_slice(b"wang");
                raw[76..80].copy_from_slice(b":0.0");
                raw[at..at + 4].copy_from_slice(&1_700_000_000u32.to_ne_bytes());
                raw
            };
            vec![
                [record(2, 384, 340), record(7, 384, 340), record(8, 384, 340)].concat(),
                [record(2, 400, 344), record(7, 400, 344)].concat(),
                record(1, 384, 340)[..300].to_vec(),
            ]
        },
    },
];

/// A header that lists two files in two folders.
fn files_of_package() -> Vec<u8> {
    let mut out = Vec::new();
    let store = b"\0\0\0\0\0\0\0\x01bash\0sh\0/usr/bin/\0/bin/\0";
    for word in [
        3u32,
        store.len() as u32,
        1116,
        4,
        0,
        2,
        1117,
        8,
        8,
        2,
        1118,
        8,
        16,
        2,
    ] {
        out.extend(word.to_be_bytes());
    }
    out.extend(store);
    out
}

fn walk(file: &[u8], log: &[u8]) {
    let Some(mut database) = Database::open(file, log) else {
        return;
    };
    let root = database.table("Packages").unwrap_or(2);
    let mut rows = 0usize;
    let mut each = |columns: &[Column<'_>]| {
        rows += 1;
        assert!(columns.len() <= 64);
        for column in columns {
            if let Column::Bytes(bytes) = column {
                assert!(bytes.len() <= MAX_ROW);
            }
        }
    };
    database.rows(root, MAX_ROW, &mut each);
    database.rows(1, MAX_ROW, &mut each);
    // A cell has two bytes in the list of its page, and no page is read twice in a walk.
    assert!(rows <= 2 * (file.len() + log.len()), "{rows} rows");
}
