//! The register as files and forms edit it, and the books beside it.

use std::collections::BTreeMap;

use deskwarden_domain::{
    model::{Asset, AssetClass, AssetId, AssetState, AuditEntry, ClaimKind, Device, Sight},
    port::{EnrolOutcome, Op, Paging, Store, StoreError, Subject, Value},
    register::{AssetEdit, Book, Row},
};

use super::{
    Bench,
    world::{NOW, apply, audit, enrolled, everything, new_device, token},
};

fn edit(asset: Asset, make: bool, serials: &[&str]) -> AssetEdit {
    AssetEdit {
        asset,
        make,
        serials: Some(serials.iter().map(|serial| (*serial).to_owned()).collect()),
    }
}

fn numbered(number: &str) -> Asset {
    Asset {
        number: Some(number.into()),
        ..Asset::named(number)
    }
}

fn row(book: Book, asset: Option<AssetId>, cells: &[(&str, &str)]) -> Row {
    let cells: BTreeMap<String, String> = cells
        .iter()
        .map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned()))
        .collect();
    Row {
        key: Row::key_of(book, &cells),
        asset,
        cells,
        at: 0,
        by: String::new(),
    }
}

fn put(store: &dyn Store, book: Book, row: Row) {
    store
        .edit_book(book, &[row], &[], &audit("register.edit"))
        .unwrap();
}

/// Says that everything was judged.
fn judged(store: &dyn Store, devices: &[&Device]) {
    let generation = store.context_generation().unwrap();
    let ops = devices.iter().map(|device| Op::Judged {
        asset: device.asset,
        generation,
        wake_at: None,
    });
    apply(store, ops.collect());
    assert!(store.due(i64::MAX, 10).unwrap().is_empty());
}

fn changed(store: &dyn Store, device: &Device, change: impl FnOnce(&mut Asset)) {
    let mut asset = everything(store, device).asset;
    change(&mut asset);
    store.put_asset(&asset, false, &audit("asset.put")).unwrap();
}

pub fn the_register_and_its_books_are_read_page_by_page(bench: &dyn Bench) {
    let store = bench.open();
    let edits = ["PC-2", "PC-10", "PC-1"].map(|number| edit(numbered(number), true, &[]));
    store.edit_assets(&edits, &audit("register.assets")).unwrap();
    let nameless = edit(Asset::named("found"), true, &[]);
    store.edit_assets(&[nameless], &audit("register.assets")).unwrap();
    for serial in ["U-3", "U-1", "U-2"] {
        put(
            &*store,
            Book::Media,
            row(Book::Media, None, &[("serial", serial)]),
        );
    }
    put(
        &*store,
        Book::People,
        row(Book::People, None, &[("name", "李四")]),
    );

    let store = bench.open();
    let page = |offset| Paging { offset, limit: 2 };
    let numbers = |offset| {
        let page = store.registered(None, page(offset)).unwrap();
        assert_eq!(page.total, 3, "what has no number is not registered");
        page.rows
            .into_iter()
            .map(|asset| asset.number.unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (numbers(0), numbers(2)),
        (vec!["PC-1".into(), "PC-10".into()], vec!["PC-2".into()])
    );
    let one = store.registered(Some("PC-10"), page(0)).unwrap();
    assert_eq!((one.rows[0].name.as_str(), one.total), ("PC-10", 1));
    assert!(store.registered(Some("PC"), page(0)).unwrap().rows.is_empty());

    let keys = |offset| {
        let page = store.book_page(Book::Media, page(offset)).unwrap();
        assert_eq!(page.total, 3);
        page.rows.into_iter().map(|row| row.key).collect::<Vec<_>>()
    };
    let all: Vec<String> = store
        .book(Book::Media)
        .unwrap()
        .into_iter()
        .map(|row| row.key)
        .collect();
    assert_eq!((keys(0), keys(2)), (all[..2].to_vec(), all[2..].to_vec()));
    let found = store.book_row(Book::Media, &all[1]).unwrap().unwrap();
    assert_eq!(found.key, all[1]);
    assert_eq!(
        store.book_row(Book::People, &all[1]).unwrap(),
        None,
        "a key is of its book"
    );
}

pub fn what_is_edited_of_an_asset_is_its_history(bench: &dyn Bench) {
    let store = bench.open();
    let later = |at| AuditEntry {
        at,
        ..audit("register.assets")
    };
    let new = edit(numbered("PC-1"), true, &["pf2abc01"]);
    let id = store.edit_assets(&[new], &later(NOW)).unwrap()[0];
    let mut asset = store.asset(id).unwrap().unwrap().0.asset;
    assert_eq!((asset.state_since, asset.custodian_since), (NOW, NOW));
    asset.state = AssetState::Idle;
    asset.class = AssetClass::Outsourced;
    asset.provider = Some("甲公司".into());
    let kept = AssetEdit {
        serials: None,
        ..edit(asset, false, &[])
    };
    store.edit_assets(&[kept], &later(NOW + 5)).unwrap();
    let found = bench.open().asset(id).unwrap().unwrap().0.asset;
    assert_eq!((found.state_since, found.custodian_since), (NOW + 5, NOW));
    assert_eq!(
        (found.class, found.provider.as_deref()),
        (AssetClass::Outsourced, Some("甲公司"))
    );
    assert_eq!(store.asset_serials(id).unwrap(), ["pf2abc01"]);
    let steps = store.asset_history(id, 100).unwrap();
    let newest: Vec<(&str, &str, &str)> = steps
        .iter()
        .filter(|step| step.at == NOW + 5)
        .map(|step| (step.field.as_str(), step.was.as_str(), step.becomes.as_str()))
        .collect();
    assert_eq!(newest.len(), 3);
    assert!(newest.contains(&("state", "in_use", "idle")));
    assert!(
        steps
            .iter()
            .any(|step| step.field == "serials" && step.becomes == "pf2abc01")
    );
    assert!(steps.iter().all(|step| step.actor == "tester"));
}

pub fn a_file_of_assets_is_written_whole_or_not_at_all(bench: &dyn Bench) {
    let store = bench.open();
    let twice = [
        edit(numbered("PC-1"), true, &[]),
        edit(numbered("PC-1"), true, &[]),
    ];
    let refused = store.edit_assets(&twice, &audit("register.assets"));
    assert!(matches!(refused, Err(StoreError::Conflict(why)) if why.contains("PC-1")));
    assert_eq!(store.overview(0, &Sight::Everything).unwrap().assets, 0);
    let unknown = edit(
        Asset {
            id: AssetId(99),
            ..numbered("PC-9")
        },
        false,
        &[],
    );
    let refused = store.edit_assets(&[edit(numbered("PC-2"), true, &[]), unknown], &audit("x"));
    assert!(matches!(refused, Err(StoreError::NotFound(_))));
    assert_eq!(store.overview(0, &Sight::Everything).unwrap().assets, 0);
}

pub fn rows_are_put_replaced_and_removed(bench: &dyn Bench) {
    let store = bench.open();
    put(
        store.as_ref(),
        Book::Media,
        row(Book::Media, None, &[("serial", "4c53"), ("owner", "王芳")]),
    );
    put(
        store.as_ref(),
        Book::People,
        row(Book::People, None, &[("name", "4c53")]),
    );
    let again = AuditEntry {
        at: NOW + 9,
        actor: "wang".into(),
        ..audit("register.media")
    };
    let other = row(
        Book::Media,
        None,
        &[("serial", "4c53"), ("owner", "李伟\u{0}\"'")],
    );
    store.edit_book(Book::Media, &[other], &[], &again).unwrap();
    let rows = bench.open().book(Book::Media).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].at, rows[0].by.as_str()), (NOW, "wang"));
    assert_eq!(rows[0].text("owner"), "李伟\u{0}\"'");
    store
        .edit_book(
            Book::Media,
            &[],
            &["4c53".into()],
            &audit("register.media.remove"),
        )
        .unwrap();
    assert!(store.book(Book::Media).unwrap().is_empty());
    assert_eq!(store.book(Book::People).unwrap().len(), 1);
    let refused = store.edit_book(Book::Assets, &[], &[], &audit("x"));
    assert!(matches!(refused, Err(StoreError::Conflict(_))));
}

pub fn a_row_of_an_unknown_asset_leaves_nothing(bench: &dyn Bench) {
    let store = bench.open();
    let good = row(Book::Orders, None, &[("number", "WO-1")]);
    let bad = row(Book::Orders, Some(AssetId(99)), &[("number", "WO-2")]);
    let refused = store.edit_book(Book::Orders, &[good, bad], &[], &audit("x"));
    assert!(matches!(refused, Err(StoreError::NotFound(_))));
    assert!(store.book(Book::Orders).unwrap().is_empty());
}

pub fn papers_are_loaded_with_their_asset(bench: &dyn Bench) {
    let store = bench.open();
    let (one, two) = (enrolled(store.as_ref(), 1), enrolled(store.as_ref(), 2));
    changed(store.as_ref(), &one, |asset| {
        asset.custodian = Some("王芳".into());
        asset.provider = Some("甲公司".into());
    });
    let order = [
        ("number", "WO-1"),
        ("from", "1000"),
        ("to", "9000"),
        ("work", "x"),
    ];
    put(
        store.as_ref(),
        Book::Orders,
        row(Book::Orders, Some(one.asset), &order),
    );
    let transfer = [("number", "T-1"), ("date", "1000")];
    put(
        store.as_ref(),
        Book::Transfers,
        row(Book::Transfers, Some(one.asset), &transfer),
    );
    let person = [("name", "王芳"), ("accounts", "wangfang, wf")];
    put(store.as_ref(), Book::People, row(Book::People, None, &person));
    // A provider of the custodian's name is not the custodian.
    put(
        store.as_ref(),
        Book::Providers,
        row(Book::Providers, None, &[("name", "王芳")]),
    );
    let provider = [
        ("name", "甲公司"),
        ("responsible", "赵强"),
        ("subnets", "10.1.0.0/16"),
    ];
    put(
        store.as_ref(),
        Book::Providers,
        row(Book::Providers, None, &provider),
    );
    let visit = [
        ("number", "V-1"),
        ("provider", "甲公司"),
        ("from", "1"),
        ("to", "2"),
    ];
    put(store.as_ref(), Book::Visits, row(Book::Visits, None, &visit));
    let own = [
        ("number", "V-2"),
        ("provider", "甲公司"),
        ("from", "3"),
        ("to", "4"),
    ];
    put(
        store.as_ref(),
        Book::Visits,
        row(Book::Visits, Some(two.asset), &own),
    );
    let papers = everything(bench.open().as_ref(), &one).papers;
    assert_eq!(papers.person.unwrap().accounts, ["wangfang", "wf"]);
    assert_eq!(papers.provider.unwrap().responsible, "赵强");
    assert_eq!((papers.transfers.len(), papers.orders.len()), (1, 1));
    assert_eq!(
        papers.orders[0].from, NOW,
        "an order authorises nothing before it was written"
    );
    assert_eq!(
        papers
            .visits
            .iter()
            .map(|visit| visit.number.as_str())
            .collect::<Vec<_>>(),
        ["V-1"]
    );
    let other = everything(store.as_ref(), &two).papers;
    assert_eq!(
        other
            .visits
            .iter()
            .map(|visit| visit.number.as_str())
            .collect::<Vec<_>>(),
        ["V-2"]
    );
    assert!(other.person.is_none() && other.orders.is_empty());
}

pub fn a_provider_that_is_named_stays(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let device = enrolled(store, 1);
    let remove = || store.edit_book(Book::Providers, &[], &["甲公司".into()], &audit("x"));
    put(
        store,
        Book::Providers,
        row(Book::Providers, None, &[("name", "甲公司")]),
    );
    let refused = |by: &str| match remove() {
        Err(StoreError::Conflict(why)) => assert!(why.contains("甲公司") && why.contains(by), "{why}"),
        other => panic!("{other:?}"),
    };
    changed(store, &device, |asset| asset.provider = Some("甲公司".into()));
    refused("pc-0001");
    assert!(store.book_row(Book::Providers, "甲公司").unwrap().is_some());
    changed(store, &device, |asset| asset.provider = None);
    let visit = row(Book::Visits, None, &[("number", "V-1"), ("provider", "甲公司")]);
    put(store, Book::Visits, visit);
    refused("V-1");
    store
        .edit_book(Book::Visits, &[], &["V-1".into()], &audit("x"))
        .unwrap();
    remove().unwrap();
    assert!(store.book_row(Book::Providers, "甲公司").unwrap().is_none());
}

pub fn an_edited_row_makes_due_exactly_what_it_touches(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let (one, two) = (enrolled(store, 1), enrolled(store, 2));
    changed(store, &one, |asset| {
        asset.custodian = Some("王芳".into());
        asset.provider = Some("甲公司".into());
    });
    let generation = store.context_generation().unwrap();
    let cases = [
        (
            Book::Orders,
            row(Book::Orders, Some(one.asset), &[("number", "WO-1")]),
        ),
        (
            Book::Transfers,
            row(Book::Transfers, Some(one.asset), &[("number", "T-1")]),
        ),
        (Book::People, row(Book::People, None, &[("name", "王芳")])),
        (Book::Providers, row(Book::Providers, None, &[("name", "甲公司")])),
        (
            Book::Visits,
            row(Book::Visits, None, &[("number", "V-1"), ("provider", "甲公司")]),
        ),
    ];
    for (book, row) in cases {
        judged(store, &[&one, &two]);
        put(store, book, row.clone());
        assert_eq!(store.due(NOW, 10).unwrap(), [one.id], "{book:?}");
        // A provider stays while an asset names it.
        if book != Book::Providers {
            judged(store, &[&one, &two]);
            store.edit_book(book, &[], &[row.key], &audit("x")).unwrap();
            assert_eq!(store.due(NOW, 10).unwrap(), [one.id], "{book:?} removed");
        }
    }
    judged(store, &[&one, &two]);
    let moved = row(Book::Orders, Some(one.asset), &[("number", "WO-2")]);
    put(store, Book::Orders, moved.clone());
    judged(store, &[&one, &two]);
    put(
        store,
        Book::Orders,
        Row {
            asset: Some(two.asset),
            ..moved
        },
    );
    assert_eq!(store.due(NOW, 10).unwrap().len(), 2, "who had it and who has it");
    assert_eq!(store.context_generation().unwrap(), generation);
}

pub fn media_and_licences_are_looked_at_over_all_pcs(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let device = enrolled(store, 1);
    let generation = store.context_generation().unwrap();
    let medium = row(Book::Media, None, &[("serial", "4c53")]);
    put(store, Book::Media, medium);
    let licence = |seats: &str, pattern: &str| {
        let cells = [("title", "AutoCAD"), ("pattern", pattern), ("seats", seats)];
        row(Book::Licences, None, &cells)
    };
    put(store, Book::Licences, licence("1", "autocad*"));
    assert_eq!(store.context_generation().unwrap(), generation + 1);
    put(store, Book::Licences, licence("2", "autocad*"));
    assert_eq!(
        store.context_generation().unwrap(),
        generation + 1,
        "more seats concern no PC"
    );
    let values: Vec<Value> = store
        .touched(NOW, 10)
        .unwrap()
        .into_iter()
        .map(|one| one.value)
        .collect();
    let value = |kind, value: &str| Value {
        kind,
        value: value.into(),
    };
    assert!(values.contains(&value(ClaimKind::Media, "4c53")));
    assert!(values.contains(&value(ClaimKind::Licence, "AutoCAD")));
    let evidence = super::world::evidence(&device, "pc.licence", "licence:AutoCAD", None);
    apply(store, vec![Op::PutEvidence(evidence)]);
    let picture = store.picture(&values, NOW).unwrap();
    assert!(picture.media.contains("4c53"));
    assert_eq!(
        (picture.licences[0].count, picture.licences[0].licence.seats),
        (1, 2)
    );
    assert_eq!(picture.licences[0].by, ["pc-0001"]);
    store
        .edit_book(Book::Licences, &[], &["AutoCAD".into()], &audit("x"))
        .unwrap();
    assert!(store.picture(&values, NOW).unwrap().licences.is_empty());
    assert_eq!(store.context_generation().unwrap(), generation + 2);
}

pub fn a_pc_that_is_expected_by_its_serial_is_proposed(bench: &dyn Bench) {
    let store = bench.open();
    let expected = edit(numbered("PC-7"), true, &["sys-0077"]);
    let asset = store.edit_assets(&[expected], &audit("register.assets")).unwrap()[0];
    store.create_token(&token(1, 5), &audit("token.create")).unwrap();
    let mut new = new_device(7, 1);
    new.hints.system_serial = "SYS-0077".into();
    let EnrolOutcome::Enrolled(device) = store.enrol(&new).unwrap() else {
        panic!("it was not enrolled");
    };
    let proposals = store.proposals(Some(device.id), 10).unwrap();
    assert_eq!(proposals.len(), 1);
    assert_eq!(
        (proposals[0].asset.id, proposals[0].current.is_none()),
        (asset, true)
    );
    assert_eq!(proposals[0].matched[0].1, "sys-0077");
    let stranger = enrolled(store.as_ref(), 8);
    assert!(store.proposals(Some(stranger.id), 10).unwrap().is_empty());
}

pub fn what_tells_departments_is_gathered(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let facts = store.department_facts(10).unwrap();
    assert_eq!(facts.len(), 1);
    assert_eq!(
        (facts[0].asset, facts[0].name.as_str()),
        (device.asset, "pc-0001")
    );
    assert_eq!(facts[0].candidate.token, "信息管理部");
    assert_eq!(facts[0].candidate.hostname, "pc-0001");
    assert!(store.department_facts(0).unwrap().is_empty());
}

pub fn a_person_is_handed_out_and_forgotten_in_every_book(bench: &dyn Bench) {
    let store = bench.open();
    let name = "王\"芳";
    put(
        store.as_ref(),
        Book::People,
        row(Book::People, None, &[("name", name)]),
    );
    let medium = [("serial", "4c53"), ("owner", name), ("note", "王芳 2")];
    put(store.as_ref(), Book::Media, row(Book::Media, None, &medium));
    let subject = Subject {
        name: name.into(),
        accounts: Vec::new(),
    };
    assert_eq!(store.subject(&subject).unwrap()["book_rows"].len(), 2);
    store.erase(&subject, &audit("subject.erase")).unwrap();
    assert!(store.book(Book::People).unwrap().is_empty());
    let media = store.book(Book::Media).unwrap();
    assert_eq!((media[0].text("owner"), media[0].text("note")), ("—", "王芳 2"));
    assert!(!store.subject(&subject).unwrap().contains_key("book_rows"));
}
