//! What the shipped catalogue makes of titles, packages and executables: each forbidden name with a twin that
//! only looks like it.

mod packs;

use std::sync::LazyLock;

use deskwarden_domain::{catalogue::Classified, rules::RuleSet};
use deskwarden_proto::v1::{self, SoftwareKind, facet};
use proptest::prelude::*;

static SET: LazyLock<RuleSet> = LazyLock::new(packs::shipped);

fn title(name: &str, publisher: &str) -> Option<Classified> {
    let software = v1::Software {
        name: name.to_owned(),
        publisher: publisher.to_owned(),
        kind: SoftwareKind::UninstallEntry.into(),
        ..Default::default()
    };
    SET.classify(&facet::Kind::Software(software), "windows-x86_64")
}

fn package(name: &str) -> Option<Classified> {
    let software = v1::Software {
        name: name.to_owned(),
        kind: SoftwareKind::Package.into(),
        ..Default::default()
    };
    SET.classify(&facet::Kind::Software(software), "linux-x86_64")
}

fn process(name: &str, original_name: &str, publisher: &str, package: &str) -> Option<Classified> {
    let process = v1::Process {
        name: name.to_owned(),
        original_name: original_name.to_owned(),
        publisher: publisher.to_owned(),
        package: package.to_owned(),
        ..Default::default()
    };
    SET.classify(&facet::Kind::Process(process), "windows-x86_64")
}

fn category(found: Option<&Classified>) -> &str {
    found
        .and_then(|class| class.categories.first())
        .map_or("unknown", String::as_str)
}

#[test]
fn every_flagged_entry_names_one_program_or_a_pattern() {
    assert!(SET.catalogue().entries().len() > 10_000);
    for entry in SET.catalogue().entries() {
        assert!(
            !entry.categories.is_empty() && !entry.name.zh.is_empty() && !entry.name.en.is_empty(),
            "{}",
            entry.id
        );
    }
}

#[test]
fn titles_are_taken_by_their_words() {
    let mut wrong = Vec::new();
    for line in include_str!("titles.tsv")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let mut columns = line.split('\t');
        let (expected, name) = (columns.next().unwrap(), columns.next().unwrap());
        let found = title(name, columns.next().unwrap_or_default());
        if category(found.as_ref()) != expected {
            wrong.push(format!("{name}: expected {expected}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_notice_names_the_program_that_was_found() {
    for (name, zh, en) in [
        ("Skype", "Skype", "Skype"),
        ("SiteSucker", "SiteSucker", "SiteSucker"),
        ("Getleft", "Getleft", "Getleft"),
        ("网文快捕", "网文快捕", "CyberArticle"),
        ("Telegram Desktop", "Telegram", "Telegram"),
        ("KakaoTalk", "KakaoTalk", "KakaoTalk"),
        ("百度网盘", "百度网盘", "Baidu Netdisk"),
        ("JMComic", "禁漫天堂", "JMComic"),
    ] {
        let entry = title(name, "").map(|found| found.entry).unwrap_or_default();
        let seen = SET.catalogue().entries().iter().find(|known| known.id == entry);
        let seen = seen.map(|known| (known.name.zh.as_str(), known.name.en.as_str()));
        assert_eq!(seen, Some((zh, en)), "{name}");
    }
    for entry in SET.catalogue().entries() {
        let hangul = entry
            .name
            .zh
            .chars()
            .any(|c| ('\u{AC00}'..='\u{D7FF}').contains(&c));
        assert!(!hangul || entry.name.zh == entry.name.en, "{}", entry.id);
    }
}

#[test]
fn a_word_that_ends_a_title_ends_it_before_a_version_too() {
    for (name, expected) in [
        ("Zzyx Miner", "mining"),
        ("Zzyx Miner 1.2.3 (x64)", "mining"),
        ("Zzyx Messenger 2.0 中文版", "chat"),
        ("某某破解 5.1", "crack"),
        ("Zzyx Miner Driver 1.2", "driver"),
        ("Zzyx Data Miner's Guide 1.2", "unknown"),
        ("启动星露谷物语", "game"),
        ("启动盘制作", "utility"),
        ("产品激活 2.1", "unknown"),
        ("Wall Crack 1.0", "unknown"),
        ("STC下载器 6.9", "unknown"),
        ("星露谷物语 - 副本", "game"),
        ("星露谷物语 バージョン 1.5", "game"),
    ] {
        assert_eq!(category(title(name, "").as_ref()), expected, "{name}");
    }
}

#[test]
fn an_installer_is_known_by_its_product_code_whatever_it_calls_itself() {
    let installed = |name: &str, code: &str| {
        let software = v1::Software {
            name: name.to_owned(),
            package: code.to_owned(),
            kind: SoftwareKind::UninstallEntry.into(),
            ..Default::default()
        };
        SET.classify(&facet::Kind::Software(software), "windows-x86_64")
    };
    for (code, entry, expected) in [
        ("{53F49750-6209-4FBF-9CA8-7A333C87D1ED}_is1", "telegram", "chat"),
        ("{53f49750-6209-4fbf-9ca8-7a333c87d1ed}_IS1", "telegram", "chat"),
        ("7d96caee-06e6-597c-9f2f-c7bb2e0948b4", "signal", "chat"),
        (
            "{20B44B5F-5DDC-4261-BA3E-3EE3D3F2B106}",
            "tightvnc",
            "remote_control",
        ),
        ("{2FDB79CE-5193-4A39-82BB-E00158CC1533}", "wireguard", "vpn"),
        ("{7258BA11-600C-430E-A759-27E2C691A335}_is1", "gog-galaxy", "game"),
        ("af61d581-bfa6-515e-bf22-56b60d25a5b3", "clash", "proxy"),
        (
            "{CFF8C2E9-D496-4B95-81DE-8D50BCDBBE50}",
            "desktop-torrent",
            "downloader",
        ),
    ] {
        let found = installed("Zzyx Frobnicator", code);
        assert_eq!(
            found.as_ref().map(|found| found.entry.as_str()),
            Some(entry),
            "{code}"
        );
        assert_eq!(category(found.as_ref()), expected, "{code}");
    }
    // Only as a whole, and only that one.
    for code in [
        "{53F49750-6209-4FBF-9CA8-7A333C87D1ED}",
        "53F49750",
        "{00000000-0000-0000-0000-000000000000}",
    ] {
        assert_eq!(installed("Zzyx Frobnicator", code), None, "{code}");
    }
}

#[test]
fn linux_packages_are_taken_by_their_whole_name() {
    for (name, expected) in [
        ("linuxqq", "chat"),
        ("wechat", "chat"),
        ("com.qq.weixin.deepin", "chat"),
        ("telegram-desktop", "chat"),
        ("discord", "chat"),
        ("skypeforlinux", "chat"),
        ("pidgin", "chat"),
        ("kmess", "chat"),
        ("com.qq.weixin.work.deepin", "work_chat"),
        ("vlc", "video"),
        ("netease-cloud-music", "music"),
        ("steam-installer", "game"),
        ("squid", "proxy"),
        ("tor", "proxy"),
        ("metasploit-framework", "hacking"),
        ("nmap", "dual_use"),
        ("qbittorrent", "downloader"),
        // The twins.
        ("pidgin-data", "unknown"),
        ("libpurple0t64", "unknown"),
        ("openssh-client", "unknown"),
        ("ssh-keygen-g3", "unknown"),
        ("keyboard-configuration", "unknown"),
        ("line", "unknown"),
        ("signal", "unknown"),
        ("libtorrent-rasterbar2.0", "unknown"),
        ("fcitx-qq", "unknown"),
        // Other programs of a known name.
        ("parallel", "utility"),
        ("zerofree", "utility"),
        ("tantan", "utility"),
        ("goby", "utility"),
        ("freefilesync", "utility"),
        ("python3-telegram", "unknown"),
        ("tcpdump", "unknown"),
        ("cups-browsed", "unknown"),
        ("torsocks-doc", "unknown"),
    ] {
        assert_eq!(category(package(name).as_ref()), expected, "{name}");
    }
}

#[test]
fn what_packagers_put_around_a_name_does_not_hide_it() {
    for (name, expected) in [
        ("motrix-git", "downloader"),
        ("linuxqq-firejail", "chat"),
        ("electron-netease-cloud-music-bin", "music"),
        ("qv2ray-dev-git", "proxy"),
        ("com.jianguoyun.Nutstore", "cloud_drive"),
        ("com.baidu.baidunetdisk.linyaps", "cloud_drive"),
        ("dev.goats.xivlauncher", "game"),
        // A library, another program of the name, and a word that is anybody's.
        ("libtelegram-git", "unknown"),
        ("transmission-doc", "unknown"),
        ("org.kde.dolphin", "unknown"),
        ("org.gnome.Music.Extractor", "unknown"),
        ("signal-git", "unknown"),
    ] {
        assert_eq!(category(package(name).as_ref()), expected, "{name}");
    }
}

#[test]
fn marks_of_trade_of_repackers_and_of_copies_are_no_part_of_a_name() {
    for (name, expected) in [
        ("Skype(TM) 5.9", "chat"),
        ("Portal 2 MULTi27 - ElAmigos version 24.02.2022", "game"),
        ("Portable AAct", "crack"),
        ("绿色版迅雷", "downloader"),
        ("Portable Document Tool", "unknown"),
        ("Portable", "unknown"),
    ] {
        assert_eq!(category(title(name, "").as_ref()), expected, "{name}");
    }
}

#[test]
fn a_renamed_program_is_known_by_what_is_inside() {
    for (name, original, publisher, expected) in [
        ("QQ.exe", "", "", "chat"),
        ("notepad.exe", "QQ.exe", "Tencent", "chat"),
        (
            "work.exe",
            "WeChat.exe",
            "Shenzhen Tencent Computer Systems Company Limited",
            "chat",
        ),
        ("report.exe", "Thunder", "", "downloader"),
        // A file that only bears the name: another publisher's program.
        ("QQ.exe", "NOTEPAD.EXE", "Microsoft Corporation", "unknown"),
        ("line.exe", "", "", "unknown"),
        ("line.exe", "LINE.exe", "LY Corporation", "chat"),
        ("svchost.exe", "svchost.exe", "Microsoft Corporation", "unknown"),
        ("WXWork.exe", "WXWork.exe", "Tencent", "work_chat"),
    ] {
        let found = process(name, original, publisher, "");
        assert_eq!(
            category(found.as_ref()),
            expected,
            "{name} / {original}: {found:?}"
        );
    }
}

#[test]
fn installed_running_and_listening_are_one_entry() {
    let listener = v1::Listener {
        program: "/opt/QQ/qq".to_owned(),
        package: "linuxqq".to_owned(),
        ..Default::default()
    };
    let listening = SET
        .classify(&facet::Kind::Listener(listener), "linux-x86_64")
        .unwrap();
    let entries = [
        package("linuxqq").unwrap(),
        process("qq", "", "", "linuxqq").unwrap(),
        listening,
    ];
    assert!(entries.iter().all(|class| class.entry == "qq"), "{entries:?}");
    assert_eq!(title("腾讯QQ 9.7.25", "").unwrap().entry, "qq");
}

#[test]
fn a_program_is_one_entry_by_its_title_and_by_its_file() {
    for (name, executable, entry) in [
        ("Cheat Engine 7.5", "cheatengine-x86_64.exe", "cheat-engine"),
        ("Cheat Engine", "cheatengine-x86_64-SSE4-AVX2.exe", "cheat-engine"),
        ("KMSpico", "KMSELDI.exe", "kmspico"),
        ("PotPlayer-64 bit", "PotPlayerMini64.exe", "potplayer"),
        ("UU加速器", "uu.exe", "uu加速器"),
        ("Zenmap", "nmap.exe", "nmap"),
        ("Wireshark 4.2 64-bit", "dumpcap.exe", "wireshark"),
        ("天翼云盘", "eCloud.exe", "天翼云盘"),
        ("夸克网盘", "QuarkCloudDrive.exe", "夸克网盘"),
        ("MuMu模拟器12", "MuMuPlayer.exe", "mumu-player"),
        ("雷电模拟器", "dnplayer.exe", "ldplayer"),
        ("Burp Suite Professional", "BurpSuitePro.exe", "burp-suite"),
        ("CS:GO", "csgo.exe", "counter-strike"),
        ("Acunetix", "wvs.exe", "acunetix"),
    ] {
        let entry_of = |found: Option<Classified>| found.map(|class| class.entry).unwrap_or_default();
        assert_eq!(entry_of(title(name, "")), entry, "{name}");
        assert_eq!(entry_of(process(executable, "", "", "")), entry, "{executable}");
    }
}

#[test]
fn an_id_that_became_part_of_another_is_still_known() {
    for (former, now) in [
        ("cheat-engine-7-5", "cheat-engine"),
        ("zenmap", "nmap"),
        ("微信电脑版", "wechat"),
    ] {
        assert_eq!(SET.catalogue().id_now(former), now);
        assert_eq!(
            SET.catalogue().entry(former).map(|entry| entry.id.as_str()),
            Some(now)
        );
    }
    assert_eq!(SET.catalogue().id_now("qq"), "qq");
}

#[test]
fn what_the_switch_for_wechat_governs_is_wechat_by_every_name() {
    let is_wechat = |found: Option<Classified>| {
        found.is_some_and(|class| class.categories.iter().any(|category| category == "wechat"))
    };
    for name in [
        "微信",
        "微信电脑版",
        "微信（电脑版）",
        "微信多开助手",
        "微信防撤回补丁",
        "WeChat 3.9",
    ] {
        assert!(is_wechat(title(name, "")), "{name}");
    }
    for name in [
        "deepin-wine-wechat",
        "deepin.com.wechat2",
        "com.wechat.spark",
        "wechat-universal-privileged",
    ] {
        assert!(is_wechat(package(name)), "{name}");
    }
    for name in [
        "企业微信",
        "企业微信多开",
        "微信读书",
        "微信输入法",
        "微信开发者工具",
    ] {
        assert!(!is_wechat(title(name, "")), "{name}");
    }
}

#[test]
fn plugins_that_desktops_install_to_join_a_vpn_come_with_the_system() {
    for kind in [
        "openvpn",
        "pptp",
        "l2tp",
        "vpnc",
        "strongswan",
        "openconnect",
        "fortisslvpn",
        "sstp",
    ] {
        for name in [
            format!("network-manager-{kind}"),
            format!("network-manager-{kind}-gnome"),
            format!("NetworkManager-{kind}"),
            format!("NetworkManager-{kind}-gnome"),
        ] {
            let class = package(&name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(class.categories, ["vpn", "preinstalled"], "{name}");
        }
    }
}

#[test]
fn a_group_is_not_called_as_one_of_it() {
    for name in ["招商银行网上银行安全控件", "建设银行E路护航"] {
        assert_eq!(
            title(name, "").map(|class| class.name).as_deref(),
            Some("网银与数字证书"),
            "{name}"
        );
    }
    assert_eq!(package("vpnc").map(|class| class.name).as_deref(), Some("vpnc"));
}

#[test]
fn why_it_was_recognised_is_said() {
    assert_eq!(title("腾讯QQ 9.7.25", "").unwrap().why, "title \"腾讯QQ 9.7.25\"");
    assert_eq!(package("linuxqq").unwrap().why, "package \"linuxqq\"");
    assert_eq!(
        process("a.exe", "QQ.exe", "", "").unwrap().why,
        "original file name \"QQ.exe\""
    );
}

#[test]
fn two_names_words_written_together_and_editions_are_one_program() {
    for (name, entry) in [
        ("微信 (WeChat)", "wechat"),
        ("网易云音乐（NetEase Cloud Music）", "netease-music"),
        ("DMMGamePlayer", "dmm-game-player"),
        ("QQ Pro", "qq"),
    ] {
        let found = title(name, "");
        assert_eq!(found.map(|class| class.entry).as_deref(), Some(entry), "{name}");
    }
    // The second name is another program's, or none's.
    assert_eq!(category(title("Zzyx (WeChat)", "").as_ref()), "unknown");
    assert_eq!(category(title("Zzyx Notes (for QQ)", "").as_ref()), "unknown");
    assert_eq!(category(title("某某通(WeChat)", "").as_ref()), "unknown");
    // The first is known, the second is how it sounds; not what goes with it.
    assert_eq!(category(title("坚果云（Zzyx）", "").as_ref()), "cloud_drive");
    assert_eq!(category(title("坚果云（SDK）", "").as_ref()), "unknown");
}

#[test]
fn a_common_word_needs_its_publisher_or_its_own_executable_where_anything_is_stated() {
    let with_exe = |publisher: &str, exe: &str| {
        let software = v1::Software {
            name: "Signal".to_owned(),
            publisher: publisher.to_owned(),
            exe: exe.to_owned(),
            kind: SoftwareKind::UninstallEntry.into(),
            ..Default::default()
        };
        let class = SET.classify(&facet::Kind::Software(software), "windows-x86_64");
        category(class.as_ref()).to_owned()
    };
    // Nothing but the title: the well-known program of that name.
    assert_eq!(with_exe("", ""), "chat");
    assert_eq!(with_exe("", "zzyx.exe"), "unknown");
    assert_eq!(category(title("Signal 7.40.1", "").as_ref()), "chat");
    assert_eq!(category(title("Zzyx Signal 7.40.1", "").as_ref()), "unknown");
    assert_eq!(category(title("Signal 8", "").as_ref()), "unknown");
    assert_eq!(with_exe("OpenWhisperSystems", ""), "chat");
    assert_eq!(with_exe("", "Signal.exe"), "chat");
    assert_eq!(with_exe("Rohde & Schwarz", "Signal.exe"), "unknown");
}

#[test]
fn who_makes_nothing_else_and_where_a_packager_put_it_say_what_no_title_does() {
    let of = |name: &str, publisher: &str, package: &str, section: &str, kind: SoftwareKind| {
        let software = v1::Software {
            name: name.to_owned(),
            publisher: publisher.to_owned(),
            package: package.to_owned(),
            section_hint: section.to_owned(),
            kind: kind.into(),
            ..Default::default()
        };
        let class = SET.classify(&facet::Kind::Software(software), "linux-x86_64");
        (
            category(class.as_ref()).to_owned(),
            class.map(|class| class.why).unwrap_or_default(),
        )
    };
    let entry = SoftwareKind::UninstallEntry;
    let said = |category: &str, why: &str| (category.to_owned(), why.to_owned());
    assert_eq!(
        of("Zzyx", "Riot Games, Inc", "", "", entry),
        said("game", "publisher \"Riot Games, Inc\"")
    );
    assert_eq!(of("Zzyx", "Sierra Wireless, Inc.", "", "", entry).0, "unknown");
    assert_eq!(
        of("Zzyx", "", "Steam App 4711", "", entry),
        said("game", "package \"Steam App 4711\"")
    );
    assert_eq!(of("Zzyx", "", "Steam App", "", entry).0, "unknown");
    let package = SoftwareKind::Package;
    assert_eq!(
        of("zzyx", "", "", "games", package),
        said("game", "section \"games\"")
    );
    assert_eq!(of("zzyx-data", "", "", "games", package).0, "unknown");
    assert_eq!(of("libzzyx1", "", "", "contrib/games", package).0, "unknown");
    assert_eq!(of("fortune-zzyx", "", "", "games", package).0, "unknown");
}

#[test]
fn words_written_as_one_and_names_within_identifiers_are_told_apart() {
    for (name, expected) in [
        ("SurfEasyVPN", "vpn"),
        ("zzyxvpn", "vpn"),
        ("ZzyxYoutubeDownloader", "downloader"),
        ("zzyxtorrent 2.1", "downloader"),
        ("PotPlayerClient", "video"),
        ("ZzyxMediaPlayer", "video"),
        ("4DF9E0F8.Netflix_mcm4njqhnhss8", "video"),
        ("ZzyxMaker.ZzyxSolitaire_8wekyb3d8bbwe", "game"),
        // What has only part of such a word, or a word that makes it something else.
        ("ZzyxVPNDriver", "driver"),
        ("ZzyxServiceManager", "unknown"),
        ("vpn", "vpn"),
        ("FlashDownloader", "unknown"),
        ("Zzyx.Signal_8wekyb3d8bbwe", "unknown"),
        ("setup.exe", "unknown"),
    ] {
        assert_eq!(category(title(name, "").as_ref()), expected, "{name}");
    }
}

#[test]
fn a_known_name_before_a_slogan_or_a_subtitle_is_the_program() {
    for (name, expected) in [
        ("Door Kickers: Zzyx Squad", "game"),
        ("腾讯游戏管家-专业加速国服游戏", "game"),
        ("qBittorrent - a client", "downloader"),
        ("网易云音乐：听见好时光", "music"),
        // Something for it, and a name too short to say so much.
        ("Door Kickers - Soundtrack", "unknown"),
        ("Signal - Messages of Instruments", "unknown"),
        ("Zzyx: Door Kickers", "unknown"),
    ] {
        assert_eq!(category(title(name, "").as_ref()), expected, "{name}");
    }
}

#[test]
fn a_word_in_a_makers_name_says_what_it_makes() {
    for (publisher, expected) in [
        ("Zzyx Games Ltd.", "game"),
        ("Zzyx Game Studios", "game"),
        ("北京某某游戏科技有限公司", "game"),
        ("某某证券股份有限公司", "stock"),
        ("某某期货有限公司", "stock"),
        ("Zzyx VPN GmbH", "vpn"),
        // Words that hardware makers and others bear too.
        ("Zzyx Gaming", "unknown"),
        ("Zzyx Entertainment Software", "unknown"),
        ("Gamesa Electric", "unknown"),
        ("某某证明文件有限公司", "unknown"),
    ] {
        assert_eq!(
            category(title("Zzyx", publisher).as_ref()),
            expected,
            "{publisher}"
        );
    }
    // What such a maker ships beside.
    for (name, publisher) in [
        ("Zzyx Redistributable", "Zzyx Games Ltd."),
        ("Zzyx 安全控件", "某某证券股份有限公司"),
        ("Zzyx Headset Driver", "Zzyx Games Ltd."),
    ] {
        let found = title(name, publisher);
        assert!(
            !["game", "stock"].contains(&category(found.as_ref())),
            "{name}: {found:?}"
        );
    }
    // Who maintains a package is nobody who made the program.
    let kept = v1::Software {
        name: "zzyx-lib".to_owned(),
        publisher: "Debian Games Team".to_owned(),
        kind: SoftwareKind::Package.into(),
        ..Default::default()
    };
    assert_eq!(SET.classify(&facet::Kind::Software(kept), "linux-x86_64"), None);
}

#[test]
fn an_update_is_no_program() {
    let update = v1::Software {
        name: "QQ".to_owned(),
        kind: SoftwareKind::Update.into(),
        ..Default::default()
    };
    assert_eq!(
        SET.classify(&facet::Kind::Software(update), "windows-x86_64"),
        None
    );
}

#[test]
fn a_store_app_is_known_without_its_version() {
    let app = v1::Software {
        package: "5319275A.WhatsAppDesktop_2.2410.1.0_x64__cv1g1gvanyjgm".to_owned(),
        kind: SoftwareKind::StoreApp.into(),
        ..Default::default()
    };
    assert_eq!(
        SET.classify(&facet::Kind::Software(app), "windows-x86_64")
            .unwrap()
            .entry,
        "whatsapp"
    );
}

proptest! {
    #[test]
    fn any_title_gets_an_answer(name in any::<String>(), publisher in any::<String>()) {
        let found = title(&name, &publisher);
        prop_assert_eq!(title(&name, &publisher), found);
    }

    #[test]
    fn writing_does_not_decide(spaces in "[ \u{3000}]{0,3}", wide in any::<bool>()) {
        let name = if wide { "ＱＱ　９．７" } else { "qq 9.7" };
        let found = title(&format!("{spaces}{name}{spaces}"), "");
        prop_assert_eq!(found.map(|class| class.entry), Some("qq".to_owned()));
    }
}

/// Programs whose names hold a word of something else.
#[test]
fn honest_programs_with_a_word_of_a_forbidden_one_are_not_accused() {
    for name in [
        "Hitman Pro 3.8",
        "LEGO MINDSTORMS EV3 Home Edition",
        "Sonic Scenarist",
        "WD Discovery",
        "英语听力播放器",
        "证券法规库",
        "向日葵幼儿园管理系统",
        "Poker Chip Inventory",
        "Bowling Alley POS",
        "Chess Rating Calculator",
        "婚恋登记系统",
        "电竞馆管理",
        "飞车驾校管理",
        "勇者物流",
    ] {
        let found = title(name, "");
        let accused = ["game", "chat", "video", "stock", "remote_control", "cloud_drive"];
        assert!(!accused.contains(&category(found.as_ref())), "{name}: {found:?}");
    }
}

#[test]
fn brokers_are_known_by_the_editions_of_their_clients() {
    for name in [
        "国泰海通通达信版",
        "中信建投QMT实盘",
        "方正证券通达信版",
        "长城证券独立交易",
        "申万宏源同花顺版 9.1",
    ] {
        assert_eq!(category(title(name, "").as_ref()), "stock", "{name}");
    }
}

#[test]
fn what_stands_before_and_behind_a_name_hides_nothing() {
    for (name, kind) in [
        ("Telegramv3.1.2", "chat"),
        ("Uninstall Discord", "chat"),
        ("[绿色]BitComet", "downloader"),
        ("Discord (仅用于当前用户)", "chat"),
        ("foobar2000 - 快捷方式", "music"),
    ] {
        assert_eq!(category(title(name, "").as_ref()), kind, "{name}");
    }
}
