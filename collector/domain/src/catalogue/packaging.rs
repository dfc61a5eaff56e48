//! What packagers put around a program's name: `motrix-git`, `electron-netease-cloud-music-bin`,
//! `com.jianguoyun.Nutstore`, `com.baidu.baidunetdisk.linyaps`.

/// Before the name.
const BEFORE: [&str; 12] = [
    "apps.",
    "store.spark-app.",
    "deepin-fpapp-org.deepin.flatdeb.",
    "deepin-wine-",
    "deepin.",
    "deepin-",
    "electron-",
    "spark-",
    "wine-",
    "appimage-",
    "ffwa-",
    "linux-",
];
/// Behind the name: how it was built, and by which means it draws its windows.
#[rustfmt::skip]
const BEHIND: [&str; 78] = [
    "-git", "-bin", "-svn", "-hg", "-nightly", "-appimage", "-firejail", "-beta", "-alpha", "-stable", "-latest",
    "-preview", "-canary", "-ptb", "-unstable", "-patched", "-wayland", "-x11", "-xwayland", "-electron", "-linux",
    "-portable", "-flatpak", "-snap", "-official", "-uos", "-deepin", "-wine", "-gui", "-gtk", "-gtk2", "-gtk3",
    "-gtk4", "-qt", "-qt5", "-qt6", "-kde", "-cli", "-tui", "-client", "-desktop", "-desktop-client", "-app", "-cn",
    "-amd64", "-x86_64", "-x64", "_linux", ".linyaps", ".desktop", "-spark",
    ".spark", "-rust", "-wx", "-enhanced", "-gog", "-hib", "-itch", "-develop", "-prerelease", "-static", "-mono",
    "-legacy", "-minimal", "-light", "-nox", "-full", "-sdl", "-sdl2", "-glx", "-cuda", "-opencl", "-avx2", "-cap",
    "-webengine", "-nativefier", "-nativefier-dark", "-openasar",
];
/// Behind the name of a build of the newest sources only; else a library to build with.
const OF_SOURCES: &str = "-dev";
/// How names begin that say first who made the program.
#[rustfmt::skip]
const DOMAINS: [&str; 29] = [
    "com", "org", "net", "io", "cn", "dev", "app", "de", "me", "im", "xyz", "us", "eu", "fr", "ru", "uk", "co", "tv",
    "gg", "info", "top", "cc", "ai", "page", "one", "ch", "nl", "moe", "chat",
];
/// Last parts of such names that say nothing.
const SAYS_NOTHING: [&str; 11] = [
    "client", "app", "desktop", "gui", "linux", "pc", "uos", "deepin", "wine", "gtk", "spark",
];

/// Ends of makers' names in identifiers that are a trade by themselves: `com.huafuzhengquan` is a broker of securities.
const FAMILIES_END: [&str; 1] = ["zhengquan"];
/// Beginnings of programs that brokers have made for them, and whose they are: `com.tdx-haitong`.
const FAMILIES_START: [(&str, &str); 1] = [("tdx-", "com.tdx")];

/// `net-im/wechat-uos`: the category and the name of a package where an archive writes both.
pub(super) fn category(name: &str) -> Option<(&str, &str)> {
    const KINDS: [&str; 17] = [
        "app", "dev", "games", "gnome", "gui", "kde", "lxqt", "mail", "mate", "media", "net", "sci", "sec",
        "sys", "www", "x11", "xfce",
    ];
    let (category, name) = name.split_once('/')?;
    let (kind, rest) = category.split_once('-')?;
    let plain = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_+.".contains(&b))
    };
    (KINDS.contains(&kind) && plain(rest) && plain(name)).then_some((category, name))
}

/// What a package's name (in small letters) says of the program in it, the longest first; not the name as it is.
pub(super) fn forms(name: &str) -> Vec<String> {
    let mut forms = Vec::new();
    let mut rest = name;
    while let Some(shorter) = shortened(rest) {
        rest = shorter;
        forms.push(rest.to_owned());
    }
    let mut parts: Vec<&str> = rest.split('.').collect();
    let domain = match parts.as_slice() {
        [first, _] => DOMAINS.contains(first),
        [first, _, _, ..] => DOMAINS.contains(first) || is_domain(first),
        _ => false,
    };
    if !domain {
        return forms;
    }
    while parts.len() > 2 && parts.last().is_some_and(|part| SAYS_NOTHING.contains(part)) {
        parts.pop();
    }
    // `cn.com.tdx`: of a company in a country, as `com.tdx`.
    if let ["cn", plain @ ..] = parts.as_slice()
        && plain.len() > 1
    {
        forms.push(plain.join("."));
    }
    if let Some(last) = parts.last() {
        let ends = FAMILIES_END.iter().filter(|end| last.ends_with(**end));
        let starts = FAMILIES_START.iter().filter(|(start, _)| last.starts_with(start));
        let families = ends.copied().chain(starts.map(|(_, family)| *family));
        forms.extend(families.map(ToOwned::to_owned));
    }
    if let Some(last) = parts.last() {
        let last = last.replace('_', "-");
        forms.push(shortened(&last).unwrap_or(&last).to_owned());
        forms.push(last);
    }
    // `com.qq.weixin1`: the same once more, as stores name a second build.
    if let Some((last, above)) = parts.split_last() {
        let plain = last.trim_end_matches(|c: char| c.is_ascii_digit());
        if !plain.is_empty() && plain.len() < last.len() {
            forms.push(format!("{}.{plain}", above.join(".")));
        }
    }
    // `com.qq.music`: the maker's name is part of the program's.
    if let [.., maker, last] = parts.as_slice() {
        forms.push(format!("{maker}-{last}"));
    }
    forms
}

/// `hu.kramo.cartridges`, `media.emby.embytheater`: what stands for a country or a trade, whichever it is.
fn is_domain(first: &str) -> bool {
    (2..=6).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_lowercase())
}

fn shortened(name: &str) -> Option<&str> {
    if let Some(rest) = without_version(name) {
        return Some(rest);
    }
    let behind = BEHIND.iter().find_map(|mark| {
        let rest = name.strip_suffix(mark)?;
        Some(rest.strip_suffix(OF_SOURCES).unwrap_or(rest))
    });
    let before = || BEFORE.iter().find_map(|mark| name.strip_prefix(mark));
    behind.or_else(before).filter(|rest| !rest.is_empty())
}

/// `xmrig-6.12.1`, `phoenixminer_5.6d`: what an archive adds. A number alone may be the name's own.
fn without_version(name: &str) -> Option<&str> {
    let (rest, version) = name.rsplit_once(['-', '_'])?;
    let number = version
        .strip_prefix('v')
        .unwrap_or(version)
        .trim_end_matches(|c: char| c.is_ascii_lowercase());
    let is_version = number.contains('.') && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (is_version && !rest.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_packagers_add_comes_off() {
        for (name, last) in [
            ("motrix-git", "motrix"),
            ("deepin-fpapp-org.deepin.flatdeb.amule", "amule"),
            ("qv2ray-dev-git", "qv2ray"),
            ("linuxqq-firejail", "linuxqq"),
            ("electron-netease-cloud-music-bin", "netease-cloud-music"),
            ("com.jianguoyun.nutstore", "nutstore"),
            ("com.baidu.baidunetdisk.linyaps", "baidunetdisk"),
            ("deepin.com.thunderspeed", "com.thunderspeed"),
            ("apps.com.xunlei.mini", "xunlei-mini"),
            ("dev.goats.xivlauncher", "xivlauncher"),
            ("im.riot.element.desktop", "element"),
            ("com.qq.music.spark", "qq-music"),
            ("xmrig-6.12.1-linux-x64", "xmrig"),
            ("phoenixminer_5.6d_linux", "phoenixminer"),
            ("store.spark-app.wechat-linux-spark", "wechat"),
            ("cn.com.tdx.deepin", "com.tdx"),
            ("com.tdx-haitong.deepin", "com.tdx"),
            ("com.huafuzhengquan.deepin", "zhengquan"),
            ("netease-cloud-music-rust-gtk", "netease-cloud-music"),
            ("vbam-wx", "vbam"),
            ("com.qq.weixin1.deepin", "com.qq.weixin"),
            ("com.motrix", "motrix"),
            ("hu.kramo.cartridges", "cartridges"),
            ("xonotic-glx", "xonotic"),
        ] {
            assert!(
                forms(name).iter().any(|form| form == last),
                "{name}: {:?}",
                forms(name)
            );
        }
        assert_eq!(category("net-im/wechat-uos"), Some(("net-im", "wechat-uos")));
        for name in [
            "homebrew/cask",
            "a/b",
            "net-im/",
            "net-im/a/b",
            "wechat",
            "foo-bar/baz",
        ] {
            assert_eq!(category(name), None, "{name}");
        }
        for name in ["libfoo-dev", "foo-data", "steam.libs", "python3.11", "-git", ""] {
            assert_eq!(forms(name), Vec::<String>::new(), "{name}");
        }
    }
}
