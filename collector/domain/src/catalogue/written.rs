//! Names whose words are written as one: `HuyaClient`, `FreeVPN`, and names within the identifiers of applications,
//! `4DF9E0F8.Netflix_mcm4njqhnhss8`.

/// Letters that a name needs to be found so.
pub(super) const LETTERS: usize = 4;
/// Letters of the last part of an identifier.
const INNER_LETTERS: usize = 5;
/// Length of the hash behind the name of a package from Windows' store.
const STORE_HASH: usize = 13;
/// Words that are written behind others in small letters too.
const TAILS: [&str; 7] = [
    "vpn",
    "torrent",
    "downloader",
    "messenger",
    "keygen",
    "solitaire",
    "mahjong",
];
/// Letters before such a word.
const BEFORE_A_TAIL: usize = 3;

/// What `for` stands before, written as one with the name: `SoundCloudforWindows`.
const SYSTEMS: [&str; 6] = ["Windows", "Win", "Linux", "Mac", "PC", "Desktop"];
/// What a sign of trade becomes where a list lost it.
const RESIDUE: [char; 2] = ['T', 'R'];
/// Letters of a word before such a sign.
const BEFORE_RESIDUE: usize = 4;

/// The title without the letter that stands for a sign of trade: `Horizon Zero DawnT Complete Edition`.
pub(super) fn without_residue(raw: &str) -> Option<String> {
    let plain = |word: &str| {
        let rest = word.strip_suffix(RESIDUE)?;
        let mut letters = rest.chars();
        let capital = letters.next().is_some_and(|c| c.is_ascii_uppercase());
        let named = capital && letters.all(|c| c.is_ascii_lowercase()) && rest.len() >= BEFORE_RESIDUE;
        named.then(|| rest.to_owned())
    };
    // One word alone may be written so by its maker.
    if raw.split(' ').count() < 2 || !raw.split(' ').any(|word| plain(word).is_some()) {
        return None;
    }
    let words = raw
        .split(' ')
        .map(|word| plain(word).unwrap_or_else(|| word.to_owned()));
    Some(words.collect::<Vec<_>>().join(" "))
}

/// The title with a space where a word begins with a capital, and before the words of [`TAILS`]; `None` where that
/// changes nothing.
pub(super) fn apart(raw: &str) -> Option<String> {
    let mut out = String::with_capacity(raw.len() + 8);
    let mut chars = raw.chars().peekable();
    let mut last: Option<char> = None;
    while let Some(c) = chars.next() {
        let starts = last.is_some_and(|before| {
            let next_small = chars.peek().is_some_and(|next| next.is_lowercase());
            c.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && next_small))
        });
        if starts {
            out.push(' ');
        }
        out.push(c);
        last = Some(c);
    }
    for system in SYSTEMS {
        let stuck = out.find(&format!("for {system}"));
        if let Some(at) = stuck.filter(|&at| out[..at].ends_with(char::is_alphanumeric)) {
            out.insert(at, ' ');
        }
    }
    let words: Vec<String> = out.split(' ').map(without_tail).collect();
    let out = words.join(" ");
    (out != raw).then_some(out)
}

/// A word, with a space before its tail if it has one.
fn without_tail(word: &str) -> String {
    let small = word.to_ascii_lowercase();
    let cut = TAILS.iter().find_map(|tail| {
        let start = small.strip_suffix(tail)?;
        let whole = start.chars().filter(|c| c.is_alphabetic()).count() >= BEFORE_A_TAIL;
        // Small letters only: what has other marks is no such word.
        (whole && start.bytes().all(|b| b.is_ascii_alphanumeric())).then_some(start.len())
    });
    match cut.and_then(|at| word.split_at_checked(at)) {
        Some((start, tail)) => format!("{start} {tail}"),
        None => word.to_owned(),
    }
}

/// The name within an application's identifier: its last part, without the hash that the store puts behind it.
pub(super) fn inner(raw: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if !raw.chars().all(plain) {
        return None;
    }
    let family = match raw.rsplit_once('_') {
        Some((family, hash)) if hash.len() == STORE_HASH => family,
        _ => raw,
    };
    let (maker, name) = family.rsplit_once('.')?;
    let letters = name.chars().filter(|c| c.is_alphabetic()).count();
    (letters >= INNER_LETTERS && maker.chars().any(char::is_alphabetic)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_and_known_tails_begin_words() {
        for (raw, words) in [
            ("HuyaClient", "Huya Client"),
            ("PrivadoVPN", "Privado VPN"),
            ("VPNClient 2.0", "VPN Client 2.0"),
            ("supervpn", "super vpn"),
            ("YoutubeDownloader", "Youtube Downloader"),
            ("网络GameLauncher", "网络Game Launcher"),
            ("SoundCloudforWindowsBeta", "Sound Cloud for Windows Beta"),
        ] {
            assert_eq!(apart(raw).as_deref(), Some(words), "{raw}");
        }
        for raw in ["Huya Client", "vpn", "openssl", "a-vpn", "微信", ""] {
            assert_eq!(apart(raw), None, "{raw}");
        }
    }

    #[test]
    fn a_letter_that_was_a_sign_of_trade_comes_off() {
        assert_eq!(
            without_residue("Horizon Zero DawnT Complete Edition").as_deref(),
            Some("Horizon Zero Dawn Complete Edition")
        );
        for raw in [
            "DawnT",
            "Horizon Zero Dawn",
            "ChatGPT 4",
            "My MIDI ART",
            "Big IoT",
        ] {
            assert_eq!(without_residue(raw), None, "{raw}");
        }
    }

    #[test]
    fn the_name_within_an_identifier_is_its_last_part() {
        for (raw, name) in [
            ("4DF9E0F8.Netflix_mcm4njqhnhss8", "Netflix"),
            ("king.com.CandyCrushSaga", "CandyCrushSaga"),
        ] {
            assert_eq!(inner(raw), Some(name), "{raw}");
        }
        for raw in [
            "Notepad",
            "setup.exe",
            "Rocket.Chat",
            "Netflix 1.2",
            "1.2.3",
            "微信.Weixin",
            ".hidden",
            "",
        ] {
            assert_eq!(inner(raw), None, "{raw}");
        }
    }
}
