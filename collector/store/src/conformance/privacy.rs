//! What belongs to a person: found, handed out whole, erased without breaking what is left.

use std::collections::BTreeSet;

use deskwarden_domain::{
    model::{Asset, AuditEntry, Device, Role, person},
    port::{Op, Store, StoreError, Subject},
};
use deskwarden_proto::{decode::ItemId, digest, v1::Section};

use super::{
    Bench,
    world::{NOW, apply, audit, enrolled, everything, evidence, id, put, put_op, user},
};

const SID: &str = "S-1-5-21-1-2-3-1001";

fn owned(principal: &str, section: Section, key: &str) -> ItemId {
    ItemId {
        principal: principal.into(),
        ..id(section, "users", key)
    }
}

fn sum(device: &Device, section: Section, ids: &[(ItemId, &[u8])]) -> Op {
    let digest = ids
        .iter()
        .map(|(id, facet)| put(id.clone(), facet).digest)
        .fold(0u128, u128::wrapping_add);
    Op::Sum {
        device: device.id,
        section,
        digest,
        count: ids.len() as u64,
    }
}

/// Two devices; on each the person has items beside those of the machine, with sums.
fn person_with_data(store: &dyn Store) -> [Device; 2] {
    let devices = [1, 2].map(|n| enrolled(store, n));
    for device in &devices {
        let account = owned(SID, Section::Account, "zhang");
        let game = owned(SID, Section::Software, "game");
        let own = id(Section::Software, "dpkg", "office");
        let shown = Op::PutEvidence(evidence(device, "pc.game", "game", Some(game.clone())));
        apply(
            store,
            vec![
                put_op(device, account.clone(), b"zhang", NOW),
                put_op(device, game.clone(), b"game", NOW),
                put_op(device, own.clone(), b"office", NOW),
                sum(device, Section::Account, &[(account, b"zhang")]),
                sum(device, Section::Software, &[(game, b"game"), (own, b"office")]),
                shown,
            ],
        );
    }
    let asset = store.asset(devices[0].asset).unwrap().unwrap().0.asset;
    let asset = Asset {
        custodian: Some("张三".into()),
        ..asset
    };
    store
        .put_asset(&asset, false, &said("asset.put", "张三"))
        .unwrap();
    devices
}

fn said(action: &str, who: &str) -> AuditEntry {
    AuditEntry {
        object: format!("subject:{}", person(who)),
        detail: person("format=csv&text=%E5%BC%A0%E4%B8%89"),
        ..audit(action)
    }
}

fn zhang(store: &dyn Store) -> Subject {
    let accounts = store
        .accounts(&[Section::Account], &|facet| facet == b"zhang", "")
        .unwrap();
    Subject {
        name: "张三".into(),
        accounts,
    }
}

pub fn accounts_are_found_by_what_they_are_and_by_sid(bench: &dyn Bench) {
    let store = bench.open();
    let devices = person_with_data(store.as_ref());
    let expected: BTreeSet<_> = devices.iter().map(|device| (device.id, SID.to_owned())).collect();
    let found: BTreeSet<_> = zhang(store.as_ref()).accounts.into_iter().collect();
    assert_eq!(found, expected);
    let by_sid: BTreeSet<_> = store
        .accounts(&[], &|_| false, SID)
        .unwrap()
        .into_iter()
        .collect();
    assert_eq!(by_sid, expected);
    // A uid is somebody else on every PC.
    assert!(store.accounts(&[], &|_| false, "1000").unwrap().is_empty());
}

pub fn everything_of_a_person_is_handed_out(bench: &dyn Bench) {
    let store = bench.open();
    person_with_data(store.as_ref());
    let rows = store.subject(&zhang(store.as_ref())).unwrap();
    let counts: Vec<(&str, usize)> = rows.iter().map(|(kind, rows)| (*kind, rows.len())).collect();
    assert_eq!(
        counts,
        [
            ("asset_history", 1),
            ("assets", 1),
            ("audit", 1),
            ("evidence", 2),
            ("items", 4)
        ]
    );
    let facets: BTreeSet<&str> = rows["items"]
        .iter()
        .map(|row| row["facet"].as_str().unwrap())
        .collect();
    assert_eq!(
        facets,
        BTreeSet::from(["67616d65", "7a68616e67"]),
        "zhang and game"
    );
    let nobody = Subject {
        name: "李四".into(),
        accounts: Vec::new(),
    };
    assert!(store.subject(&nobody).unwrap().is_empty());
}

pub fn an_erased_person_is_gone_and_the_rest_is_whole(bench: &dyn Bench) {
    let store = bench.open();
    let devices = person_with_data(store.as_ref());
    let subject = zhang(store.as_ref());
    let erased = store.erase(&subject, &said("subject.delete", "张三")).unwrap();
    assert_eq!(erased["items"], 4);
    let again = bench.open();
    assert!(
        again
            .subject(&subject)
            .unwrap()
            .keys()
            .all(|kind| *kind == "withheld")
    );
    for device in &devices {
        let state = everything(again.as_ref(), device);
        assert_eq!(state.items.len(), 1);
        let left = put(id(Section::Software, "dpkg", "office"), b"office");
        let sums: Vec<(Section, u128)> = state.sums.iter().map(|(s, digest, _)| (*s, *digest)).collect();
        assert!(
            sums.contains(&(Section::Software, left.digest)),
            "the sum is that of what is left"
        );
        assert_eq!(digest::facet(&left.facet), left.facet_hash);
    }
    let withheld = again.withheld().unwrap();
    assert_eq!(withheld.len(), 2);
    assert!(withheld.iter().all(|(_, names)| names == &[SID]));
    assert!(again.verify_audit().unwrap().is_ok(), "the chain holds");
    let log = format!("{:?}", again.audit_records(1, 50).unwrap());
    assert!(!log.contains("张三") && !log.contains("E5%BC%A0"), "{log}");
    assert!(log.contains("subject.delete"));
}

pub fn whoever_may_sign_in_is_not_erased(bench: &dyn Bench) {
    let store = bench.open();
    let wang = user(store.as_ref(), "wang", &[Role::Technician]);
    let subject = Subject {
        name: "wang".into(),
        accounts: Vec::new(),
    };
    let refused = store.erase(&subject, &said("subject.delete", "wang"));
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    store
        .set_disabled(wang, Some(NOW), &audit("user.disable"))
        .unwrap();
    let erased = store.erase(&subject, &said("subject.delete", "wang")).unwrap();
    assert_eq!(erased["users"], 1);
    assert!(store.user_by_name("wang").unwrap().is_none());
}
