//! What becomes a version and what does not, over a real store.

use super::*;
use crate::rules_dir::load_context;

const BASE: &str = r#"
[[regulation]]
id = "PC"
title = { zh = "制度", en = "Rules" }
version = "1"
[[regulation.clause]]
number = "1"
wording = { zh = "条款", en = "Clause" }
checkable = "rules"
why = { zh = "可查", en = "Can be checked" }
"#;

fn rule(id: &str, name: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\nclause = \"PC 1\"\nseverity = \"high\"\ntitle = {{ zh = \"题\", en = \"T\" }}\n\
         message = {{ zh = \"文\", en = \"M\" }}\nremedy = {{ zh = \"改\", en = \"R\" }}\nkind = \"item\"\n\
         sections = [\"software\"]\nneeds = [\"software\"]\nselect = {{ name = [\"{name}\"] }}\n"
    )
}

struct Office {
    _home: tempfile::TempDir,
    folder: PathBuf,
    data: PathBuf,
    store: Arc<dyn Store>,
}

impl Office {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (folder, data) = (home.path().join("rules.d"), home.path().to_owned());
        fs::create_dir(&folder).unwrap();
        let store = deskwarden_store::open(&format!("sqlite:{}", data.join("test.db").display())).unwrap();
        Self {
            _home: home,
            folder,
            data,
            store,
        }
    }

    fn importer(&self, built_in: &'static [BuiltIn]) -> Importer {
        Importer::new(Arc::clone(&self.store), self.folder.clone(), &self.data).with_built_in(built_in)
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.join(file), text).unwrap();
    }

    fn rules(&self) -> Vec<String> {
        let context = load_context(self.store.as_ref()).unwrap();
        context.rules.rules().iter().map(|rule| rule.id.clone()).collect()
    }

    fn versions(&self) -> usize {
        self.store.rule_versions(100).unwrap().len()
    }

    /// What the editor of the dashboard does.
    fn edit(&self, file: &str, text: &str) {
        let audit = AuditEntry {
            at: 1,
            actor: "li".into(),
            action: "rules.edit".into(),
            object: file.into(),
            detail: String::new(),
        };
        let version = RuleVersion {
            id: 0,
            file: file.to_owned(),
            content: text.to_owned(),
            hash: *blake3::hash(text.as_bytes()).as_bytes(),
            origin: "li".to_owned(),
            imported_at: 1,
            state: RuleVersionState::Accepted,
            faults: String::new(),
            removed: false,
        };
        self.store.add_rule_version(&version, &audit).unwrap();
    }
}

fn built_in(texts: &[(&'static str, String)]) -> &'static [BuiltIn] {
    let files = texts.iter().map(|(name, text)| BuiltIn {
        name,
        content: text.clone().leak(),
    });
    files.collect::<Vec<_>>().leak()
}

fn first_release() -> &'static [BuiltIn] {
    built_in(&[("base.toml", BASE.to_owned()), ("pc.toml", rule("pc.a", "qq"))])
}

#[test]
fn built_in_packs_come_into_force_once() {
    let office = Office::new();
    let importer = office.importer(first_release());
    assert_eq!(
        importer.import_built_in(1).unwrap().accepted,
        ["base.toml", "pc.toml"]
    );
    assert_eq!(importer.import_built_in(2).unwrap(), Report::default());
    assert_eq!(office.rules(), ["pc.a"]);
}

#[test]
fn a_newer_release_replaces_its_own_files_but_not_edited_ones() {
    let office = Office::new();
    office.importer(first_release()).import_built_in(1).unwrap();
    let second = built_in(&[("base.toml", BASE.to_owned()), ("pc.toml", rule("pc.b", "qq"))]);
    assert_eq!(
        office.importer(second).import_built_in(2).unwrap().accepted,
        ["pc.toml"]
    );
    assert_eq!(office.rules(), ["pc.b"]);
    office.edit("pc.toml", &rule("pc.edited", "qq"));
    let third = built_in(&[("base.toml", BASE.to_owned()), ("pc.toml", rule("pc.c", "qq"))]);
    assert_eq!(
        office.importer(third).import_built_in(3).unwrap(),
        Report::default()
    );
    assert_eq!(office.rules(), ["pc.edited"]);
}

#[test]
fn a_file_of_the_folder_replaces_the_built_in_of_its_name_and_its_removal_brings_it_back() {
    let office = Office::new();
    let importer = office.importer(first_release());
    importer.import_built_in(1).unwrap();
    office.write("pc.toml", &rule("pc.own", "msn"));
    office.write("more.toml", &rule("pc.more", "skype"));
    assert_eq!(
        importer.import_folder(2).unwrap().accepted,
        ["more.toml", "pc.toml"]
    );
    assert_eq!(office.rules(), ["pc.more", "pc.own"]);
    fs::remove_file(office.folder.join("pc.toml")).unwrap();
    fs::remove_file(office.folder.join("more.toml")).unwrap();
    let report = importer.import_folder(3).unwrap();
    assert_eq!(
        (report.accepted, report.removed),
        (vec!["pc.toml".to_owned()], vec!["more.toml".to_owned()])
    );
    assert_eq!(office.rules(), ["pc.a"]);
}

#[test]
fn a_restart_does_not_override_an_edited_version() {
    let office = Office::new();
    let importer = office.importer(first_release());
    importer.import_built_in(1).unwrap();
    office.write("more.toml", &rule("pc.more", "skype"));
    importer.import_folder(2).unwrap();
    office.edit("more.toml", &rule("pc.edited", "skype"));
    assert_eq!(
        office.importer(first_release()).import_folder(3).unwrap(),
        Report::default()
    );
    assert_eq!(office.rules(), ["pc.a", "pc.edited"]);
    office.write("more.toml", &rule("pc.newer", "skype"));
    importer.import_folder(4).unwrap();
    assert_eq!(office.rules(), ["pc.a", "pc.newer"], "new content is imported");
}

#[test]
fn going_back_to_older_text_is_new_content() {
    let office = Office::new();
    let importer = office.importer(first_release());
    importer.import_built_in(1).unwrap();
    for (now, id) in [(2, "pc.x"), (3, "pc.y"), (4, "pc.x")] {
        office.write("more.toml", &rule(id, "skype"));
        importer.import_folder(now).unwrap();
        assert_eq!(office.rules(), ["pc.a", id]);
    }
}

#[test]
fn a_faulty_file_is_kept_with_its_faults_and_the_old_rules_stay() {
    let office = Office::new();
    let importer = office.importer(first_release());
    importer.import_built_in(1).unwrap();
    office.write("more.toml", &rule("pc.more", "skype"));
    office.write("bad.toml", "[[rule]]\nid = 7\nclaus = \"PC 1\"\n");
    let report = importer.import_folder(2).unwrap();
    assert_eq!(report.accepted, ["more.toml"]);
    let [(file, faults)] = report.refused.as_slice() else {
        panic!("{report:?}")
    };
    assert!(
        file == "bad.toml" && faults.len() > 1 && faults.iter().all(|f| f.starts_with("bad.toml:")),
        "{faults:?}"
    );
    assert_eq!(office.rules(), ["pc.a", "pc.more"]);
    let refused = office.store.rule_versions(1).unwrap();
    assert_eq!(refused[0].state, RuleVersionState::Refused);
    let before = office.versions();
    importer.import_folder(3).unwrap();
    assert_eq!(office.versions(), before, "the same faulty text is refused once");
    office.write("bad.toml", &rule("pc.good", "qq"));
    assert_eq!(importer.import_folder(4).unwrap().accepted, ["bad.toml"]);
}

#[test]
fn a_refused_file_that_is_deleted_reminds_nobody_and_changes_nothing_that_is_in_force() {
    let office = Office::new();
    let importer = office.importer(first_release());
    importer.import_built_in(1).unwrap();
    let refused = || refused_now(&office.store.rule_versions(100).unwrap()).len();
    let other = Importer::new(
        Arc::clone(&office.store),
        office.data.join("elsewhere"),
        &office.data.join("b"),
    )
    .with_built_in(first_release());
    fs::create_dir(office.data.join("b")).unwrap();
    // One that never was in force, one beside a built-in, one beside what the editor made.
    office.edit("edited.toml", &rule("pc.edited", "qq"));
    for file in ["new.toml", "pc.toml", "edited.toml"] {
        office.write(file, "[[rule]]\nid = 7\n");
    }
    importer.import_folder(2).unwrap();
    assert_eq!(refused(), 3);
    other.import_folder(3).unwrap();
    assert_eq!(
        refused(),
        3,
        "a collector that never had them says nothing of them"
    );
    for file in ["new.toml", "pc.toml", "edited.toml"] {
        fs::remove_file(office.folder.join(file)).unwrap();
    }
    // A restart in between.
    let importer = office.importer(first_release());
    assert_eq!(importer.import_folder(4).unwrap(), Report::default());
    assert_eq!(refused(), 0);
    assert_eq!(office.rules(), ["pc.a", "pc.edited"]);
    let versions = office.versions();
    importer.import_folder(5).unwrap();
    other.import_folder(5).unwrap();
    assert_eq!(office.versions(), versions, "once");
    office.write("new.toml", "[[rule]]\nid = 7\n");
    importer.import_folder(6).unwrap();
    assert_eq!(refused(), 1, "it is back, and so is its fault");
}

#[test]
fn a_file_that_waited_for_another_is_taken_when_that_one_is_there() {
    let office = Office::new();
    let importer = office.importer(&[]);
    office.write("a.toml", &rule("pc.a", "qq"));
    assert_eq!(importer.import_folder(1).unwrap().refused.len(), 1);
    office.write("base.toml", BASE);
    let mut accepted = importer.import_folder(2).unwrap().accepted;
    accepted.sort();
    assert_eq!(accepted, ["a.toml", "base.toml"]);
}

#[test]
fn removing_what_others_need_is_refused() {
    let office = Office::new();
    let importer = office.importer(&[]);
    office.write("base.toml", BASE);
    office.write("a.toml", &rule("pc.a", "qq"));
    importer.import_folder(1).unwrap();
    fs::remove_file(office.folder.join("base.toml")).unwrap();
    let report = importer.import_folder(2).unwrap();
    assert_eq!(report.refused.len(), 1, "{report:?}");
    assert_eq!(office.rules(), ["pc.a"]);
}

#[test]
fn only_a_collector_that_had_a_file_takes_it_out_of_force() {
    let office = Office::new();
    office.write("base.toml", BASE);
    office.write("a.toml", &rule("pc.a", "qq"));
    office.importer(&[]).import_folder(1).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Importer::new(
        Arc::clone(&office.store),
        elsewhere.path().join("rules.d"),
        elsewhere.path(),
    );
    assert_eq!(
        other.with_built_in(&[]).import_folder(2).unwrap(),
        Report::default()
    );
    assert_eq!(office.rules(), ["pc.a"]);
}

#[test]
fn a_file_that_is_not_text_or_too_large_is_refused() {
    let office = Office::new();
    let importer = office.importer(&[]);
    fs::write(office.folder.join("gbk.toml"), [0xb2, 0xe2]).unwrap();
    office.write("huge.toml", &"#".repeat(usize::try_from(FILE_BYTES).unwrap() + 1));
    office.write("notes.txt", "not looked at");
    let refused = importer.import_folder(1).unwrap().refused;
    let text = format!("{refused:?}");
    assert!(
        refused.len() == 2 && text.contains("UTF-8") && text.contains("1 MiB"),
        "{text}"
    );
}

#[test]
fn what_a_release_gave_up_makes_room_for_its_successor() {
    let office = Office::new();
    office.importer(first_release()).import_built_in(1).unwrap();
    let next = built_in(&[("base.toml", BASE.to_owned()), ("chat.toml", rule("pc.a", "tim"))]);
    // Nobody said that `pc.toml` was given up: the same rule in two files is refused.
    let refused = office.importer(next).import_built_in(2).unwrap();
    assert_eq!(refused.refused.len(), 1);
    assert_eq!(office.rules(), ["pc.a"]);
    let report = office
        .importer(next)
        .with_given_up(&["pc.toml"])
        .import_built_in(3)
        .unwrap();
    assert_eq!(
        (report.accepted, report.removed),
        (vec!["chat.toml".to_owned()], vec!["pc.toml".to_owned()])
    );
    assert_eq!(office.rules(), ["pc.a"]);
    // What a person has edited stays.
    office.edit("base.toml", BASE);
    let kept = office
        .importer(next)
        .with_given_up(&["base.toml"])
        .import_built_in(4)
        .unwrap();
    assert!(kept.removed.is_empty());
}
