//! What a PC leaves of its past and what it answers: journals, names of crashes, disks' own pages, stores' lists,
//! gauges, answers of what listens.

use deskwarden_parse::{
    clamav_log, crash_names, gauges, journal, linglong, proxy_answer, smart, text,
    usb_log::{UsbLog, parse_kernel_line},
};

use crate::{
    Target,
    measure::in_proportion,
    promise::{repeated, texts},
};

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "journal",
        covers: &["journal::messages"],
        check: |bytes| {
            let mut count = 0usize;
            journal::messages(bytes, "_TRANSPORT", "kernel", |_, message| {
                count += 1;
                assert!(message.len() <= 1_024);
            });
            assert!(count <= 50_000, "{count} messages");
        },
        seeds: || {
            // The heading of a file with an empty table of fields, and the same with nothing behind it.
            let mut file = b"LPKSHHRH".to_vec();
            file.resize(512, 0);
            file[88..96].copy_from_slice(&256u64.to_le_bytes());
            file[120..128].copy_from_slice(&272u64.to_le_bytes());
            file[128..136].copy_from_slice(&64u64.to_le_bytes());
            vec![file.clone(), file[..100].to_vec()]
        },
    },
    Target {
        name: "usb-log",
        covers: &["usb_log::parse_kernel_line"],
        check: |bytes| {
            let log = text::decode(bytes);
            let mut devices = UsbLog::default();
            for line in log.lines() {
                if let Some((seconds, message)) = parse_kernel_line(line, 1_700_000_000) {
                    assert!(line.ends_with(message));
                    devices.message(seconds, message);
                }
                devices.message(0, line);
            }
            in_proportion(bytes, &devices.finish());
        },
        seeds: || {
            let one = "Nov 25 09:00:01 pc kernel: [   12.3] usb 1-4: New USB device found, idVendor=0781, idProduct=5567, bcdDevice= 1.00\nNov 25 09:00:01 pc kernel: usb 1-4: Product: Cruzer\nNov 25 09:00:01 pc kernel: usb 1-4: SerialNumber: 4C53\nNov 25 09:00:02 pc kernel: usb-storage 1-4:1.0: USB Mass Storage device detected\n";
            let mut seeds = texts([
                one,
                "2024-11-25T09:00:01.5+08:00 pc kernel: usb 2-1: USB disconnect, device number 3\n",
            ]);
            seeds.push(repeated(
                one,
                "usb 1-4: SerialNumber: x\nusb-storage 1-4:1.0: USB Mass Storage device detected\n",
            ));
            seeds
        },
    },
    Target {
        name: "crash-names",
        covers: &[
            "crash_names::parse_coredump_name",
            "crash_names::parse_crash_name",
        ],
        check: |bytes| {
            let name = text::decode(bytes);
            let found = [
                crash_names::parse_coredump_name(&name),
                crash_names::parse_crash_name(&name),
            ];
            for crash in found.iter().flatten() {
                assert!(!crash.program.is_empty() && name.contains(&crash.uid.to_string()));
            }
            in_proportion(bytes, &found);
        },
        seeds: || {
            texts([
                "core.wps.1000.0123456789abcdef0123456789abcdef.4711.1700000000000000.zst",
                "_usr_bin_wps.1000.crash",
            ])
        },
    },
    Target {
        name: "clamav-log",
        covers: &["clamav_log::parse_clamav_log"],
        check: |bytes| {
            let found = clamav_log::parse_clamav_log(bytes);
            for one in &found {
                assert!(!one.name.is_empty() && one.path.starts_with('/'));
            }
            in_proportion(bytes, &found);
        },
        seeds: || {
            texts([
                "Thu Nov 26 10:00:00 2026 -> /home/wang/x: Win.Test.EICAR_HDB-1(44d8:68) FOUND\n",
                "/srv/x.doc: Doc.Malware.Agent FOUND\n",
            ])
        },
    },
    Target {
        name: "gauges",
        covers: &["gauges::parse_meminfo", "gauges::parse_loadavg"],
        check: |bytes| {
            in_proportion(bytes, &gauges::parse_meminfo(bytes));
            if let Some(load) = gauges::parse_loadavg(bytes) {
                assert!(
                    load.iter().all(|value| value.is_finite()),
                    "a sample is a number: {load:?}"
                );
            }
        },
        seeds: || {
            texts([
                "MemTotal:       16384000 kB\nMemFree: 1 kB\nMemAvailable: 8192000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
                "0.52 0.58 0.59 1/467 12345\n",
                "inf nan 1e999\n",
            ])
        },
    },
    Target {
        name: "linglong",
        covers: &["linglong::parse_linglong_states", "linglong::parse_linglong_info"],
        check: |bytes| {
            in_proportion(bytes, &linglong::parse_linglong_states(bytes));
            in_proportion(bytes, &linglong::parse_linglong_info(bytes));
        },
        seeds: || {
            texts([
                r#"{"layers":[{"info":{"id":"org.deepin.calculator","name":"deepin-calculator","version":"5.7.21.4","kind":"app","arch":["x86_64"]}},{"deleted":true,"info":{}}]}"#,
                r#"{"id":"org.deepin.base","name":"base","version":"23.1.0","kind":"base","arch":"x86_64"}"#,
            ])
        },
    },
    Target {
        name: "proxy-answer",
        covers: &["proxy_answer::is_http_proxy", "proxy_answer::is_socks5"],
        check: |bytes| {
            let both = proxy_answer::is_http_proxy(bytes) && proxy_answer::is_socks5(bytes);
            assert!(!both, "one answer is of one protocol");
        },
        seeds: || {
            let mut seeds = texts([
                "HTTP/1.1 200 Connection established\r\n\r\n",
                "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
            ]);
            seeds.push(vec![5, 0]);
            seeds
        },
    },
    Target {
        name: "smart",
        covers: &["smart::parse_nvme_log", "smart::parse_ata_data"],
        check: |bytes| {
            smart::parse_nvme_log(bytes);
            smart::parse_ata_data(bytes);
            // A page is of its size: what lies behind it belongs to something else.
            assert_eq!(
                smart::parse_nvme_log(bytes),
                smart::parse_nvme_log(&bytes[..bytes.len().min(512)])
            );
            assert_eq!(
                smart::parse_ata_data(bytes),
                smart::parse_ata_data(&bytes[..bytes.len().min(512)])
            );
            if let Some(registers) = smart::AtaReturn::parse(bytes) {
                registers.sleeps();
                registers.expects_to_fail();
            }
        },
        seeds: || {
            let mut nvme = vec![0u8; 512];
            nvme[..6].copy_from_slice(&[4, 0x2c, 1, 100, 10, 3]);
            let mut ata = vec![0u8; 512];
            ata[..14].copy_from_slice(&[16, 0, 5, 51, 0, 100, 100, 3, 0, 0, 0, 0, 0, 0]);
            let sense = vec![
                0x72, 1, 0, 0x1d, 0, 0, 0, 14, 9, 12, 0, 0, 0, 0, 0, 0, 0, 0x4f, 0, 0xc2, 0, 0x50,
            ];
            vec![nvme, ata, sense]
        },
    },
];
