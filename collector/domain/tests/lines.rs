//! Programs written one to a line, and what a faulty line is told.

use deskwarden_domain::rules::{RuleFile, RuleSet};

fn faults(each: &str) -> String {
    let content = format!(
        "[[category]]\nid = \"game\"\nname = {{ zh = \"游戏\", en = \"Games\" }}\n[[programs]]\ncategories = [\"game\"]\neach = [{each}]\n"
    );
    let file = RuleFile {
        name: "a.toml",
        content: &content,
    };
    match RuleSet::load(&[file]) {
        Ok(set) => set
            .catalogue()
            .entries()
            .iter()
            .map(|entry| format!("{}={}/{} ", entry.id, entry.name.zh, entry.name.en))
            .collect(),
        Err(faults) => faults.iter().map(|fault| format!("{fault}\n")).collect(),
    }
}

#[test]
fn a_line_makes_an_entry() {
    assert_eq!(
        faults(
            r#""Some Game | zh:某游戏 | game.exe | pkg:some-game", "id:x | ?Common | by:Maker", "exe:zzyx""#
        ),
        "some-game=某游戏/Some Game x=Common/Common zzyx=zzyx/zzyx "
    );
}

#[test]
fn people_see_the_first_title_or_the_one_that_is_marked() {
    for (line, name) in [
        ("某游戏 | Some Game | 某游戏盒子", "某游戏/Some Game"),
        // What stands further behind may be somebody else's edition.
        ("Some Game | Some Client | 某某Some", "Some Game/Some Game"),
        ("Some Game | Client | zh:某游戏", "某游戏/Some Game"),
        ("某游戏 | 某客户端 | Some Client", "某游戏/某游戏"),
        ("카카오 | Kakao", "Kakao/Kakao"),
        ("カカオ", "カカオ/カカオ"),
    ] {
        let seen = faults(&format!("\"id:x | {line}\""));
        assert_eq!(seen, format!("x={name} "), "{line}");
    }
}

#[test]
fn every_bad_line_is_named() {
    for (line, fault) in [
        ("\"A | | B\"", "is empty"),
        ("\"by:Maker\"", "names no program"),
        ("\"A | zh:\"", "is empty"),
        ("\"A | code:\"", "is empty"),
        (
            "\"A | code:{1}\", \"B | pkg:{1}\"",
            "already belongs to entry `a`",
        ),
        ("\"A | zh:甲\", \"B | zh:甲\"", "already belongs to entry `a`"),
        ("\"?Common\"", "names no publisher"),
        ("\"A | by:®\"", "no word in"),
        ("\"id:a b | A\"", "is not an id"),
        ("\"A\", \"a 2 | A\"", "already belongs to entry `a`"),
        ("\"A\", \"id:a | B\"", "already an entry `a`"),
        ("\"A*B*\"", "no title pattern"),
        ("", "no program is listed"),
    ] {
        let told = faults(line);
        assert!(told.contains(fault), "{line}: {told}");
        assert!(told.starts_with("a.toml:"), "{told}");
    }
}
