//! The readers on hives that hivex wrote out of synthesised exports, and on the same hives cut and damaged.

use super::{
    Fault, HiveKey, Key, Value, component_packages, entries, packages, profiles, settings::parse_connection,
    sticks, updates_tree,
};

const MACHINE: &[u8] = include_bytes!("../../fixtures/registry/machine.hive");
const USER: &[u8] = include_bytes!("../../fixtures/registry/user.hive");
const CLASSES: &[u8] = include_bytes!("../../fixtures/registry/classes.hive");
const SYSTEM: &[u8] = include_bytes!("../../fixtures/registry/system.hive");
const EXPORT: &str = include_str!("../../fixtures/registry/machine.reg");

fn key<'a>(hive: &'a [u8], path: &str) -> HiveKey<&'a [u8]> {
    HiveKey::root(hive).unwrap().open(path).unwrap().unwrap()
}

const UNINSTALL: &str = "Microsoft\\Windows\\CurrentVersion\\Uninstall";

#[test]
fn every_title_of_the_export_is_told_and_none_is_garbled() {
    let mut named: Vec<String> = EXPORT
        .lines()
        .filter_map(|line| line.strip_prefix("\"DisplayName\"=\"")?.strip_suffix('"'))
        .map(super::uninstall::shown)
        .collect();
    // Written as bytes in the export: a text of another kind, without an end mark, of an odd length.
    named.extend(["Wrong %Types%", "No end mark", "Odd length"].map(str::to_owned));
    let mut told = Vec::new();
    for place in [UNINSTALL.to_owned(), format!("WOW6432Node\\{UNINSTALL}")] {
        let found = entries(&key(MACHINE, &place));
        assert_eq!(found.faults, Vec::<String>::new());
        told.extend(found.all.into_iter().map(|entry| entry.name));
    }
    for name in &named {
        assert!(told.contains(name), "{name}");
    }
    // Beside those with a name: one whose name is bytes, and one that lost it.
    assert_eq!(told.len(), named.len() + 2);
    assert!(told.iter().all(|name| !name.contains('\u{fffd}')));
}

#[test]
fn the_name_in_the_directory_is_read_with_its_escapes() {
    let policy = key(
        MACHINE,
        "Microsoft\\Windows\\CurrentVersion\\Group Policy\\State\\Machine",
    );
    assert_eq!(
        policy.text("Distinguished-Name"),
        r"CN=样例-PC,OU=台式机,OU=研发\, 测试部,OU=总部,DC=corp,DC=example"
    );
    let parameters = key(SYSTEM, "ControlSet001\\Services\\Tcpip\\Parameters");
    assert_eq!(parameters.text("Domain"), "corp.example");
}

#[test]
fn components_updates_and_children_are_marked() {
    let all = entries(&key(MACHINE, UNINSTALL)).all;
    let of = |subkey: &str| all.iter().find(|entry| entry.subkey == subkey).unwrap();
    assert!(of("{0F3A1D52-0000-4E1C-9D3A-6F2B00000001}").system_component);
    assert!(of("KB954430").update);
    assert_eq!(of("KB954430").parent, "Windows - Software Updates");
    assert!(of("{90140000-0011-0000-0000-0000000FF1CE}_Office14_{E2D1}.KB2589298").update);
    let nested = of("Sample Framework\\KB953595");
    assert!(nested.update);
    assert_eq!(nested.parent, "Sample Framework 3.5");
    assert!(!of("微信样例").update && !of("微信样例").system_component);
}

#[test]
fn values_of_the_wrong_type_are_understood() {
    let all = entries(&key(MACHINE, UNINSTALL)).all;
    let of = all.iter().find(|entry| entry.subkey == "WrongTypes").unwrap();
    assert_eq!(
        (
            of.version.as_str(),
            of.size_bytes,
            of.installed_on.as_str(),
            of.publisher.as_str()
        ),
        ("7", 2_048 * 1_024, "2024-01-31", "Multi")
    );
    assert!(!of.system_component);
    let title = all.iter().find(|entry| entry.subkey == "微信样例").unwrap();
    assert_eq!(
        (title.exe.as_str(), title.installed_on.as_str()),
        ("WeiXin.exe", "2024-01-31")
    );
}

#[test]
fn updates_of_windows_are_told_once_and_only_where_installed() {
    let found = component_packages(&key(
        MACHINE,
        "Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\Packages",
    ));
    let rows: Vec<_> = found
        .all
        .iter()
        .map(|of| (of.id.as_str(), of.version.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            ("KB5034441", "19041.3920.1.1"),
            ("RollupFix 19041.3930.1.7", "19041.3930.1.7")
        ]
    );
    assert!(found.all[0].installed_on.starts_with("2024-01-"));
    let tree = updates_tree(&key(MACHINE, "Microsoft\\Updates"));
    let rows: Vec<_> = tree
        .all
        .iter()
        .map(|of| (of.id.as_str(), of.product.as_str()))
        .collect();
    assert_eq!(
        rows,
        [("KB4486081", "Sample Framework 4.8"), ("KB923561", "Windows XP")]
    );
}

#[test]
fn people_and_their_folders_are_told_without_services() {
    let found = profiles(&key(
        MACHINE,
        "Microsoft\\Windows NT\\CurrentVersion\\ProfileList",
    ));
    let rows: Vec<_> = found
        .all
        .iter()
        .map(|of| (of.account.as_str(), of.folder.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            ("李伟", "C:\\Users\\李伟"),
            ("ivanov", "%SystemDrive%\\Users\\ivanov.OFFICE")
        ]
    );
}

#[test]
fn somebody_who_is_not_signed_in_is_read_from_the_file() {
    let found = entries(&key(USER, &format!("Software\\{UNINSTALL}")));
    let names: Vec<_> = found.all.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["Sample Chat", "钉钉样例"]);
    let connections = key(
        USER,
        "software\\MICROSOFT\\Windows\\CurrentVersion\\Internet Settings\\Connections",
    );
    let values = connections.values().unwrap();
    let of = |name: &str| parse_connection(&values.get(name).unwrap().bytes);
    assert_eq!(
        of("DefaultConnectionSettings").unwrap().server,
        "10.20.30.40:1080"
    );
    assert!(of("VPN 公司").unwrap().manual);
    assert_eq!(of("Broken"), None);
}

#[test]
fn store_apps_are_told_without_the_pieces_that_they_are_made_of() {
    let at = "Local Settings\\Software\\Microsoft\\Windows\\CurrentVersion\\AppModel\\Repository\\Packages";
    let found = packages(&key(CLASSES, at));
    let rows: Vec<_> = found
        .all
        .iter()
        .map(|of| (of.name.as_str(), of.version.as_str(), of.system_component))
        .collect();
    assert_eq!(
        rows,
        [
            ("Sample libraries", "14.0.33519.0", true),
            ("象棋样例", "2.3.0.0", false),
            ("Sample.Notes", "1.0.0.0", false),
            ("Sample Shell", "1.0", true),
        ]
    );
}

#[test]
fn sticks_are_told_with_their_own_serials_only() {
    let found = sticks(&key(SYSTEM, "ControlSet001\\Enum\\USBSTOR"));
    let rows: Vec<_> = found
        .all
        .iter()
        .map(|of| (of.vendor.as_str(), of.model.as_str(), of.serial.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            ("", "某某 U盘", ""),
            ("Sample", "Ultra Stick", "4C530001230101117393")
        ]
    );
    assert!(found.all[0].written.is_some());
}

#[test]
fn what_is_no_hive_is_refused() {
    assert!(HiveKey::root(&b"regf"[..]).is_none());
    assert!(HiveKey::root(&MACHINE[..4_096]).is_none());
    assert!(HiveKey::root(&EXPORT.as_bytes()[..8_192]).is_none());
}

#[test]
fn a_hive_that_was_not_written_to_its_end_says_so() {
    assert!(HiveKey::root(USER).unwrap().is_settled());
    let mut dirty = USER.to_vec();
    dirty[4] ^= 1;
    assert!(!HiveKey::root(dirty.as_slice()).unwrap().is_settled());
}

#[test]
fn a_cut_hive_tells_what_it_has_and_that_it_is_damaged() {
    let cut = &MACHINE[..MACHINE.len() / 2];
    let root = HiveKey::root(cut).unwrap();
    match root.open(UNINSTALL) {
        Ok(Some(key)) => {
            let found = entries(&key);
            assert!(!found.faults.is_empty());
            assert!(!found.all.is_empty(), "what is there is told");
        }
        Ok(None) => panic!("a damaged key is not an absent one"),
        Err(why) => assert_eq!(why, Fault::Damaged),
    }
}

fn walk<K: Key>(key: &K, depth: usize, budget: &mut usize) {
    key.values().ok();
    key.each(&mut |_, below| {
        if let (Ok(below), true) = (below, depth < 12 && *budget > 0) {
            *budget -= 1;
            walk(&below, depth + 1, budget);
        }
    })
    .ok();
}

proptest::proptest! {
    #[test]
    fn no_damage_makes_a_walk_fail(at in 0usize..12_288, byte in 0u8.., cut in 4_200usize..12_288) {
        let mut hive = USER.to_vec();
        hive[at] = byte;
        if let Some(root) = HiveKey::root(hive.as_slice()) {
            walk(&root, 0, &mut 400);
        }
        if let Some(root) = HiveKey::root(&hive[..cut]) {
            walk(&root, 0, &mut 400);
        }
    }

    #[test]
    fn no_value_makes_it_fail(kind in 0u32..14, bytes in proptest::collection::vec(0u8.., 0..64)) {
        let value = Value::new(kind, bytes);
        let _all = (value.text(), value.number(), value.texts());
    }
}
