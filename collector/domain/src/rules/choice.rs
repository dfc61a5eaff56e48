//! Words for what the contract names by a key: values of choices, topics of settings and of health. One list for
//! pages, notices, alerts and the command line.

use std::borrow::Cow;

use crate::model::Lang;

type Words = (&'static str, &'static str);

/// A choice in Chinese and English; nothing for what this build does not know.
pub const fn choice(name: &str) -> Option<Words> {
    Some(match name.as_bytes() {
        b"on" => ("开", "on"),
        b"off" => ("关", "off"),
        b"ok" => ("正常", "OK"),
        b"warning" => ("警告", "warning"),
        b"unknown" => ("未知", "unknown"),
        b"other" => ("其他", "other"),
        b"ethernet" => ("有线", "Ethernet"),
        b"wifi" => ("无线", "Wi-Fi"),
        b"loopback" => ("回环", "loopback"),
        b"vpn" => ("VPN", "VPN"),
        b"bridge" => ("网桥", "bridge"),
        b"virtual" => ("虚拟", "virtual"),
        b"mobile" => ("移动网络", "mobile"),
        b"dhcp" => ("DHCP 自动获取", "DHCP"),
        b"static" => ("静态", "static"),
        b"link_local" => ("链路本地", "link-local"),
        b"autoconf" => ("自动配置", "autoconfigured"),
        b"package" => ("软件包", "package"),
        b"uninstall_entry" => ("安装程序", "installer entry"),
        b"store_app" => ("应用商店", "store app"),
        b"portable" => ("便携程序", "portable program"),
        b"update" => ("更新", "update"),
        b"system" => ("整机", "system"),
        b"board" => ("主板", "board"),
        b"chassis" => ("机箱", "chassis"),
        b"bios" => ("BIOS", "BIOS"),
        b"cpu" => ("处理器", "processor"),
        b"memory" => ("内存", "memory"),
        b"disk" => ("硬盘", "disk"),
        b"gpu" => ("显卡", "graphics"),
        b"nic" => ("网卡", "network adapter"),
        b"monitor" => ("显示器", "monitor"),
        b"battery" => ("电池", "battery"),
        b"optical" => ("光驱", "optical drive"),
        b"network" => ("网络可达", "reachable from the network"),
        b"activated" => ("已激活", "activated"),
        b"not_activated" => ("未激活", "not activated"),
        b"not_applicable" => ("不适用", "not applicable"),
        b"console" => ("本机", "console"),
        b"remote" => ("远程", "remote"),
        b"in_use" => ("使用中", "in use"),
        b"idle" => ("闲置", "idle"),
        b"in_repair" => ("维修中", "in repair"),
        b"scrapped" => ("已报废", "scrapped"),
        b"lost" => ("下落不明", "lost"),
        b"snap" => ("Snap 包", "snap"),
        b"flatpak" => ("Flatpak 包", "flatpak"),
        b"app_image" => ("AppImage 程序", "AppImage"),
        b"critical" => ("严重", "critical"),
        _ => return None,
    })
}

/// A topic of a security setting or of health in Chinese and English.
pub const fn topic(name: &str) -> Option<Words> {
    Some(match name.as_bytes() {
        b"screen_lock" => ("锁屏", "screen lock"),
        b"firewall" => ("防火墙", "firewall"),
        b"antivirus" => ("杀毒软件", "antivirus"),
        b"detection" => ("病毒检出", "detected malware"),
        b"password_policy" => ("密码策略", "password policy"),
        b"auto_logon" => ("自动登录", "automatic sign-in"),
        b"disk_encryption" => ("磁盘加密", "disk encryption"),
        b"remote_access" => ("远程登录", "remote access"),
        b"ip_forwarding" => ("IP 转发", "IP forwarding"),
        b"connection_sharing" => ("共享上网", "connection sharing"),
        b"disk_full" => ("磁盘将满", "full disk"),
        b"disk_failing" => ("磁盘故障", "failing disk"),
        b"dirty_shutdown" => ("异常关机", "unclean shutdown"),
        b"crash" => ("程序崩溃", "crash"),
        b"agent" => ("巡检代理", "agent"),
        b"battery" => ("电池", "battery"),
        _ => return None,
    })
}

/// The one of the reader's language.
pub const fn pick(words: Words, lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => words.0,
        Lang::En => words.1,
    }
}

/// What a finding is about, as people call it: `auto_logon gdm` is `自动登录 gdm`.
pub fn subject(name: &str, lang: Lang) -> Cow<'_, str> {
    let (first, rest) = name.split_once(' ').unwrap_or((name, ""));
    match topic(first) {
        Some(words) if rest.is_empty() => Cow::Borrowed(pick(words, lang)),
        Some(words) => Cow::Owned(format!("{} {rest}", pick(words, lang))),
        None => Cow::Borrowed(name),
    }
}

/// A number of bytes in the unit that suits it.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or("B");
    if unit == 0 || tenths % 10 == 0 {
        format!("{} {name}", tenths / 10)
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use deskwarden_proto::{describe, v1::Section};

    use super::*;
    use crate::rules::fields::choices;

    /// Words of the contract that are the same in every language.
    const NAMES: [&str; 3] = ["BIOS", "VPN", "DHCP"];

    fn is_chinese(text: &str) -> bool {
        text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)) || NAMES.contains(&text)
    }

    #[test]
    fn every_value_of_every_choice_has_words_in_both_languages() {
        let mut count = 0;
        for raw in 1..64 {
            let Ok(section) = Section::try_from(raw) else {
                continue;
            };
            let Some(doc) = describe::section_doc(section) else {
                continue;
            };
            for name in doc.fields.iter().flat_map(|field| choices(section, field.name)) {
                // An unstated one is not shown.
                if name.is_empty() || name == "unspecified" {
                    continue;
                }
                let words = choice(name);
                let (zh, en) = words.unwrap_or_else(|| panic!("{section:?}: {name} has no words"));
                assert!(
                    is_chinese(zh) && !en.is_empty() && !en.contains('_'),
                    "{name}: {zh} {en}"
                );
                count += 1;
            }
        }
        assert!(count > 40, "{count}");
    }

    #[test]
    fn every_topic_of_the_contract_has_words_in_both_languages() {
        for section in [Section::Security, Section::Health] {
            let doc = describe::section_doc(section).unwrap();
            let field = doc.fields.iter().find(|field| field.name == "topic").unwrap();
            let topics = field.purpose_en.split(", ").filter(|name| *name != "...");
            for name in topics {
                let (zh, en) = topic(name).unwrap_or_else(|| panic!("{name} has no words"));
                assert!(is_chinese(zh) && !en.contains('_'), "{name}: {zh} {en}");
            }
        }
    }

    #[test]
    fn a_setting_is_called_by_its_name_and_nothing_else_is_touched() {
        for (name, zh, en) in [
            ("auto_logon gdm", "自动登录 gdm", "automatic sign-in gdm"),
            ("password_policy", "密码策略", "password policy"),
            ("QQ", "QQ", "QQ"),
            ("Firewall App", "Firewall App", "Firewall App"),
            ("", "", ""),
        ] {
            assert_eq!(subject(name, Lang::Zh), zh);
            assert_eq!(subject(name, Lang::En), en);
        }
        assert_eq!(size(8 << 30), "8 GiB");
        assert_eq!(size(1_500_000), "1.4 MiB");
    }
}
