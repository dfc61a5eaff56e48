//! What the agent tells of a Windows PC, collected by the program itself under Wine out of a registry that regedit wrote:
//! titles in every shape that installers leave, people who are signed in and people who are not, proxies.

use std::{fs, path::Path};

use deskwarden_tests::{
    architecture::tree,
    wine::{Build, WindowsPc},
};
use serde_json::Value;

/// Of the synthesised exports: somebody whose hive lies in a folder and is loaded by nobody.
pub(crate) const AWAY: &str = "S-1-5-21-1004336348-1177238915-682003330-1001";

pub(crate) fn fixture(name: &str) -> std::path::PathBuf {
    tree::root().join("agent/parse/fixtures/registry").join(name)
}

/// The keys of an export, without what stands before them.
pub(crate) fn keys(name: &str) -> String {
    let text = fs::read_to_string(fixture(name)).unwrap();
    let begin = text.find("\n[").unwrap();
    text[begin..].to_owned()
}

pub(crate) fn items<'a>(snapshot: &'a Value, section: &str) -> Vec<&'a Value> {
    let items = snapshot["sections"][section]["items"].as_array();
    items
        .unwrap_or_else(|| panic!("no {section} in {snapshot}"))
        .iter()
        .collect()
}

pub(crate) fn text<'a>(item: &'a Value, path: &str) -> &'a str {
    item.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn collected(pc: &WindowsPc, program: &Path) -> Value {
    fs::copy(program, pc.file("agent.exe")).unwrap();
    let (status, _) = pc
        .run("cmd", ["/c", "C:\\agent.exe collect --json > C:\\out.json"])
        .unwrap();
    assert!(status.success(), "{status}");
    serde_json::from_slice(&fs::read(pc.file("out.json")).unwrap()).unwrap()
}

#[test]
fn a_pc_tells_its_titles_people_and_proxies_and_what_it_could_not_look_at() {
    let test = "a_pc_tells_its_titles_people_and_proxies_and_what_it_could_not_look_at";
    let Some(build) = Build::of(test) else { return };
    let Some(pc) = WindowsPc::new(test).unwrap() else {
        return;
    };
    pc.import(&keys("machine.reg")).unwrap();
    pc.import(&keys("user.reg")).unwrap();
    let home = pc.file("users/李伟");
    fs::create_dir_all(&home).unwrap();
    fs::copy(fixture("user.hive"), home.join("NTUSER.DAT")).unwrap();
    put_copied_programs(&pc);
    let snapshot = collected(&pc, &build.program());
    every_title_is_told(&snapshot);
    people_are_told_apart(&snapshot);
    copied_programs_are_told_by_their_shortcuts(&snapshot);
    proxies_are_told_without_their_passwords(&snapshot);
    what_was_not_looked_at_says_why(&snapshot);
}

fn every_title_is_told(snapshot: &Value) {
    let software = items(snapshot, "software");
    let told: Vec<&str> = software.iter().map(|item| text(item, "/facet/name")).collect();
    let export = fs::read_to_string(fixture("machine.reg")).unwrap();
    let named = export
        .lines()
        .filter_map(|line| line.strip_prefix("\"DisplayName\"=\"")?.strip_suffix('"'));
    let mut count = 0;
    for name in named {
        // A long one is told as far as it is kept.
        let name = name.trim();
        assert!(
            told.iter()
                .any(|other| *other == name || (name.len() > 1_000 && name.starts_with(other))),
            "{name}"
        );
        count += 1;
    }
    assert!(count > 200, "{count}");
    assert!(told.iter().all(|name| !name.contains('\u{fffd}')));
    let of = |name: &str| {
        *software
            .iter()
            .find(|item| text(item, "/facet/name") == name)
            .unwrap()
    };
    assert_eq!(of("QQ样例")["facet"]["architecture"], "x86");
    assert_eq!(of("微信样例")["local"]["installed_on"], "2024-01-31");
    assert_eq!(of("KB5034441")["facet"]["parent"], "Windows");
}

/// Programs that nobody installed, and shortcuts to them: on the desktop of everybody, and in the menu of somebody who is
/// not signed in. One of the programs is signed, one was changed after that, and one shortcut leads to nothing.
fn put_copied_programs(pc: &WindowsPc) {
    let made = |name: &str| tree::root().join("agent/parse/fixtures").join(name);
    let put = |from: &str, to: &str| {
        let to = pc.file(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(made(from), to).unwrap();
    };
    put("pe/signed.exe", "绿色软件/QQ样例.exe");
    put("shortcut/chinese.lnk", "users/Public/Desktop/聊天.lnk");
    put("pe/signed.exe", "tools/chat.exe");
    let changed = pc.file("tools/chat.exe");
    let mut bytes = fs::read(&changed).unwrap();
    bytes[0x44c] ^= 1;
    fs::write(changed, bytes).unwrap();
    let menu = "users/李伟/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/工具";
    put("shortcut/plain.lnk", &format!("{menu}/聊天二.LNK"));
    put("shortcut/items.lnk", &format!("{menu}/别的盘.lnk"));
    put("pe/version.rc", &format!("{menu}/坏.lnk"));
}

fn copied_programs_are_told_by_their_shortcuts(snapshot: &Value) {
    let software = items(snapshot, "software");
    let found: Vec<_> = software
        .iter()
        .filter(|item| text(item, "/source") == "shortcuts")
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
    let at = |path: &str| {
        let item = found.iter().find(|item| text(item, "/local/path") == path);
        **item.unwrap_or_else(|| panic!("no {path} in {found:?}"))
    };
    let signed = at("C:\\绿色软件\\QQ样例.exe");
    assert_eq!(text(signed, "/facet/name"), "QQ样例");
    assert_eq!(text(signed, "/facet/publisher"), "样例科技有限公司");
    assert_eq!(text(signed, "/facet/signer"), "样例科技(深圳)有限公司");
    assert_eq!(text(signed, "/principal"), "");
    // It still says whose it is, and Windows does not believe it.
    let changed = at("C:\\tools\\chat.exe");
    assert_eq!(text(changed, "/facet/original_name"), "QQ样例.exe");
    assert_eq!(text(changed, "/facet/signer"), "");
    assert_eq!(text(changed, "/principal"), AWAY);
}

fn people_are_told_apart(snapshot: &Value) {
    let software = items(snapshot, "software");
    let of_chat: Vec<&str> = software
        .iter()
        .filter(|item| text(item, "/facet/name") == "钉钉样例")
        .map(|item| text(item, "/principal"))
        .collect();
    // Who is signed in, and who is not: each has it.
    assert_eq!(of_chat.len(), 2, "{of_chat:?}");
    assert!(of_chat.contains(&AWAY), "{of_chat:?}");
}

fn proxies_are_told_without_their_passwords(snapshot: &Value) {
    let proxies = items(snapshot, "proxy");
    let values: Vec<(&str, &str)> = proxies
        .iter()
        .map(|item| (text(item, "/principal"), text(item, "/facet/value")))
        .collect();
    for value in [
        "http://10.20.30.40:8080",
        "socks://10.20.30.41:1080",
        "http://10.20.30.42:3128",
    ] {
        assert!(values.contains(&(AWAY, value)), "{value}: {values:?}");
        assert!(
            values.iter().any(|(sid, of)| *sid != AWAY && *of == value),
            "{value}: {values:?}"
        );
    }
    assert!(!snapshot.to_string().contains("geheim"));
}

fn what_was_not_looked_at_says_why(snapshot: &Value) {
    let sections = snapshot["sections"].as_object().unwrap();
    for (name, section) in sections {
        for source in section["sources"].as_array().unwrap() {
            let looked = text(source, "/look") == "looked";
            assert!(looked || !text(source, "/reason").is_empty(), "{name}: {source}");
        }
    }
    let os = items(snapshot, "os");
    assert_eq!(text(os[0], "/facet/family"), "windows");
    assert!(!text(os[0], "/facet/hostname").is_empty());
    // A hive that holds settings of a connection which are none says so, and is not taken for a full look.
    let users = sections["proxy"]["sources"].as_array().unwrap();
    let users = users
        .iter()
        .find(|source| source["source"] == "internet-settings-users")
        .unwrap();
    assert_eq!(users["look"], "partial", "{users}");
}
