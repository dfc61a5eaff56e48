//! Judging anew where an edit reaches says the same as judging everything anew, and touches no more than that.

use std::collections::BTreeSet;

use deskwarden_domain::model::{AssetState, Evidence, Outcome};

use super::*;
use crate::ingest::edit::Edit;

const HEAD: &str = r#"
[lists]
bad = ["msn"]
[[category]]
id = "game"
name = { zh = "\u6e38\u620f", en = "Games" }
[[regulation]]
id = "R"
title = { zh = "\u5236\u5ea6", en = "Rules" }
version = "1"
[[regulation.clause]]
number = "1"
wording = { zh = "\u7532", en = "a" }
checkable = "rules"
why = { zh = "\u7532", en = "a" }
"#;

fn rule(id: &str, severity: &str, body: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\nclause = \"R 1\"\nseverity = \"{severity}\"\ntitle = {{ zh = \"\u{7532}\", en = \"a\" }}\n\
         message = {{ zh = \"\u{7532}\", en = \"a\" }}\nremedy = {{ zh = \"\u{7532}\", en = \"a\" }}\n{body}\n"
    )
}

fn item(id: &str, severity: &str, select: &str) -> String {
    rule(
        id,
        severity,
        &format!("kind = \"item\"\nsections = [\"software\"]\nselect = {{ {select} }}"),
    )
}

/// One rule book after the other, each an edit of the one before.
fn books() -> Vec<String> {
    let entry = "[[entry]]\nid = \"steam\"\nname = { zh = \"Steam\", en = \"Steam\" }\ncategories = [\"game\"]\ntitles = [\"steam\"]\n";
    let qq = item("chat", "high", "name = \"qq\"");
    let both = item("chat", "low", "name = [\"qq\", \"msn\"]");
    let game = item("game", "medium", "category = [\"game\"]");
    let listed = item("listed", "low", "name = { in = [\"bad\"] }");
    let count = rule(
        "count",
        "low",
        "kind = \"count\"\nmore_than = 1\nsections = [\"software\"]\nselect = { name = { prefix = [\"q\", \"m\", \"s\"] } }",
    );
    let absent = rule(
        "absent",
        "low",
        "kind = \"absent\"\nsections = [\"software\"]\nselect = { name = \"vim\" }",
    );
    let asset = rule("asset", "low", "kind = \"asset\"\nwhen = \"asset.provisional\"");
    let scoped = item("chat", "low", "name = [\"qq\", \"msn\"]") + "scope = { departments = [\"a\"] }\n";
    let needy = item("chat", "low", "name = [\"qq\", \"msn\"]") + "needs = [\"software:rpm\"]\n";
    let when = item("chat", "low", "name = [\"qq\", \"steam\"]")
        + "when = \"item.key.size() > 2 && !(item.name in lists.bad)\"\n";
    let more = HEAD.replace("[\"msn\"]", "[\"msn\", \"steam\"]");
    let cats = item("chat", "low", "category = [\"game\"]") + "subject = \"asset\"\n";
    let with = |head: &str, rules: &[&str]| format!("{head}{}", rules.concat());
    vec![
        with(HEAD, &[&qq]),
        with(HEAD, &[&both]),
        with(HEAD, &[&both, &game, &listed, &count]),
        with(&more, &[&both, &game, &listed, &count]),
        with(&more, &[entry, &both, &game, &listed, &absent]),
        with(&more, &[entry, &both, &asset, &absent]),
        with(&more, &[entry, &scoped, &asset]),
        // Only whom it is about differs.
        with(&more, &[entry, &both, &asset]),
        with(&more, &[entry, &scoped, &asset]),
        with(&more, &[entry, &needy, &asset, &game]),
        with(
            &more,
            &[entry, &when, &cats.replace("\"chat\"", "\"cats\""), &count],
        ),
        with(HEAD, &[&when.replace("> 2", "> 9"), &count]),
        with(HEAD, &[]),
        with(HEAD, &[&qq, &count]),
    ]
}

fn put_book(store: &dyn Store, content: &str) {
    let faults = deskwarden_domain::rules::RuleSet::load(&[deskwarden_domain::rules::RuleFile {
        name: "book.toml",
        content,
    }]);
    assert!(faults.is_ok(), "{:?}", faults.err());
    let version = RuleVersion {
        id: 0,
        file: "book.toml".into(),
        content: content.to_owned(),
        hash: digest::facet(content.as_bytes()),
        origin: "test".into(),
        imported_at: NOW,
        state: RuleVersionState::Accepted,
        faults: String::new(),
        removed: false,
    };
    store.add_rule_version(&version, &audit()).unwrap();
}

/// PCs with titles by the bits of their numbers, judged under the rules in force.
fn office(bench: &Bench) -> Vec<DeviceId> {
    let titles = ["qq", "msn", "steam", "vim"];
    let mut rounds = bench.rounds(&Arc::default());
    (1..=16)
        .map(|number: u8| {
            let device = bench.device(number);
            let mut sequence = 1;
            let mut jobs = vec![record(device, &Fence::default(), incoming(sequence, "bash")).0];
            for (bit, title) in titles.iter().enumerate() {
                if number & (1 << bit) != 0 {
                    sequence += 1;
                    jobs.push(record(device, &Fence::default(), incoming(sequence, title)).0);
                }
            }
            all(&mut rounds, jobs, NOW);
            if number.is_multiple_of(3) {
                let asset = bench.state(device).asset;
                let asset = deskwarden_domain::model::Asset {
                    number: Some(format!("ZC-{number}")),
                    department: Some("a".into()),
                    state: AssetState::InUse,
                    ..asset
                };
                bench.store.put_asset(&asset, false, &audit()).unwrap();
            }
            device
        })
        .collect()
}

/// The same, all judged anew by a writer that goes on.
fn judged(bench: &Bench, book: &str) -> (Vec<DeviceId>, Rounds) {
    put_book(bench.store.as_ref(), book);
    let devices = office(bench);
    let mut rounds = bench.rounds(&Arc::default());
    rounds.rejudge(&devices, NOW);
    (devices, rounds)
}

/// What judging says of a PC, in an order of its own.
#[derive(Debug, PartialEq)]
struct Said {
    evidence: BTreeSet<String>,
    findings: BTreeSet<String>,
    outcomes: BTreeSet<String>,
}

fn said(bench: &Bench, device: DeviceId) -> Said {
    let state = bench.state(device);
    let piece = |e: &Evidence| format!("{} {} {:?} {} {}", e.rule, e.subject, e.item, e.detail, e.since);
    let finding = |f: &deskwarden_domain::model::Finding| {
        format!(
            "{} {} {:?} {:?} {} {}",
            f.key.rule, f.key.subject, f.state, f.severity, f.reopened, f.opened_at
        )
    };
    Said {
        evidence: state.evidence.iter().map(piece).collect(),
        findings: state.findings.iter().map(finding).collect(),
        outcomes: state.outcomes.iter().map(|row| format!("{row:?}")).collect(),
    }
}

fn caught_up(rounds: &mut Rounds, now: Millis) {
    for _ in 0..100 {
        if !rounds.catch_up(now).unwrap() && !rounds.is_catching_up() {
            return;
        }
    }
    panic!("never caught up");
}

#[test]
fn judging_where_an_edit_reaches_says_what_judging_everything_says() {
    let (reached, whole) = (Bench::new(), Bench::new());
    let books = books();
    put_book(reached.store.as_ref(), &books[0]);
    put_book(whole.store.as_ref(), &books[0]);
    let devices = office(&reached);
    assert_eq!(devices, office(&whole));
    let (mut some, mut all) = (reached.rounds(&Arc::default()), whole.rounds(&Arc::default()));
    some.rejudge(&devices, NOW);
    all.rejudge(&devices, NOW);
    caught_up(&mut some, NOW);
    for (number, book) in books.iter().enumerate().skip(1) {
        let now = NOW + i64::try_from(number).unwrap() * 1_000;
        put_book(reached.store.as_ref(), book);
        put_book(whole.store.as_ref(), book);
        caught_up(&mut some, now);
        all.rejudge(&devices, now);
        let generation = reached.store.context_generation().unwrap();
        assert!(!reached.store.is_behind(generation).unwrap(), "edit {number}");
        for device in &devices {
            assert_eq!(
                said(&reached, *device),
                said(&whole, *device),
                "edit {number}, {device}"
            );
        }
    }
}

#[test]
fn an_edit_of_one_rule_judges_only_the_pcs_that_hold_what_it_is_about() {
    let bench = Bench::new();
    let books = books();
    let (_, mut rounds) = judged(&bench, &books[0]);
    let counted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&counted);
    rounds.committed = Box::new(move |committed| {
        count.fetch_add(committed.devices.len(), Ordering::SeqCst);
    });
    caught_up(&mut rounds, NOW);
    put_book(bench.store.as_ref(), &books[1]);
    caught_up(&mut rounds, NOW);
    // Those with `qq`, `msn` or both: 1 to 3 of every four numbers.
    assert_eq!(counted.load(Ordering::SeqCst), 12);
    put_book(bench.store.as_ref(), &format!("{}\n# a remark\n", books[1]));
    caught_up(&mut rounds, NOW);
    assert_eq!(counted.load(Ordering::SeqCst), 12, "a remark is no edit");
}

#[test]
fn a_rule_that_nobody_breaches_loads_no_device() {
    let bench = Bench::new();
    let books = books();
    let (devices, mut rounds) = judged(&bench, &books[0]);
    caught_up(&mut rounds, NOW);
    let before = rounds.caught_up.clone().unwrap();
    let nobody = item("nobody", "low", "name = \"title of nobody\"");
    put_book(bench.store.as_ref(), &format!("{}{nobody}", books[0]));
    let after = rounds.contexts.refresh().unwrap();
    let edit = Edit::plan(bench.store.as_ref(), &before, &after)
        .unwrap()
        .unwrap();
    assert!(edit.work.is_empty());
    assert_eq!(edit.outcomes.len(), devices.len());
    caught_up(&mut rounds, NOW);
    for device in &devices {
        let state = bench.state(*device);
        let row = state.outcomes.iter().find(|row| row.rule == "nobody").unwrap();
        assert_eq!(row.outcome, Outcome::Pass, "{}", row.reason);
        assert_eq!(state.asset.judged_generation, after.generation);
    }
}

#[test]
fn a_collector_that_does_not_know_what_was_in_force_judges_everything() {
    let bench = Bench::new();
    let books = books();
    let (devices, _) = judged(&bench, &books[0]);
    put_book(bench.store.as_ref(), &books[2]);
    let mut fresh = bench.rounds(&Arc::default());
    assert!(!fresh.catch_up(NOW).unwrap() && !fresh.is_catching_up());
    let due = bench.store.due(NOW, 100).unwrap();
    assert_eq!(due.len(), devices.len());
    fresh.rejudge(&due, NOW);
    assert!(!fresh.catch_up(NOW).unwrap());
    assert!(fresh.caught_up.is_some());
}

#[test]
fn an_edit_upon_an_edit_leaves_nobody_behind() {
    let bench = Bench::new();
    let books = books();
    let (devices, mut rounds) = judged(&bench, &books[0]);
    caught_up(&mut rounds, NOW);
    put_book(bench.store.as_ref(), &books[2]);
    assert!(rounds.catch_up(NOW).unwrap(), "the first part is done");
    put_book(bench.store.as_ref(), &books[5]);
    assert!(!rounds.catch_up(NOW).unwrap() && !rounds.is_catching_up());
    let due = bench.store.due(NOW, 100).unwrap();
    assert_eq!(due.len(), devices.len(), "one by one");
}

#[test]
fn a_licence_that_comes_or_goes_reaches_the_pcs_that_have_its_program() {
    let bench = Bench::new();
    let counted = rule("licence", "low", "kind = \"cross\"\nabout = \"licence_overused\"");
    let (devices, mut rounds) = judged(&bench, &format!("{HEAD}{counted}"));
    caught_up(&mut rounds, NOW);
    let row = |title: &str, pattern: &str| deskwarden_domain::register::Row {
        key: title.into(),
        cells: [("pattern", pattern), ("seats", "1")]
            .map(|(name, cell)| (name.into(), cell.into()))
            .into(),
        ..Default::default()
    };
    let shown = || -> usize {
        let states = devices.iter().map(|device| bench.state(*device));
        states
            .map(|state| state.evidence.iter().filter(|e| e.rule == "licence").count())
            .sum()
    };
    let book = deskwarden_domain::register::Book::Licences;
    let edit = |put: &[deskwarden_domain::register::Row], remove: &[String]| {
        bench.store.edit_book(book, put, remove, &audit()).unwrap();
    };
    edit(&[row("QQ", "qq")], &[]);
    caught_up(&mut rounds, NOW + 1);
    assert_eq!(shown(), 8, "every second number has it");
    edit(&[row("QQ", "steam")], &[]);
    caught_up(&mut rounds, NOW + 2);
    assert_eq!(shown(), 8, "every fourth four numbers have that");
    edit(&[], &["QQ".to_owned()]);
    caught_up(&mut rounds, NOW + 3);
    assert_eq!(shown(), 0);
}

#[test]
fn who_shares_an_account_is_read_by_rules_about_the_register() {
    let bench = Bench::new();
    let idle = rule(
        "idle",
        "low",
        "kind = \"register\"\nabout = \"idle\"\nafter = \"30d\"",
    );
    let lists =
        |accounts: &str| HEAD.replace("[lists]\n", &format!("[lists]\nshared_accounts = [{accounts}]\n"));
    put_book(bench.store.as_ref(), &format!("{}{idle}", lists("\"root\"")));
    let before = bench.contexts().refresh().unwrap();
    put_book(
        bench.store.as_ref(),
        &format!("{}{idle}", lists("\"root\", \"wang\"")),
    );
    let after = bench.contexts().refresh().unwrap();
    assert!(
        Edit::plan(bench.store.as_ref(), &before, &after)
            .unwrap()
            .is_none(),
        "everything is looked at"
    );
}

#[test]
fn an_edited_row_of_the_register_judges_what_asks_for_it() {
    use deskwarden_domain::register::{Book, Row};

    let bench = Bench::new();
    let chat = item("chat", "low", "name = \"qq\"") + "when = \"register.orders.size() == 0\"\n";
    let asset = rule(
        "owned",
        "low",
        "kind = \"asset\"\nwhen = \"register.custodian == '\u{738b}\u{82b3}'\"",
    );
    let (devices, mut rounds) = judged(&bench, &format!("{HEAD}{chat}{asset}"));
    caught_up(&mut rounds, NOW);
    let outcome = |device, rule: &str| {
        let state = bench.state(device);
        let row = state.outcomes.iter().find(|row| row.rule == rule).cloned();
        row.unwrap().outcome
    };
    // Number 1 has the program.
    let (device, now) = (devices[0], NOW + 10_000);
    assert_eq!(outcome(device, "chat"), Outcome::Fail);
    let row = Row {
        key: "O-1".into(),
        asset: Some(bench.state(device).asset.id),
        cells: [
            ("from", (NOW - 1).to_string()),
            ("to", (now + 50_000).to_string()),
        ]
        .map(|(name, cell)| (name.into(), cell))
        .into(),
        at: NOW - 1,
        ..Row::default()
    };
    bench
        .store
        .edit_book(Book::Orders, &[row], &[], &audit())
        .unwrap();
    let due = bench.store.due(now, 100).unwrap();
    assert_eq!(due, [device]);
    rounds.rejudge(&due, now);
    assert_eq!(outcome(device, "chat"), Outcome::Pass);
    // Its end is a moment at which it is due again.
    assert!(bench.store.due(now, 100).unwrap().is_empty());
    assert_eq!(bench.store.due(now + 50_001, 100).unwrap(), [device]);

    assert_eq!(outcome(device, "owned"), Outcome::Pass);
    let edited = deskwarden_domain::model::Asset {
        custodian: Some("\u{738b}\u{82b3}".into()),
        ..bench.state(device).asset
    };
    bench.store.put_asset(&edited, false, &audit()).unwrap();
    rounds.rejudge(&bench.store.due(now, 100).unwrap(), now);
    assert_eq!(outcome(device, "owned"), Outcome::Fail);
}

#[test]
fn a_licence_judges_what_asks_for_licences_again() {
    use deskwarden_domain::register::{Book, Row};

    let bench = Bench::new();
    let unlicensed = item("unlicensed", "low", "name = [\"qq\", \"steam\"]")
        + "when = \"register.licences.size() == 0\"\n";
    let (devices, mut rounds) = judged(&bench, &format!("{HEAD}{unlicensed}"));
    caught_up(&mut rounds, NOW);
    let shown = || -> usize {
        let states = devices.iter().map(|device| bench.state(*device));
        states.map(|state| state.evidence.len()).sum()
    };
    assert_eq!(shown(), 16);
    let row = Row {
        key: "QQ".into(),
        cells: [("pattern", "qq"), ("seats", "1")]
            .map(|(name, cell)| (name.into(), cell.into()))
            .into(),
        ..Row::default()
    };
    bench
        .store
        .edit_book(Book::Licences, &[row], &[], &audit())
        .unwrap();
    caught_up(&mut rounds, NOW + 1);
    assert_eq!(shown(), 8);
    let gone = ["QQ".to_owned()];
    bench
        .store
        .edit_book(Book::Licences, &[], &gone, &audit())
        .unwrap();
    caught_up(&mut rounds, NOW + 2);
    assert_eq!(shown(), 16);
}
