//! Rule versions and settings.

use deskwarden_domain::port::{RuleVersion, RuleVersionState, StoreError, StoreResult};

use super::{
    Bench,
    world::{NOW, audit},
};

fn version(file: &str, content: &str, state: RuleVersionState) -> RuleVersion {
    RuleVersion {
        id: 0,
        file: file.into(),
        content: content.into(),
        hash: *blake3::hash(content.as_bytes()).as_bytes(),
        origin: "rules.d".into(),
        imported_at: NOW,
        state,
        faults: if state == RuleVersionState::Refused {
            "line 3: what?".into()
        } else {
            String::new()
        },
        removed: false,
    }
}

pub fn the_newest_accepted_version_is_in_force(bench: &dyn Bench) {
    let store = bench.open();
    let add = |version: &RuleVersion| store.add_rule_version(version, &audit("rules.import")).unwrap();
    add(&version("pc.toml", "1", RuleVersionState::Accepted));
    let second = add(&version("pc.toml", "2", RuleVersionState::Accepted));
    add(&version("pc.toml", "faulty", RuleVersionState::Refused));
    let other = add(&version("a.toml", "x", RuleVersionState::Accepted));
    let in_force = || -> Vec<(i64, String)> {
        bench
            .open()
            .rules_in_force()
            .unwrap()
            .into_iter()
            .map(|v| (v.id, v.content))
            .collect()
    };
    assert_eq!(in_force(), [(other, "x".to_owned()), (second, "2".to_owned())]);
    let mut removed = version("a.toml", "", RuleVersionState::Accepted);
    removed.removed = true;
    add(&removed);
    assert_eq!(in_force(), [(second, "2".to_owned())]);
    let back = add(&version("a.toml", "x", RuleVersionState::Accepted));
    assert_eq!(in_force(), [(back, "x".to_owned()), (second, "2".to_owned())]);
}

pub fn only_accepted_versions_raise_the_generation(bench: &dyn Bench) {
    let store = bench.open();
    let first = store.context_generation().unwrap();
    store
        .add_rule_version(
            &version("pc.toml", "bad", RuleVersionState::Refused),
            &audit("rules.import"),
        )
        .unwrap();
    assert_eq!(store.context_generation().unwrap(), first);
    store
        .add_rule_version(
            &version("pc.toml", "good", RuleVersionState::Accepted),
            &audit("rules.import"),
        )
        .unwrap();
    assert_eq!(bench.open().context_generation().unwrap(), first + 1);
    assert_eq!(store.verify_audit().unwrap(), Ok(2));
}

pub fn a_text_is_known_once_it_was_imported(bench: &dyn Bench) {
    let store = bench.open();
    let edited = version("pc.toml", "2", RuleVersionState::Refused);
    store.add_rule_version(&edited, &audit("rules.import")).unwrap();
    assert!(store.rule_version_known("pc.toml", &edited.hash).unwrap());
    assert!(!store.rule_version_known("other.toml", &edited.hash).unwrap());
    assert!(!store.rule_version_known("pc.toml", &[0; 32]).unwrap());
}

pub fn versions_are_listed_newest_first(bench: &dyn Bench) {
    let store = bench.open();
    let mut refused = version("pc.toml", "1", RuleVersionState::Refused);
    refused.id = store.add_rule_version(&refused, &audit("rules.import")).unwrap();
    let second = store
        .add_rule_version(&version("pc.toml", "2", RuleVersionState::Accepted), &audit("x"))
        .unwrap();
    let listed = store.rule_versions(10).unwrap();
    assert_eq!(
        listed.iter().map(|v| v.id).collect::<Vec<_>>(),
        [second, refused.id]
    );
    assert_eq!(listed[1], refused);
    assert_eq!(store.rule_versions(1).unwrap().len(), 1);
}

pub fn of_two_who_replace_a_version_one_does(bench: &dyn Bench) {
    let mut first = 0;
    for round in 0..10 {
        let saved: Vec<StoreResult<i64>> = std::thread::scope(|scope| {
            let savers: Vec<_> = (0..4)
                .map(|saver| {
                    scope.spawn(move || {
                        let text =
                            version("pc.toml", &format!("{round} {saver}"), RuleVersionState::Accepted);
                        bench
                            .open()
                            .replace_rule_version(&text, first, &audit("rules.edit"))
                    })
                })
                .collect();
            savers.into_iter().map(|saver| saver.join().unwrap()).collect()
        });
        let stored: Vec<i64> = saved
            .iter()
            .filter_map(|saved| saved.as_ref().ok().copied())
            .collect();
        assert_eq!(stored.len(), 1, "{saved:?}");
        let stale = saved
            .iter()
            .filter(|saved| matches!(saved, Err(StoreError::Stale)));
        assert_eq!(stale.count(), 3, "{saved:?}");
        first = stored[0];
    }
    let store = bench.open();
    assert_eq!(store.rule_versions(100).unwrap().len(), 10);
    assert_eq!(store.verify_audit().unwrap(), Ok(10));
    // A file that was taken out of force is as one that never was.
    let mut removed = version("pc.toml", "", RuleVersionState::Accepted);
    removed.removed = true;
    store
        .replace_rule_version(&removed, first, &audit("rules.remove"))
        .unwrap();
    let again = version("pc.toml", "again", RuleVersionState::Accepted);
    assert!(matches!(
        store.replace_rule_version(&again, first, &audit("rules.edit")),
        Err(StoreError::Stale)
    ));
    store
        .replace_rule_version(&again, 0, &audit("rules.edit"))
        .unwrap();
}

pub fn a_setting_is_replaced_and_raises_the_generation(bench: &dyn Bench) {
    let store = bench.open();
    assert_eq!(store.setting("observe").unwrap(), None);
    let first = store.context_generation().unwrap();
    store
        .put_setting("observe", "true", &audit("setting.put"))
        .unwrap();
    store
        .put_setting("observe", "false", &audit("setting.put"))
        .unwrap();
    let store = bench.open();
    assert_eq!(store.setting("observe").unwrap().as_deref(), Some("false"));
    assert_eq!(store.context_generation().unwrap(), first + 2);
}
