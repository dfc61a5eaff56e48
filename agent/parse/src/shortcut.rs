//! Shortcuts of Windows (`.lnk`): the file that they lead to. What stands there in letters of an unknown code page is left
//! aside for the same path in Unicode, which stands there as well. Arguments are not read: they may hold secrets.

use crate::{
    pe::{u16_at, u32_at},
    registry::parse_wide,
    text,
};

/// Size of what every shortcut begins with, and the class behind it.
const HEADER: usize = 0x4c;
const CLASS: [u8; 16] = [0x01, 0x14, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
/// Bits that say which parts follow.
const HAS_LIST: u32 = 1;
const HAS_INFO: u32 = 2;
/// Name, relative path, folder, arguments, icon: texts that are passed over.
const TEXTS: [u32; 5] = [4, 8, 16, 32, 64];
const IS_UNICODE: u32 = 128;
const HAS_VARIABLES: u32 = 512;
/// The block with a path in which variables stand.
const VARIABLES: u32 = 0xa000_0001;
/// The part of an item that holds its long name.
const LONG_NAME: u32 = 0xbeef_0004;
/// Most items of a path, and most blocks at the end.
const MAX_ITEMS: usize = 64;
/// Longest path in bytes.
const MAX_PATH: usize = 2_048;

/// Where a shortcut leads: a path with a drive, one of another machine (`\\server\share\...`), or one that begins with a
/// variable (`%USERPROFILE%\...`). `None` where the bytes are no shortcut, or it leads to no file.
pub fn parse_shortcut(bytes: &[u8]) -> Option<String> {
    if u32_at(bytes, 0)? as usize != HEADER || bytes.get(4..20)? != CLASS {
        return None;
    }
    let flags = u32_at(bytes, 20)?;
    let mut rest = bytes.get(HEADER..)?;
    let mut list = None;
    if flags & HAS_LIST != 0 {
        let length = usize::from(u16_at(rest, 0)?);
        list = rest.get(2..2 + length);
        rest = rest.get(2 + length..)?;
    }
    let mut info = None;
    if flags & HAS_INFO != 0 {
        let length = usize::try_from(u32_at(rest, 0)?).ok()?.max(4);
        info = rest.get(..length);
        rest = rest.get(length..)?;
    }
    let certain = |path: &String| is_path(path);
    // Where a path with variables stands there, Windows goes by it first.
    let variables = (flags & HAS_VARIABLES != 0).then(|| of_blocks(behind_texts(rest, flags)?));
    variables
        .flatten()
        .filter(certain)
        .or_else(|| info.and_then(of_info).filter(certain))
        .or_else(|| list.and_then(of_list).filter(certain))
}

/// Whether it names one file. A letter that its writer could not put down stands there as a question mark.
fn is_path(path: &str) -> bool {
    let drive = path.as_bytes().get(1..3) == Some(b":\\");
    let begins = drive || path.starts_with("\\\\") || path.starts_with('%');
    let odd = |letter: char| letter.is_control() || matches!(letter, '?' | '*' | '<' | '>' | '|' | '"');
    begins && path.len() <= MAX_PATH && !path.contains(odd)
}

/// The path in the part that says where the file lies.
fn of_info(info: &[u8]) -> Option<String> {
    let place = |field: usize| usize::try_from(u32_at(info, field)?).ok().filter(|at| *at != 0);
    let flags = u32_at(info, 8)?;
    let wide = u32_at(info, 4)? >= 0x24;
    let text = |narrow: usize, unicode: usize| {
        match place(unicode).filter(|_| wide) {
            Some(at) => Some(parse_wide(info.get(at..)?)),
            // In letters of some code page: certain only where every code page has the same ones.
            None => ascii(info.get(place(narrow)?..)?),
        }
    };
    let suffix = text(24, 32)?;
    if flags & 1 != 0 {
        let base = text(16, 28)?;
        return Some(joined(&base, &suffix)).filter(|path| !path.is_empty());
    }
    // Another machine's.
    let network = info.get(place(20)?..)?;
    let name = usize::try_from(u32_at(network, 8)?).ok()?;
    let share = match u32_at(network, 20).filter(|_| name > 20) {
        Some(at) => parse_wide(network.get(usize::try_from(at).ok()?..)?),
        None => ascii(network.get(name..)?)?,
    };
    Some(joined(&share, &suffix))
}

fn joined(base: &str, suffix: &str) -> String {
    if suffix.is_empty() || base.is_empty() || base.ends_with('\\') {
        return format!("{base}{suffix}");
    }
    format!("{base}\\{suffix}")
}

fn ascii(bytes: &[u8]) -> Option<String> {
    let text = bytes.split(|byte| *byte == 0).next()?;
    text.is_ascii().then(|| text::decode(text).into_owned())
}

/// The path of the items that lead from the desktop to the file: a drive, then folders and the file by their long names.
fn of_list(list: &[u8]) -> Option<String> {
    let mut path = String::new();
    let mut rest = list;
    for _ in 0..MAX_ITEMS {
        let length = usize::from(u16_at(rest, 0)?);
        if length < 3 {
            return (path.len() > 3).then_some(path);
        }
        let item = rest.get(..length)?;
        rest = rest.get(length..)?;
        match item.get(2)? {
            // A place that stands for itself: only "Computer" is passed on the way to a drive.
            0x1f if path.is_empty() => {}
            0x20..=0x2f if path.is_empty() => {
                let drive = ascii(item.get(3..)?)?;
                path = drive.get(..2).filter(|name| name.ends_with(':'))?.to_owned();
            }
            0x30..=0x3f if !path.is_empty() => {
                let name = long_name(item)?;
                if name.is_empty() || name.contains(['\\', '/', ':']) {
                    return None;
                }
                path.push('\\');
                path.push_str(&name);
            }
            _ => return None,
        }
    }
    None
}

fn long_name(item: &[u8]) -> Option<String> {
    let at = usize::from(u16_at(item, item.len().checked_sub(2)?)?);
    // Wine leaves the mark out.
    let marked = |part: &&[u8]| matches!(u32_at(part, 4), Some(LONG_NAME | 0));
    let Some(part) = item.get(at..).filter(|_| at > 14).filter(marked) else {
        // Before XP: the short name alone, which is the whole one where it is plain.
        return ascii(item.get(14..)?);
    };
    let begin = match u16_at(part, 2)? {
        0..7 => 20,
        7 => 38,
        8 => 42,
        _ => 46,
    };
    Some(parse_wide(part.get(begin..)?))
}

/// What stands behind the texts.
fn behind_texts(mut rest: &[u8], flags: u32) -> Option<&[u8]> {
    let width = if flags & IS_UNICODE == 0 { 1 } else { 2 };
    for flag in TEXTS {
        if flags & flag != 0 {
            let length = usize::from(u16_at(rest, 0)?) * width;
            rest = rest.get(2 + length..)?;
        }
    }
    Some(rest)
}

fn of_blocks(mut rest: &[u8]) -> Option<String> {
    for _ in 0..MAX_ITEMS {
        let length = usize::try_from(u32_at(rest, 0)?).ok()?;
        let block = rest.get(..length).filter(|block| block.len() >= 8)?;
        if u32_at(block, 4) == Some(VARIABLES) {
            return Some(parse_wide(block.get(268..)?));
        }
        rest = rest.get(length..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by Wine's shell: a plain path, and one in Chinese whose narrow form is question marks.
    const PLAIN: &[u8] = include_bytes!("../fixtures/shortcut/plain.lnk");
    const CHINESE: &[u8] = include_bytes!("../fixtures/shortcut/chinese.lnk");
    /// Made by pylnk3: a variable, items alone, and a share.
    const VARIABLE: &[u8] = include_bytes!("../fixtures/shortcut/variable.lnk");
    const ITEMS: &[u8] = include_bytes!("../fixtures/shortcut/items.lnk");
    const SHARE: &[u8] = include_bytes!("../fixtures/shortcut/share.lnk");

    #[test]
    fn a_shortcut_leads_to_its_file_whatever_wrote_it() {
        let of = |bytes| parse_shortcut(bytes).unwrap_or_default();
        assert_eq!(of(PLAIN), "C:\\tools\\chat.exe");
        assert_eq!(of(CHINESE), "C:\\绿色软件\\QQ样例.exe");
        assert_eq!(of(VARIABLE), "%USERPROFILE%\\Tools\\chat.exe");
        assert_eq!(of(ITEMS), "D:\\绿色软件\\QQ样例.exe");
        assert_eq!(of(SHARE), "\\\\server\\tools\\chat.exe");
    }

    #[test]
    fn what_is_no_shortcut_or_leads_to_no_file_is_none() {
        assert_eq!(parse_shortcut(&[]), None);
        assert_eq!(parse_shortcut(&PLAIN[..HEADER - 1]), None);
        let mut other = PLAIN.to_vec();
        other[4] = 0;
        assert_eq!(parse_shortcut(&other), None);
        // The control panel is a place, and no file.
        let mut place = PLAIN[..HEADER].to_vec();
        place[20] = 1;
        place.extend([0x16, 0, 0x14, 0, 0x1f, 0x70]);
        place.extend([7; 16]);
        place.extend([0, 0]);
        assert_eq!(parse_shortcut(&place), None);
    }

    #[test]
    fn letters_of_an_unknown_code_page_are_no_path() {
        // 绿色 in GBK, as a Chinese Windows writes it, beside no Unicode.
        let mut info = vec![0u8; 0x1c];
        info[4] = 0x1c;
        info[8] = 1;
        info[16] = 0x1c;
        info[24] = 0x24;
        info.extend(b"C:\\\xc2\xcc\xc9\0\0");
        assert_eq!(of_info(&info), None);
        info[0x1f..0x23].copy_from_slice(b"abcd");
        assert_eq!(of_info(&info).as_deref(), Some("C:\\abcd"));
    }

    #[test]
    fn a_file_of_another_machine_is_told_as_such() {
        let mut info = vec![0u8; 0x1c];
        info[4] = 0x1c;
        info[8] = 2;
        info[20] = 0x1c;
        info[24] = 0x1c + 20 + 12;
        let mut network = vec![0u8; 20];
        network[8] = 20;
        info.extend(network);
        info.extend(b"\\\\nas\\soft\0\0chat.exe\0");
        assert_eq!(of_info(&info).as_deref(), Some("\\\\nas\\soft\\chat.exe"));
    }

    proptest::proptest! {
        #[test]
        fn no_damage_makes_it_fail(at in 0usize..700, byte in 0u8.., cut in 0usize..1_200) {
            for whole in [PLAIN, CHINESE, VARIABLE, ITEMS, SHARE] {
                let mut bytes = whole.to_vec();
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
                for path in [parse_shortcut(&bytes), parse_shortcut(&bytes[..cut.min(bytes.len())])] {
                    assert!(path.unwrap_or_default().len() <= MAX_PATH);
                }
            }
        }
    }
}
