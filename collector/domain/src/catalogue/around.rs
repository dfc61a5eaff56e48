//! Titles that say beside a program's name what kind of program it is: `ALLPlayer(多媒体播放器) v8.9.5`,
//! `免费的音乐播放器：MusicFree`, `通用同花顺客户端(同花顺免费版)`.

use super::pairs;

/// Words that a description of the program itself ends in; what is for a program ends in others.
const KINDS: [&str; 9] = [
    "播放器",
    "客户端",
    "下载器",
    "软件",
    "神器",
    "模拟器",
    "加速器",
    "网盘",
    "云盘",
];
/// Words that a former or another name follows.
const ONCE: [&str; 6] = ["原名", "又名", "曾用名", "别名", "旧名", "前身是"];
/// Letters of a name that say enough: of one in other letters, of one in ideographs.
const LETTERS: (usize, usize) = (7, 3);

/// The title without its brackets, where they describe the program that stands before them.
pub(super) fn without_description(raw: &str) -> Option<String> {
    let (name, inside, behind) = brackets(raw)?;
    let inside = inside.trim();
    let describes = ends_in_kind(inside) || ONCE.iter().any(|word| inside.starts_with(word));
    (describes && says_enough(name) && !pairs::is_for_it(behind)).then(|| format!("{name} {behind}"))
}

/// The name behind a description of its program.
pub(super) fn behind_description(raw: &str) -> Option<&str> {
    let (before, name) = raw
        .rsplit_once(['：', ':', ' ', '—'])
        .map(|(before, name)| (before.trim_end(), name.trim_start()))?;
    (ends_in_kind(before) && says_enough(name)).then_some(name)
}

/// What stands in brackets behind a description that holds its name.
pub(super) fn told_again<'a>(raw: &'a str, name_of: &dyn Fn(&str) -> Option<String>) -> Option<&'a str> {
    let (before, inside, behind) = brackets(raw)?;
    let name = name_of(inside)?.replace(' ', "");
    let holds = before.to_lowercase().contains(&name) && ends_in_kind(before);
    (holds && behind.trim().is_empty() && says_enough(&name)).then_some(inside)
}

/// `Telegramv3.1.2`: what stands before a version that nothing keeps apart from the name.
pub(super) fn before_glued_version(raw: &str) -> Option<&str> {
    const NAME_LETTERS: usize = 4;
    let bytes = raw.as_bytes();
    let is_version = |at: usize| {
        let rest = &bytes[at + 1..];
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        digits > 0 && rest.get(digits) == Some(&b'.') && rest.get(digits + 1).is_some_and(u8::is_ascii_digit)
    };
    let at = (1..bytes.len()).find(|&at| {
        matches!(bytes[at], b'v' | b'V') && bytes[at - 1].is_ascii_alphanumeric() && is_version(at)
    })?;
    (at >= NAME_LETTERS).then(|| &raw[..at])
}

fn brackets(raw: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = raw.split_once(['(', '（', '[', '【'])?;
    let (inside, behind) = rest.split_once([')', '）', ']', '】'])?;
    Some((name, inside, behind))
}

fn ends_in_kind(text: &str) -> bool {
    let text = text.trim_end();
    KINDS.iter().any(|kind| {
        let said = text.strip_suffix(kind);
        // `卸载软件`, `备份软件`: a program for others, not of the kind.
        said.is_some_and(|said| {
            let letters: Vec<char> = said.chars().collect();
            let near: String = letters.iter().rev().take(2).rev().collect();
            !pairs::is_for_it(&near)
        })
    })
}

fn says_enough(name: &str) -> bool {
    let letters = name.chars().filter(|c| c.is_alphabetic());
    letters.clone().filter(|&c| pairs::han(c)).count() >= LETTERS.1 || letters.count() >= LETTERS.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_that_describe_the_program_come_off() {
        for (raw, rest) in [
            (
                "ALLPlayer(免费的多媒体播放器) v8.9.5 中文免费版",
                "ALLPlayer  v8.9.5 中文免费版",
            ),
            ("Watt Toolkit【原名Steam++】", "Watt Toolkit "),
            ("网易云音乐（听歌软件）", "网易云音乐 "),
        ] {
            assert_eq!(without_description(raw).as_deref(), Some(rest), "{raw}");
        }
        for raw in [
            "网易云音乐（设计稿）",
            "Telegram(备份软件)",
            "qBittorrent(卸载软件)",
            "百度网盘（客户端）插件",
            "QQ(聊天软件)",
            "MusicFree",
            "（播放器",
        ] {
            assert_eq!(without_description(raw), None, "{raw}");
        }
    }

    #[test]
    fn a_version_that_nothing_keeps_apart_comes_off() {
        for (raw, name) in [
            ("Telegramv3.1.2", Some("Telegram")),
            ("NordVPNV12.1", Some("NordVPN")),
            ("IPTV 3.2", None),
            ("IPTV3.2", None),
            ("Telegram v3.1.2", None),
            ("Telegramv3", None),
            ("电视v3.1", None),
            ("v1.2", None),
        ] {
            assert_eq!(before_glued_version(raw), name, "{raw}");
        }
    }

    #[test]
    fn a_name_follows_its_description() {
        for (raw, name) in [
            ("免费开源、支持扩展插件音乐播放器：MusicFree", "MusicFree"),
            ("下载神器 qBittorrent", "qBittorrent"),
        ] {
            assert_eq!(behind_description(raw), Some(name), "{raw}");
        }
        for raw in [
            "卸载软件：MusicFree",
            "教程：MusicFree",
            "播放器：mpv",
            "软件 1.2",
            "MusicFree",
        ] {
            assert_eq!(behind_description(raw), None, "{raw}");
        }
    }

    #[test]
    fn a_name_in_brackets_is_told_again() {
        let name = |inside: &str| inside.strip_suffix("免费版").map(ToOwned::to_owned);
        assert_eq!(
            told_again("通用同花顺客户端(同花顺免费版)", &name),
            Some("同花顺免费版")
        );
        for raw in [
            "通用客户端(同花顺免费版)",
            "同花顺数据(同花顺免费版)",
            "通用同花顺客户端(同花顺)",
        ] {
            assert_eq!(told_again(raw, &name), None, "{raw}");
        }
    }
}
