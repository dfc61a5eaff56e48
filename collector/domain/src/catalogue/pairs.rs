//! Titles that name one program twice: `微信 (WeChat)`, `迷雾通 Geph`.

/// Words beside a known name that make it something for that program, not the program.
#[rustfmt::skip]
const FOR_IT: [&str; 58] = [
    "助手", "工具", "插件", "输入法", "浏览器", "驱动", "管家", "破解", "数据", "备份", "恢复", "导出", "记录", "密码",
    "翻译", "皮肤", "主题", "壁纸", "开发", "接口", "控件", "服务", "管理", "系统", "企业", "办公", "教程", "文档",
    "for", "tool", "tools", "plugin", "helper", "backup", "work", "business", "enterprise", "driver", "sdk", "api",
    "server", "service", "manager", "viewer", "extension", "addon", "add", "theme", "skin", "fonts", "font", "codec",
    "update", "updater", "runtime", "library", "docs", "data",
];
/// Letters of a name in ideographs that say enough.
const HAN_LETTERS: usize = 3;
/// Words of a second name.
const WORDS: usize = 3;

/// What stands before the name of a program that was only copied, or of its entry to take it off.
const LEADS: [&str; 10] = [
    "portable ",
    "uninstall ",
    "启动",
    "[绿色]",
    "【绿色】",
    "[便携]",
    "绿色版",
    "便携版",
    "绿色",
    "便携",
];

/// The title without such a word.
pub(super) fn without_lead(raw: &str) -> Option<&str> {
    let raw = raw.trim_start();
    LEADS.iter().find_map(|lead| {
        let start = raw.get(..lead.len())?;
        start.eq_ignore_ascii_case(lead).then(|| raw.get(lead.len()..))?
    })
}

pub(super) fn han(c: char) -> bool {
    ('\u{3400}'..='\u{9FFF}').contains(&c)
}

/// Whether the text is written in ideographs, in other letters, or in both.
fn script(text: &str) -> (bool, bool) {
    let letters = text.chars().filter(|c| c.is_alphabetic());
    letters.fold((false, false), |(ideographs, others), c| {
        (ideographs || han(c), others || !han(c))
    })
}

/// Whether the second name can be only a transcription of the first, which is known: in another script, short,
/// and no word of what goes with a program.
pub(super) fn transcribes(known: &str, second: &str) -> bool {
    let other_script = matches!(
        (script(known), script(second)),
        ((true, false), (false, true)) | ((false, true), (true, false))
    );
    let letters = known.chars().filter(|c| c.is_alphabetic()).count();
    let long_enough = if script(known).0 {
        letters >= HAN_LETTERS
    } else {
        letters > HAN_LETTERS + 1
    };
    let words = second
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    other_script
        && long_enough
        && second.chars().filter(|&c| han(c)).count() <= HAN_LETTERS + 1
        && words.count() <= WORDS
        && !is_for_it(second)
}

/// Whether a word says that a title is of something for a program, not of the program.
pub(super) fn is_for_it(text: &str) -> bool {
    let text = text.to_lowercase();
    let mut words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.any(|word| {
        FOR_IT.iter().chain(&BEHIND_A_DASH).any(|&known| {
            if han_word(known) {
                word.contains(known)
            } else {
                word == known
            }
        })
    })
}

/// Signs between a name and what is said of it.
const DASHES: [&str; 9] = [" - ", " – ", " — ", "：", ": ", "——", "－", "|", "-"];
/// What stands behind a program's name, beside [`FOR_IT`], where the title is none of the program itself.
#[rustfmt::skip]
const BEHIND_A_DASH: [&str; 24] = [
    "soundtrack", "ost", "wallpaper", "wallpapers", "editor", "mod", "mods", "kit", "benchmark", "screensaver",
    "converter", "export", "import", "exporter", "importer", "integration", "connector", "module", "component",
    "components", "clean", "cleaner", "remover", "卸载",
];
/// Letters that the name must have in one word, in several, and in ideographs.
const LEAD_LETTERS: (usize, usize, usize) = (7, 8, 3);

/// `Door Kickers: Action Squad`, `腾讯游戏管家-专业加速国服游戏`: the name before a subtitle or a slogan.
pub(super) fn before_slogan(raw: &str) -> Option<&str> {
    let (name, behind) = DASHES.iter().find_map(|dash| {
        let (name, behind) = raw.split_once(dash)?;
        // Within a word a dash belongs to it, but not among ideographs.
        let bound = *dash != "-" || (name.ends_with(han) && behind.starts_with(han));
        bound.then_some((name, behind))
    })?;
    let letters = name.chars().filter(|c| c.is_alphabetic());
    let ideographs = letters.clone().filter(|&c| han(c)).count();
    let several = name.trim().contains(' ');
    let enough = ideographs >= LEAD_LETTERS.2
        || letters.count() >= if several { LEAD_LETTERS.1 } else { LEAD_LETTERS.0 };
    (enough && behind.chars().any(char::is_alphabetic) && !is_for_it(behind)).then_some(name)
}

fn han_word(word: &str) -> bool {
    word.chars().any(han)
}

/// The two names of a title: what stands before a bracket and in it, else ideographs and the letters behind them.
pub(super) fn split(raw: &str) -> Option<(&str, &str, bool)> {
    if let Some((outside, rest)) = raw.split_once(['(', '（', '[', '【']) {
        let (inside, _) = rest.split_once([')', '）', ']', '】'])?;
        return Some((outside, inside, true));
    }
    let first = raw.chars().find(|c| c.is_alphabetic())?;
    let turn = raw
        .char_indices()
        .find(|(_, c)| c.is_alphabetic() && han(*c) != han(first))?
        .0;
    let (before, behind) = raw.split_at(turn);
    let once = !behind.chars().any(|c| c.is_alphabetic() && han(c) == han(first));
    once.then_some((before, behind, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_name_is_a_transcription_only() {
        for (known, second) in [
            ("穿山甲", "Pangolin"),
            ("网络人", "netman123"),
            ("WeChat", "微信"),
        ] {
            assert!(transcribes(known, second), "{known} {second}");
        }
        for (known, second) in [
            ("微信", "Weixin"),
            ("百度网盘", "SDK"),
            ("Telegram", "备份工具"),
            ("Discord", "Weixin"),
            ("迅雷下载", "for Chrome"),
            ("Zzyx", ""),
        ] {
            assert!(!transcribes(known, second), "{known} {second}");
        }
    }

    #[test]
    fn a_name_ends_before_its_subtitle_and_before_no_word_of_something_for_it() {
        for (title, name) in [
            ("Door Kickers: Action Squad", "Door Kickers"),
            ("Dawn of War - Dark Crusade", "Dawn of War"),
            ("腾讯游戏管家-专业加速国服游戏", "腾讯游戏管家"),
            ("真实台球3D - Pool", "真实台球3D"),
        ] {
            assert_eq!(before_slogan(title), Some(name), "{title}");
        }
        for title in [
            "Steam - Store",
            "Door Kickers - Soundtrack",
            "Mumble-Server",
            "网易云音乐-备份工具",
            "Spotify: ",
            "T-Online",
            "qBittorrent - 1.2",
            "",
        ] {
            assert_eq!(before_slogan(title), None, "{title}");
        }
    }

    #[test]
    fn names_are_told_apart_where_the_writing_turns() {
        assert_eq!(split("迷霧通 Geph"), Some(("迷霧通 ", "Geph", false)));
        assert_eq!(split("明小子（Domian）"), Some(("明小子", "Domian", true)));
        assert_eq!(split("QQ"), None);
        assert_eq!(split("QQ 游戏 QQ"), None);
        assert_eq!(split("(1"), None);
    }
}
