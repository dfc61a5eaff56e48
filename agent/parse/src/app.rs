//! What applications outside a package manager say about themselves: `info` of UOS and Deepin, `snap.yaml`,
//! menu entries, the release list of AppStream.

use serde_json::Value;

use crate::{ini, text};

/// Longest value kept, in bytes.
const MAX_VALUE: usize = 1_000;
/// Most lines of one file that are read.
const MAX_LINES: usize = 20_000;

/// An application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct App {
    /// Id by which its store knows it.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Version as stated.
    pub version: String,
    /// Architectures, joined by commas.
    pub architecture: String,
    /// One line about it.
    pub summary: String,
}

/// An `info` file below `/opt/apps`; `None` where it names no application.
pub fn parse_info(bytes: &[u8]) -> Option<App> {
    let file: Value = serde_json::from_slice(bytes).ok()?;
    let get = |name: &str| clip(file.get(name).and_then(Value::as_str).unwrap_or_default());
    let architecture = match file.get("arch") {
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(Value::as_str)
            .take(8)
            .collect::<Vec<_>>()
            .join(","),
        Some(Value::String(one)) => one.clone(),
        _ => String::new(),
    };
    let id = get("appid");
    (!id.is_empty()).then(|| App {
        name: get("name"),
        version: get("version"),
        architecture: clip(&architecture),
        summary: String::new(),
        id,
    })
}

/// A `snap.yaml`: its plain values at the outermost level.
pub fn parse_snap_yaml(bytes: &[u8]) -> Option<App> {
    let mut app = App::default();
    let mut title = String::new();
    for line in text::lines(bytes).take(MAX_LINES) {
        let line = text::decode(line);
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let value = clip(text::unquote(value.trim()));
        match key {
            "name" => app.id = value,
            "title" => title = value,
            "version" => app.version = value,
            "summary" => app.summary = value,
            _ => {}
        }
    }
    app.name = if title.is_empty() { app.id.clone() } else { title };
    (!app.id.is_empty()).then_some(app)
}

/// A menu entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Name, in Chinese where the entry has one.
    pub name: String,
    /// The program: an absolute path, or a Windows program in a prefix of Wine. Without arguments.
    pub program: String,
    /// Version that the maker of an AppImage stated.
    pub version: String,
    /// Menu categories.
    pub categories: String,
}

/// A `.desktop` file of an application; `None` where it starts no program by path.
pub fn parse_desktop_entry(bytes: &[u8]) -> Option<Entry> {
    let entries = ini::parse_ini(bytes);
    let get = |key: &'static str| ini::value(&entries, "Desktop Entry", key);
    if get("Type") != "Application" {
        return None;
    }
    let name = [get("Name[zh_CN]"), get("Name")]
        .into_iter()
        .find(|name| !name.is_empty())?;
    Some(Entry {
        name: clip(name),
        program: program(get("Exec"))?,
        version: clip(get("X-AppImage-Version")),
        categories: clip(get("Categories")),
    })
}

/// The first version that an AppStream file lists.
pub fn parse_first_release(bytes: &[u8]) -> Option<String> {
    let file = text::decode(bytes);
    let (_, after) = file.split_once("<release ")?;
    let (tag, _) = after.split_once('>')?;
    let (_, value) = tag.split_once("version=")?;
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.get(1..)?.split(quote).next().map(clip)
}

/// The program of a command line, past `env` and its assignments.
fn program(command: &str) -> Option<String> {
    let words = words(command);
    let windows = words.iter().find(|word| {
        let lower = word.to_ascii_lowercase();
        lower.ends_with(".exe") || lower.ends_with(".lnk")
    });
    if let Some(windows) = windows {
        return Some(clip(windows));
    }
    let first = words
        .iter()
        .find(|word| !word.contains('=') && !matches!(word.as_str(), "env" | "/usr/bin/env"))?;
    first.starts_with('/').then(|| clip(first))
}

/// Words of a command line; quotes hold words together, a backslash takes what follows as it is. The file
/// doubles backslashes once more.
fn words(command: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let command = text::clip(command, 4_096).replace("\\\\", "\\");
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' => match chars.next() {
                Some(next @ (' ' | '"' | '$' | '`' | '\\')) => word.push(next),
                Some(next) => word.extend(['\\', next]),
                None => {}
            },
            c if c.is_whitespace() && !quoted => {
                if !word.is_empty() {
                    found.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        found.push(word);
    }
    found
}

fn clip(text: &str) -> String {
    text::kept(text, MAX_VALUE).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_forms_of_each_store_are_read() {
        let info = r#"{"appid":"com.qq.im.deepin","name":"QQ","version":"9.3.1","arch":["amd64","arm64"],"permissions":{}}"#;
        let app = parse_info(info.as_bytes()).unwrap();
        assert_eq!(
            (&*app.id, &*app.version, &*app.architecture),
            ("com.qq.im.deepin", "9.3.1", "amd64,arm64")
        );
        assert_eq!(parse_info(b"[]"), None);
        let snap =
            parse_snap_yaml(b"name: wechat\nversion: '3.1'\nsummary: chat\napps:\n  name: no\n").unwrap();
        assert_eq!(
            (&*snap.id, &*snap.name, &*snap.version),
            ("wechat", "wechat", "3.1")
        );
        let release =
            b"<component><releases>\n<release date='1' version=\"1.2.3\"><release version='1'/></releases>";
        assert_eq!(parse_first_release(release).as_deref(), Some("1.2.3"));
    }

    #[test]
    fn the_program_of_a_menu_entry_is_found_without_its_arguments() {
        let rows = [
            (
                "/home/wang/QQ.AppImage --no-sandbox %U",
                Some("/home/wang/QQ.AppImage"),
            ),
            ("\"/opt/My App/run\" %f", Some("/opt/My App/run")),
            ("env LANG=zh_CN /opt/a/a", Some("/opt/a/a")),
            ("firefox %u", None),
            (
                r#"env WINEPREFIX="/home/wang/.wine" wine C:\\\\Program\\ Files\\\\Game\\\\g.exe"#,
                Some(r"C:\Program Files\Game\g.exe"),
            ),
        ];
        for (command, expected) in rows {
            assert_eq!(program(command).as_deref(), expected, "{command}");
        }
        let file = "[Desktop Entry]\nType=Application\nName=Game\nName[zh_CN]=游戏\nExec=/opt/g\n[Desktop Action x]\nExec=/no\n";
        let entry = parse_desktop_entry(file.as_bytes()).unwrap();
        assert_eq!((&*entry.name, &*entry.program), ("游戏", "/opt/g"));
        assert_eq!(
            parse_desktop_entry(b"[Desktop Entry]\nType=Link\nName=x\nExec=/x\n"),
            None
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            parse_info(&bytes);
            parse_snap_yaml(&bytes);
            parse_desktop_entry(&bytes);
            parse_first_release(&bytes);
        }

        #[test]
        fn arbitrary_commands_never_panic(command in "\\PC{0,80}") {
            program(&command);
            parse_first_release(format!("<release version={command}>").as_bytes());
        }
    }
}
