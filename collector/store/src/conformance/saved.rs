//! Views that people keep: each their own, bounded, and gone with the person whom they name.

use deskwarden_domain::{
    model::{Role, SavedView, person},
    port::{Saving, Store, StoreError, Subject},
};

use super::{
    Bench,
    world::{NOW, audit, user},
};

fn technician(store: &dyn Store, name: &str) -> i64 {
    user(store, name, &[Role::Technician])
}

fn view(list: &str, title: &str, text: &str) -> SavedView {
    SavedView {
        id: 0,
        list: list.into(),
        title: title.into(),
        filter: vec![("state".into(), "open".into()), ("text".into(), text.into())],
    }
}

pub fn a_view_belongs_to_whoever_saved_it(bench: &dyn Bench) {
    let store = bench.open();
    let (wang, li) = (
        technician(store.as_ref(), "wang"),
        technician(store.as_ref(), "li"),
    );
    let mine = view("findings", "聊天 <新>", "a=b&c \"d\"");
    assert_eq!(store.save_view(wang, &mine, 5).unwrap(), Saving::Saved);
    let kept = bench.open().saved_views(wang, "findings").unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(
        kept[0],
        SavedView {
            id: kept[0].id,
            ..mine.clone()
        }
    );
    assert!(store.saved_views(li, "findings").unwrap().is_empty());
    assert!(store.saved_views(wang, "assets").unwrap().is_empty());
    assert!(!store.forget_view(li, kept[0].id).unwrap(), "it is not li's");
    assert!(store.forget_view(wang, kept[0].id).unwrap());
    assert!(!store.forget_view(wang, kept[0].id).unwrap());
    assert!(store.saved_views(wang, "findings").unwrap().is_empty());
    assert!(matches!(
        store.save_view(99, &mine, 5),
        Err(StoreError::NotFound(_))
    ));
}

pub fn a_name_is_taken_once_and_views_are_bounded(bench: &dyn Bench) {
    let store = bench.open();
    let (wang, li) = (
        technician(store.as_ref(), "wang"),
        technician(store.as_ref(), "li"),
    );
    let save = |user, view| store.save_view(user, &view, 2).unwrap();
    assert_eq!(save(wang, view("findings", "b", "1")), Saving::Saved);
    assert_eq!(save(wang, view("findings", "b", "2")), Saving::Taken);
    assert_eq!(save(li, view("findings", "b", "2")), Saving::Saved);
    assert_eq!(save(wang, view("assets", "b", "2")), Saving::Saved);
    assert_eq!(save(wang, view("findings", "a", "3")), Saving::Saved);
    assert_eq!(save(wang, view("findings", "c", "4")), Saving::Full);
    let kept = store.saved_views(wang, "findings").unwrap();
    let titles: Vec<&str> = kept.iter().map(|view| view.title.as_str()).collect();
    assert_eq!(titles, ["a", "b"]);
}

pub fn views_that_name_a_person_go_with_them(bench: &dyn Bench) {
    let store = bench.open();
    let wang = technician(store.as_ref(), "wang");
    for named in [view("findings", "one", "张三"), view("findings", "two", "李四")] {
        store.save_view(wang, &named, 5).unwrap();
    }
    let subject = |name: &str| Subject {
        name: name.into(),
        accounts: Vec::new(),
    };
    assert_eq!(store.subject(&subject("张三")).unwrap()["saved_views"].len(), 1);
    let entry = deskwarden_domain::model::AuditEntry {
        object: format!("subject:{}", person("张三")),
        ..audit("subject.delete")
    };
    let erased = store.erase(&subject("张三"), &entry).unwrap();
    assert_eq!(erased["saved_views"], 1);
    assert_eq!(store.saved_views(wang, "findings").unwrap()[0].title, "two");
    // An account that is erased takes its views along.
    store
        .set_disabled(wang, Some(NOW), &audit("user.disable"))
        .unwrap();
    assert_eq!(store.erase(&subject("wang"), &entry).unwrap()["users"], 1);
}
