//! Text files of the system: accounts, packages, mounts, shares, applications, tables of the kernel.

use deskwarden_parse::{
    accounts, app, cpuinfo, dpkg, file_list::Wanted, mounts, os_release, passwd, procnet, shares, text,
};

use crate::{
    Target,
    measure::in_proportion,
    promise::{lines_are_independent, repeated, texts},
};

const PASSWD: &str =
    "root:x:0:0:root:/root:/bin/bash\nwang:x:1000:1000:王芳,,,:/home/wang:/bin/bash\n+nis:::\n";

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "passwd",
        covers: &["accounts::parse_passwd", "passwd::parse_homes"],
        check: |bytes| {
            lines_are_independent(bytes, accounts::parse_passwd);
            lines_are_independent(bytes, passwd::parse_homes);
            for home in passwd::parse_homes(bytes) {
                assert!(home.home.starts_with('/') && (home.uid == 0 || home.uid >= 1_000));
            }
            in_proportion(bytes, &accounts::parse_passwd(bytes));
        },
        seeds: || texts([PASSWD, "", "a::1:1:::"]),
    },
    Target {
        name: "shadow",
        covers: &["accounts::parse_shadow"],
        check: |bytes| {
            lines_are_independent(bytes, accounts::parse_shadow);
            in_proportion(bytes, &accounts::parse_shadow(bytes));
        },
        seeds: || {
            texts([
                "root:$y$j9T$abcdefgh$ij:19700:0:99999:7:::\nwang:!:19700:0:90:7::20000:\nguest::1::::::\n",
            ])
        },
    },
    Target {
        name: "groups",
        covers: &["accounts::parse_groups"],
        check: |bytes| {
            lines_are_independent(bytes, accounts::parse_groups);
            in_proportion(bytes, &accounts::parse_groups(bytes));
        },
        seeds: || texts(["root:x:0:\nsudo:x:27:wang,li\n+:::\n"]),
    },
    Target {
        name: "sudoers",
        covers: &["accounts::parse_sudoers"],
        check: |bytes| {
            let found = accounts::parse_sudoers(bytes);
            for (at, grantee) in found.iter().enumerate() {
                assert!(!found[..at].contains(grantee), "each grantee stands once");
            }
            in_proportion(bytes, &found);
        },
        seeds: || {
            texts([
                "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL) \\\n NOPASSWD: ALL\n#1000 ALL=ALL\nUser_Alias A = x\n",
                "ALL ALL=ALL\\",
            ])
        },
    },
    Target {
        name: "dpkg",
        covers: &["dpkg::parse_status"],
        check: |bytes| {
            let status = dpkg::parse_status(bytes);
            assert!(status.packages.len() <= dpkg::MAX_PACKAGES);
            in_proportion(bytes, &status);
            let mut again = String::new();
            for package in &status.packages {
                assert!(!package.name.is_empty() && package.name.len() <= 1_000);
                again.push_str(&format!(
                    "Package: {}\nStatus: install ok installed\nVersion: {}\nArchitecture: {}\nMaintainer: {}\nSection: {}\nInstalled-Size: {}\nMulti-Arch: {}\n\n",
                    package.name,
                    package.version,
                    package.architecture,
                    package.maintainer,
                    package.section,
                    package.installed_kib,
                    if package.side_by_side { "same" } else { "no" },
                ));
            }
            // Replacement marks grow a text, so that it may be cut once more; white space of other scripts stays.
            if !again.contains('\u{fffd}') && !again.contains('\r') {
                let again = dpkg::parse_status(again.as_bytes());
                assert_eq!(again.packages, status.packages);
                assert_eq!(again.malformed, 0);
            }
        },
        seeds: || {
            let mut seeds = texts([
                "Package: libc6\nStatus: install ok installed\nSection: libs\nInstalled-Size: 12989\nMaintainer: GNU\nArchitecture: amd64\nMulti-Arch: same\nVersion: 2.36-9\nDescription: GNU C Library\n more\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n",
                "Version: 1\n\n\nPackage: x\nStatus: install\n",
            ]);
            seeds.push(repeated("", "Package: a\nStatus: i o u\n\n"));
            seeds
        },
    },
    Target {
        name: "file-list",
        covers: &[],
        check: |bytes| {
            let (path, list) = text::split_once(bytes, 0).unwrap_or((b"/usr/bin/cat", bytes));
            let path = text::decode(path);
            let mut wanted = Wanted::default();
            wanted.add(&path);
            assert_eq!(wanted.len(), 1);
            let lines = text::lines(list).count();
            let found: Vec<&str> = wanted.found_in(list).collect();
            assert!(found.len() <= lines && found.iter().all(|found| *found == path));
            let own = [path.as_bytes(), b"\n"].concat();
            if !path.contains(['\n', '\r']) && !path.is_empty() {
                assert_eq!(wanted.found_in(&own).count(), 1);
            }
        },
        seeds: || texts(["/usr/bin/cat\0/.\n/bin\n/bin/cat\n/usr/bin/cat\n", "\0\n"]),
    },
    Target {
        name: "os-release",
        covers: &["os_release::parse_os_release", "os_release::assignments"],
        check: |bytes| {
            let release = os_release::parse_os_release(bytes);
            in_proportion(bytes, &release);
            in_proportion(bytes, &os_release::assignments(bytes).collect::<Vec<_>>());
            let quoted = |text: &str| text.replace('\\', "\\\\");
            let again = format!(
                "ID=\"{}\"\nPRETTY_NAME=\"{}\"\nNAME=\"{}\"\nVERSION_ID=\"{}\"\n",
                quoted(&release.id),
                quoted(&release.pretty_name),
                quoted(&release.name),
                quoted(&release.version)
            );
            if !again.contains('\r') {
                assert_eq!(os_release::parse_os_release(again.as_bytes()), release);
            }
        },
        seeds: || {
            texts([
                "PRETTY_NAME=\"UnionTech OS Desktop 20 Pro\"\nNAME=\"uos\"\nVERSION_ID=\"20\"\nID=uos\n",
                "# none\nID='kylin'\nVERSION=\"V10 (SP1)\"\nNAME=a\\\"b\n",
            ])
        },
    },
    Target {
        name: "mounts",
        covers: &["mounts::parse_mounts", "mounts::parse_crypttab"],
        check: |bytes| {
            lines_are_independent(bytes, mounts::parse_mounts);
            lines_are_independent(bytes, mounts::parse_crypttab);
            in_proportion(bytes, &mounts::parse_mounts(bytes));
        },
        seeds: || {
            texts([
                "/dev/sda1 / ext4 ro,relatime 0 0\n/dev/sdb1 /media/a\\040b vfat rw 0 0\n",
                "# name device key options\nroot UUID=1 none luks,discard\n",
            ])
        },
    },
    Target {
        name: "shares",
        covers: &[
            "shares::parse_smb_conf",
            "shares::parse_usershare",
            "shares::parse_exports",
        ],
        check: |bytes| {
            in_proportion(bytes, &shares::parse_smb_conf(bytes));
            in_proportion(bytes, &shares::parse_usershare("name", bytes));
            let exports = shares::parse_exports(bytes);
            assert!(exports.iter().all(|share| share.path.starts_with('/')));
            in_proportion(bytes, &exports);
        },
        seeds: || {
            texts([
                "[global]\nworkgroup = A\n[public]\npath = /srv/a\nguest ok = yes\nread only = no\n[b]\navailable = no\n",
                "path=/home/wang\nguest_ok=y\nusershare_acl=S-1-1-0:F,\n",
                "/srv *(rw,sync) 10.0.0.0/8(ro)\n\"/srv/a b\" \\\n host(rw)\n",
            ])
        },
    },
    Target {
        name: "applications",
        covers: &[
            "app::parse_info",
            "app::parse_snap_yaml",
            "app::parse_desktop_entry",
            "app::parse_first_release",
        ],
        check: |bytes| {
            for app in [app::parse_info(bytes), app::parse_snap_yaml(bytes)]
                .into_iter()
                .flatten()
            {
                assert!(!app.id.is_empty());
                for text in [&app.id, &app.name, &app.version, &app.architecture, &app.summary] {
                    assert!(text.len() <= 1_000 && text.trim() == *text);
                }
            }
            if let Some(entry) = app::parse_desktop_entry(bytes) {
                assert!(!entry.name.is_empty() && entry.program.len() <= 1_000);
            }
            in_proportion(bytes, &app::parse_first_release(bytes));
        },
        seeds: || {
            texts([
                r#"{"appid":"com.qq.im","name":"QQ","version":"3.1","arch":["amd64","arm64"]}"#,
                "name: hello\ntitle: Hello\nversion: '2.10'\nsummary: \"x\"\n",
                "[Desktop Entry]\nType=Application\nName=A\nName[zh_CN]=甲\nExec=env X=1 \"/opt/a b/run\" %U\nCategories=Network;\n",
                "[Desktop Entry]\nType=Application\nName=W\nExec=wine C:\\\\\\\\QQ\\\\\\\\qq.exe\n",
                "<component><releases><release version=\"1.2\" date=\"x\"/></releases></component>",
            ])
        },
    },
    Target {
        name: "cpuinfo",
        covers: &["cpuinfo::parse_cpuinfo"],
        check: |bytes| in_proportion(bytes, &cpuinfo::parse_cpuinfo(bytes)),
        seeds: || {
            let mut seeds = texts([
                "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R)  X\nphysical id\t: 0\ncpu cores\t: 4\n\nprocessor\t: 1\n",
            ]);
            let brand = format!("hardware: {}\n", "x".repeat(2_000));
            for number in 0..4 {
                let part = format!("processor:{number}\nphysical id:{number}\n");
                seeds.push(repeated(&brand, &part));
            }
            seeds.push((0..400).fold(brand.into_bytes(), |mut out, number| {
                out.extend(format!("processor:0\npackage:{number}\n").bytes());
                out
            }));
            seeds
        },
    },
    Target {
        name: "sockets",
        covers: &["procnet::parse_sockets", "procnet::is_kernel_thread"],
        check: |bytes| {
            lines_are_independent(bytes, procnet::parse_sockets);
            in_proportion(bytes, &procnet::parse_sockets(bytes));
            procnet::is_kernel_thread(bytes);
        },
        seeds: || {
            texts([
                "  sl  local_address rem_address   st\n   0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1\n",
                "   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 77 1\n",
                "2 (kthreadd) S 0 0 0 0 -1 2129984 0\n",
            ])
        },
    },
    Target {
        name: "text",
        covers: &["text::decode", "text::lines", "text::split_once"],
        check: |bytes| {
            let decoded = text::decode(bytes);
            assert!(decoded.len() <= bytes.len() * 3);
            let lines: Vec<&[u8]> = text::lines(bytes).collect();
            assert!(lines.iter().map(|line| line.len()).sum::<usize>() <= bytes.len());
            if !bytes.contains(&b'\r') {
                let mut joined = lines.join(&b'\n');
                if bytes.ends_with(b"\n") {
                    joined.push(b'\n');
                }
                assert_eq!(joined, bytes);
            }
            if let Some((before, after)) = text::split_once(bytes, b'=') {
                assert_eq!([before, b"=", after].concat(), bytes);
            }
            for max in [0, 1, 2, 3, 10] {
                let clipped = text::clip(&decoded, max);
                assert!(clipped.len() <= max && decoded.starts_with(clipped));
                assert!(clipped.len() + 4 > max.min(decoded.len()));
            }
            assert!(decoded.contains(text::unquote(&decoded)));
        },
        seeds: || texts(["\"甲乙\"\r\na=b\n", "'", "\""]),
    },
];
