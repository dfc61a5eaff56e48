//! Rights, second factor, tokens of the API, and the audit log as people read it.

use deskwarden_domain::{
    model::{ApiScope, ApiToken, AuditEntry, AuditFilter, Role, Session, Sight, Vouched, Voucher, person},
    port::{Paging, Store, StoreError},
};

use super::{
    Bench,
    world::{NOW, audit, user},
};

const DAY: i64 = 86_400_000;
const FIRST: Paging = Paging { offset: 0, limit: 50 };

fn signed_in(store: &dyn Store, user_id: i64, name: u8) {
    let session = Session {
        hash: [name; 32],
        user_id,
        csrf: [name; 32],
        created_at: NOW,
        last_used_at: NOW,
        code_due: false,
    };
    store.create_session(&session, &audit("sign_in")).unwrap();
}

fn said(at: i64, actor: &str, object: &str, detail: &str) -> AuditEntry {
    AuditEntry {
        at,
        actor: actor.into(),
        action: "asset.put".into(),
        object: object.into(),
        detail: detail.into(),
    }
}

pub fn changed_rights_end_every_session(bench: &dyn Bench) {
    let store = bench.open();
    user(store.as_ref(), "admin", &[Role::Administrator]);
    let id = user(store.as_ref(), "wang", &[Role::Technician]);
    signed_in(store.as_ref(), id, 1);
    let sight = Sight::of("客服部\n工程部");
    store
        .set_rights(id, &[Role::RuleOfficer], &sight, &audit("user.rights"))
        .unwrap();
    assert!(store.session(&[1; 32], 0, 0).unwrap().is_none());
    let changed = bench.open().user(id).unwrap().unwrap();
    assert_eq!((changed.roles, changed.sight), (vec![Role::RuleOfficer], sight));
    assert_eq!((changed.created_at, changed.last_sign_in_at), (NOW, Some(NOW)));
    let unknown = store.set_rights(999, &[Role::Auditor], &Sight::Everything, &audit("user.rights"));
    assert!(matches!(unknown, Err(StoreError::NotFound(_))));
}

pub fn the_last_administrator_stays(bench: &dyn Bench) {
    let store = bench.open();
    let one = user(store.as_ref(), "one", &[Role::Administrator]);
    let all = Sight::Everything;
    let refused = store.set_rights(one, &[Role::Technician], &all, &audit("user.rights"));
    assert!(matches!(refused, Err(StoreError::Conflict(_))));
    let refused = store.set_disabled(one, Some(NOW), &audit("user.disable"));
    assert!(matches!(refused, Err(StoreError::Conflict(_))));
    let two = user(store.as_ref(), "two", &[Role::Administrator]);
    store
        .set_disabled(one, Some(NOW), &audit("user.disable"))
        .unwrap();
    assert!(
        store
            .set_disabled(two, Some(NOW), &audit("user.disable"))
            .is_err()
    );
    store.set_disabled(one, None, &audit("user.enable")).unwrap();
    store
        .set_disabled(two, Some(NOW), &audit("user.disable"))
        .unwrap();
}

pub fn of_administrators_who_switch_each_other_off_one_stays(bench: &dyn Bench) {
    let store = bench.open();
    let ids = [1, 2, 3, 4].map(|n| user(store.as_ref(), &format!("admin{n}"), &[Role::Administrator]));
    std::thread::scope(|scope| {
        for id in ids {
            scope.spawn(move || {
                let own = bench.open();
                own.set_disabled(id, Some(NOW), &audit("user.disable")).ok();
            });
        }
    });
    let left = store
        .users()
        .unwrap()
        .iter()
        .filter(|user| user.disabled_at.is_none())
        .count();
    assert_eq!(left, 1);
}

pub fn a_session_waits_for_its_code(bench: &dyn Bench) {
    let store = bench.open();
    let id = user(store.as_ref(), "wang", &[Role::Technician]);
    let waiting = Session {
        hash: [7; 32],
        user_id: id,
        csrf: [8; 32],
        created_at: NOW,
        last_used_at: NOW,
        code_due: true,
    };
    store
        .create_session(&waiting, &audit("sign_in.password"))
        .unwrap();
    let (found, user) = bench.open().session(&[7; 32], 0, 0).unwrap().unwrap();
    assert!(found.code_due);
    assert_eq!(user.last_sign_in_at, None, "nobody is signed in yet");
}

pub fn a_time_step_and_a_recovery_code_are_used_once(bench: &dyn Bench) {
    let store = bench.open();
    let id = user(store.as_ref(), "wang", &[Role::Technician]);
    signed_in(store.as_ref(), id, 1);
    signed_in(store.as_ref(), id, 2);
    let codes = [[1; 32], [2; 32]];
    store
        .set_totp(id, Some(b"sealed"), &codes, Some(&[1; 32]), &audit("totp.enrol"))
        .unwrap();
    assert!(store.session(&[1; 32], 0, 0).unwrap().is_some());
    assert!(store.session(&[2; 32], 0, 0).unwrap().is_none());
    let other = bench.open();
    assert_eq!(
        other.user(id).unwrap().unwrap().totp.as_deref(),
        Some(&b"sealed"[..])
    );
    assert!(other.use_totp_step(id, 100).unwrap());
    assert!(!store.use_totp_step(id, 100).unwrap());
    assert!(!store.use_totp_step(id, 99).unwrap());
    assert!(store.use_totp_step(id, 101).unwrap());
    assert!(
        store
            .use_recovery_code(id, &codes[0], &audit("totp.recover"))
            .unwrap()
    );
    assert!(
        !store
            .use_recovery_code(id, &codes[0], &audit("totp.recover"))
            .unwrap()
    );
    assert_eq!(store.recovery_codes(id).unwrap(), 1);
    store
        .set_totp(id, None, &[], None, &audit("totp.forget"))
        .unwrap();
    assert_eq!(store.recovery_codes(id).unwrap(), 0);
    assert_eq!(store.user(id).unwrap().unwrap().totp, None);
}

pub fn a_token_of_the_api_holds_until_it_ends_or_is_withdrawn(bench: &dyn Bench) {
    let store = bench.open();
    user(store.as_ref(), "root", &[Role::Administrator]);
    let maker = user(store.as_ref(), "admin", &[Role::Administrator]);
    let token = ApiToken {
        id: 0,
        label: "reports".into(),
        hash: [9; 32],
        scopes: vec![ApiScope::Read, ApiScope::Act],
        sight: Sight::of("客服部"),
        created_at: NOW,
        created_by: "admin".into(),
        expires_at: NOW + 1000,
        last_used_at: None,
        revoked_at: None,
    };
    let id = store
        .create_api_token(&token, &audit("api_token.create"))
        .unwrap();
    let found = bench.open().api_token(&[9; 32], NOW).unwrap().unwrap();
    assert_eq!(found, ApiToken { id, ..token.clone() });
    store.touch_api_token(id, NOW + 5).unwrap();
    assert_eq!(store.api_tokens().unwrap()[0].last_used_at, Some(NOW + 5));
    assert!(store.api_token(&[8; 32], NOW).unwrap().is_none());
    assert!(
        store.api_token(&[9; 32], NOW + 1000).unwrap().is_none(),
        "it ended"
    );
    store
        .set_disabled(maker, Some(NOW), &audit("user.disable"))
        .unwrap();
    assert!(
        store.api_token(&[9; 32], NOW).unwrap().is_none(),
        "its maker is gone"
    );
    store.set_disabled(maker, None, &audit("user.enable")).unwrap();
    store.revoke_api_token(id, &audit("api_token.revoke")).unwrap();
    assert!(store.api_token(&[9; 32], NOW).unwrap().is_none());
    assert!(store.revoke_api_token(id, &audit("api_token.revoke")).is_err());
}

pub fn the_audit_log_is_filtered_newest_first(bench: &dyn Bench) {
    let store = bench.open();
    for (at, actor, object, detail) in [
        (NOW, "wang", "asset:1", person("张三")),
        (NOW + 1, "li", "asset:2", "100%_sure".to_owned()),
        (NOW + 2, "wang", "asset:2", "nothing".to_owned()),
    ] {
        store.audit(&said(at, actor, object, &detail)).unwrap();
    }
    let found = |filter: AuditFilter| -> Vec<i64> {
        let page = bench.open().audit_page(&filter, FIRST).unwrap();
        assert_eq!(page.total, page.rows.len() as u64);
        page.rows.iter().map(|record| record.sequence).collect()
    };
    let all = AuditFilter::default();
    assert_eq!(found(all.clone()), [3, 2, 1]);
    let with = |set: fn(&mut AuditFilter)| {
        let mut filter = AuditFilter::default();
        set(&mut filter);
        found(filter)
    };
    assert_eq!(with(|f| f.actor = Some("wang".into())), [3, 1]);
    assert!(with(|f| f.actor = Some("nobody".into())).is_empty());
    assert_eq!(with(|f| f.action = Some("asset.".into())), [3, 2, 1]);
    assert!(with(|f| f.action = Some("ASSET.".into())).is_empty());
    assert_eq!(with(|f| f.object = Some("asset:2".into())), [3, 2]);
    assert_eq!(with(|f| f.since = Some(NOW + 1)), [3, 2]);
    assert_eq!(with(|f| f.until = Some(NOW + 1)), [1]);
    assert_eq!(with(|f| f.before = Some(3)), [2, 1]);
    assert_eq!(with(|f| f.text = Some("张".into())), [1]);
    assert_eq!(with(|f| f.text = Some("wang".into())), [3, 1]);
    assert_eq!(with(|f| f.text = Some("%_s".into())), [2]);
}

pub fn names_of_people_come_back_from_the_audit_log(bench: &dyn Bench) {
    let store = bench.open();
    let entry = said(NOW, "wang", &format!("user:{}", person("li")), &person("张三"));
    store.audit(&entry).unwrap();
    let record = bench.open().audit_records(1, 1).unwrap().remove(0);
    assert_eq!(record.entry, said(NOW, "wang", "user:li", "张三"));
    assert_eq!(store.verify_audit().unwrap(), Ok(1));
}

pub fn the_audit_log_is_kept_for_two_hundred_days_at_least(bench: &dyn Bench) {
    let store = bench.open();
    for days in 0..10 {
        store
            .audit(&said(NOW + days * DAY, "wang", "asset:1", ""))
            .unwrap();
    }
    let refused = store.prune_audit(NOW + 1000 * DAY, 199);
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    assert_eq!(store.prune_audit(NOW + 200 * DAY, 200).unwrap(), 0);
    assert_eq!(store.prune_audit(NOW + 203 * DAY, 200).unwrap(), 3);
    let records = bench.open().audit_records(1, 50).unwrap();
    assert_eq!(records.first().map(|record| record.sequence), Some(4));
    assert_eq!(store.verify_audit().unwrap(), Ok(8));
    assert_eq!(store.prune_audit(NOW + 205 * DAY, 200).unwrap(), 2);
    assert_eq!(store.verify_audit().unwrap(), Ok(7));
    assert_eq!(store.audit_head().unwrap().0, 12);
    // However old everything is, its last entry stays as the anchor.
    store.prune_audit(NOW + 9000 * DAY, 200).unwrap();
    assert!(store.verify_audit().unwrap().is_ok());
}

fn vouched(subject: &str, name: &str, roles: &[Role]) -> Vouched {
    Vouched {
        by: Voucher::Ldap,
        subject: subject.into(),
        name: name.into(),
        roles: roles.to_vec(),
        sight: Sight::Everything,
    }
}

pub fn a_vouched_person_has_one_account_whose_roles_follow_the_groups(bench: &dyn Bench) {
    let store = bench.open();
    let technician = vouched("uuid:1", "wang", &[Role::Technician]);
    let made = store.admit_vouched(&technician, NOW).unwrap().unwrap();
    assert_eq!(
        (
            made.voucher,
            made.password_hash.as_str(),
            made.must_change_password
        ),
        (Voucher::Ldap, "", false)
    );
    signed_in(store.as_ref(), made.id, 1);
    let again = bench.open().admit_vouched(&technician, NOW + 1).unwrap().unwrap();
    assert_eq!(again.id, made.id);
    assert!(
        store.session(&[1; 32], 0, 0).unwrap().is_some(),
        "nothing changed"
    );
    let limited = Vouched {
        sight: Sight::of("客服部"),
        ..vouched("uuid:1", "wang.xin", &[Role::RuleOfficer])
    };
    let changed = store.admit_vouched(&limited, NOW + 2).unwrap().unwrap();
    assert_eq!(
        (changed.id, changed.name.as_str(), changed.roles, changed.sight),
        (made.id, "wang", vec![Role::RuleOfficer], Sight::of("客服部"))
    );
    assert!(store.session(&[1; 32], 0, 0).unwrap().is_none());
    signed_in(store.as_ref(), made.id, 2);
    assert_eq!(
        store
            .admit_vouched(&vouched("uuid:1", "wang", &[]), NOW + 3)
            .unwrap(),
        None
    );
    assert!(store.session(&[2; 32], 0, 0).unwrap().is_none());
    assert_eq!(
        store.user(made.id).unwrap().unwrap().roles,
        Vec::<Role>::new(),
        "an account without a group may do nothing"
    );
    let actions: Vec<String> = store
        .audit_records(0, 100)
        .unwrap()
        .into_iter()
        .map(|record| record.entry.action)
        .filter(|action| action.starts_with("user."))
        .collect();
    assert_eq!(actions, ["user.add", "user.rights", "user.rights"]);
}

pub fn without_a_group_nobody_gets_an_account(bench: &dyn Bench) {
    let store = bench.open();
    assert_eq!(
        store.admit_vouched(&vouched("uuid:1", "wang", &[]), NOW).unwrap(),
        None
    );
    assert_eq!(store.users().unwrap(), []);
}

pub fn a_vouched_name_takes_no_account_that_is_not_its_own(bench: &dyn Bench) {
    let store = bench.open();
    user(store.as_ref(), "admin", &[Role::Administrator]);
    let thief = store.admit_vouched(&vouched("uuid:1", "admin", &[Role::Technician]), NOW);
    assert!(matches!(thief, Err(StoreError::Conflict(_))));
    let first = store
        .admit_vouched(&vouched("uuid:2", "wang", &[Role::Technician]), NOW)
        .unwrap()
        .unwrap();
    let namesake = vouched("uuid:3", "wang", &[Role::Technician]);
    assert!(matches!(
        store.admit_vouched(&namesake, NOW),
        Err(StoreError::Conflict(_))
    ));
    let elsewhere = Vouched {
        by: Voucher::Oidc,
        ..vouched("uuid:2", "wang", &[Role::Technician])
    };
    assert!(matches!(
        store.admit_vouched(&elsewhere, NOW),
        Err(StoreError::Conflict(_))
    ));
    signed_in(store.as_ref(), first.id, 1);
    store.unlink_vouched(first.id, &audit("user.unlink")).unwrap();
    assert!(store.session(&[1; 32], 0, 0).unwrap().is_none());
    assert_eq!(store.admit_vouched(&namesake, NOW).unwrap().unwrap().id, first.id);
    let own = store.user_by_name("admin").unwrap().unwrap();
    let refused = store.unlink_vouched(own.id, &audit("user.unlink"));
    assert!(matches!(refused, Err(StoreError::Conflict(_))));
}

pub fn an_administrator_with_a_local_password_stays(bench: &dyn Bench) {
    let store = bench.open();
    let local = user(store.as_ref(), "admin", &[Role::Administrator]);
    store
        .admit_vouched(&vouched("uuid:1", "boss", &[Role::Administrator]), NOW)
        .unwrap()
        .unwrap();
    let refused = store.set_disabled(local, Some(NOW), &audit("user.disable"));
    assert!(matches!(refused, Err(StoreError::Conflict(_))));
}

pub fn parallel_first_sign_ins_make_one_account(bench: &dyn Bench) {
    bench.open();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                bench
                    .open()
                    .admit_vouched(&vouched("uuid:1", "wang", &[Role::Technician]), NOW)
                    .unwrap()
                    .unwrap()
            });
        }
    });
    assert_eq!(bench.open().users().unwrap().len(), 1);
}
