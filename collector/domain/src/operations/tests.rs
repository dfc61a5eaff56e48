//! Each condition opens once, stays while it holds, and resolves; each has its quiet twin.

use super::*;
use crate::model::{Alert, AlertKind, FindingState};

const NOW: Millis = 1_000 * DAY;
const HOUR: Millis = 3_600_000;

/// Findings as a store would keep them, and every alert so far.
#[derive(Default)]
struct World {
    known: Vec<Finding>,
    alerts: Vec<Alert>,
}

impl World {
    fn look(&mut self, now: Millis, facts: &Facts) -> Vec<AlertKind> {
        let before = self.alerts.len();
        for op in judge(now, facts, &Limits::default(), &self.known) {
            match op {
                Op::PutFinding(finding) => {
                    self.known.retain(|known| known.key != finding.key);
                    self.known.push(finding);
                }
                Op::Alert(alert) => self.alerts.push(alert),
                _ => {}
            }
        }
        self.alerts[before..].iter().map(|alert| alert.kind).collect()
    }
}

fn certificate(name: &str, ends_at: Millis, renews: bool) -> Certificate {
    Certificate {
        name: name.into(),
        ends_at,
        renews,
    }
}

fn ends(at: Millis) -> Facts {
    let well = certificate("server", NOW + 1_000 * DAY, false);
    Facts {
        certificates: Some(vec![certificate("root CA", at, false), well]),
        ..Facts::default()
    }
}

fn free(percent: u64) -> Facts {
    Facts {
        disk: Some(Disk {
            folder: "/data".into(),
            free: percent * 1_000,
            total: 100_000,
        }),
        ..Facts::default()
    }
}

fn backed_up(backup: Backup) -> Facts {
    Facts {
        backup: Some(backup),
        ..Facts::default()
    }
}

#[test]
fn a_certificate_is_told_once_thirty_days_before_its_end_and_resolved_when_it_is_renewed() {
    let mut world = World::default();
    let end = NOW + 31 * DAY;
    let mut told = Vec::new();
    for hour in 0..40 * 24 {
        let now = NOW + hour * HOUR;
        told.extend(world.look(now, &ends(end)).into_iter().map(|kind| (now, kind)));
    }
    assert_eq!(
        told,
        [(NOW + DAY, AlertKind::Opened)],
        "once, however often it is looked at"
    );
    assert_eq!(world.known.len(), 1, "the other certificate is well");
    assert_eq!(world.known[0].severity, Severity::Critical, "it has ended by now");
    assert_eq!(
        world.look(NOW + 41 * DAY, &ends(NOW + 400 * DAY)),
        [AlertKind::Resolved]
    );
    assert_eq!(world.known[0].state, FindingState::Resolved);
}

#[test]
fn a_certificate_that_renews_itself_is_told_only_when_it_did_not() {
    let mut world = World::default();
    let left = |days: Millis| Facts {
        certificates: Some(vec![certificate("agents' port", NOW + days * DAY, true)]),
        ..Facts::default()
    };
    assert!(
        world.look(NOW, &left(29)).is_empty(),
        "half of its life is when it is renewed"
    );
    assert_eq!(world.look(NOW, &left(14)), [AlertKind::Opened]);
}

#[test]
fn what_could_not_be_looked_at_neither_opens_nor_resolves() {
    let mut world = World::default();
    assert!(world.look(NOW, &Facts::default()).is_empty());
    assert_eq!(world.look(NOW, &free(5)), [AlertKind::Opened]);
    assert!(world.look(NOW + 1, &Facts::default()).is_empty());
    let nothing = Disk {
        folder: "/data".into(),
        free: 0,
        total: 0,
    };
    let broken = Facts {
        disk: Some(nothing),
        ..Facts::default()
    };
    assert!(
        world.look(NOW + 2, &broken).is_empty(),
        "a disk without a size was not seen"
    );
    assert_eq!(world.known[0].state, FindingState::Open);
}

#[test]
fn a_disk_that_hovers_at_the_limit_is_told_once() {
    let mut world = World::default();
    assert!(world.look(NOW, &free(10)).is_empty(), "just enough");
    let mut told = Vec::new();
    for minute in 0..1_000 {
        told.extend(world.look(NOW + minute, &free(9 + u64::from(minute % 2 == 0) * 2)));
    }
    assert_eq!(told, [AlertKind::Opened]);
    assert_eq!(world.look(NOW + 2_000, &free(12)), [AlertKind::Resolved]);
    assert!(world.look(NOW + 3_000, &free(11)).is_empty());
    assert_eq!(world.look(NOW + 4_000, &free(9)), [AlertKind::Reopened]);
}

#[test]
fn a_backup_is_overdue_only_where_one_is_expected() {
    let mut world = World::default();
    assert!(world.look(NOW, &backed_up(Backup::NotExpected)).is_empty());
    assert!(
        world
            .look(NOW, &backed_up(Backup::At(NOW - 26 * HOUR)))
            .is_empty()
    );
    assert_eq!(
        world.look(NOW, &backed_up(Backup::At(NOW - 26 * HOUR - 1))),
        [AlertKind::Opened]
    );
    assert!(
        world
            .look(NOW + DAY, &backed_up(Backup::At(NOW - 26 * HOUR)))
            .is_empty(),
        "told already"
    );
    assert_eq!(
        world.look(NOW + DAY, &backed_up(Backup::At(NOW + DAY))),
        [AlertKind::Resolved]
    );
    assert!(
        world.look(NOW + DAY, &backed_up(Backup::Never(NOW))).is_empty(),
        "the first one is still to come"
    );
    assert_eq!(
        world.look(NOW + DAY, &backed_up(Backup::Never(NOW - 26 * HOUR))),
        [AlertKind::Reopened]
    );
}

#[test]
fn lost_records_refused_rules_and_dead_messages_are_told_each_by_itself() {
    let mut world = World::default();
    let bad = Facts {
        lost: Some(vec![
            ("d1".into(), "ZC-1 PC-1".into(), 40),
            ("d2".into(), "PC-2".into(), 1),
        ]),
        refused: Some(vec![("own.toml".into(), "line 3: no such field".into())]),
        dead: Some([("oa".to_owned(), 3)].into()),
        ..Facts::default()
    };
    assert_eq!(world.look(NOW, &bad), [AlertKind::Opened; 4]);
    let more = Facts {
        dead: Some([("oa".to_owned(), 900)].into()),
        ..bad.clone()
    };
    assert!(
        world.look(NOW + 1, &more).is_empty(),
        "more of the same is no news"
    );
    assert!(
        world
            .known
            .iter()
            .any(|finding| { finding.seen.as_ref().is_some_and(|seen| seen.contains("900")) }),
        "but the page shows it"
    );
    let well = Facts {
        lost: Some(Vec::new()),
        refused: Some(Vec::new()),
        dead: Some(BTreeMap::new()),
        ..Facts::default()
    };
    assert_eq!(world.look(NOW + 2, &well), [AlertKind::Resolved; 4]);
    assert!(world.look(NOW + 3, &well).is_empty());
}

#[test]
fn an_acknowledged_condition_is_not_told_again_and_its_end_is() {
    let mut world = World::default();
    world.look(NOW, &free(5));
    world.known[0].state = FindingState::Acknowledged;
    assert!(world.look(NOW + 1, &free(4)).is_empty());
    assert_eq!(world.known[0].state, FindingState::Acknowledged);
    assert_eq!(world.look(NOW + 2, &free(50)), [AlertKind::Resolved]);
}

#[test]
fn every_kind_has_its_rule_and_words_in_both_languages() {
    use crate::model::Lang;
    for kind in Kind::ALL {
        assert_eq!(Kind::by_rule(kind.rule()), Some(kind));
        for lang in [Lang::Zh, Lang::En] {
            assert!(!kind.title(lang).is_empty() && !kind.remedy(lang).is_empty());
        }
        assert_ne!(kind.title(Lang::Zh), kind.title(Lang::En));
    }
    assert_eq!(Kind::by_rule("pc.agent-silent"), None);
}

#[test]
fn a_store_that_gives_back_other_content_is_told_until_a_walk_finds_none() {
    let mut world = World::default();
    let walked = |found: Option<&[&str]>| Facts {
        damaged: found.map(|found| found.iter().map(|&text| text.to_owned()).collect()),
        ..Facts::default()
    };
    assert_eq!(world.look(NOW, &walked(None)), []);
    assert_eq!(world.look(NOW, &walked(Some(&[]))), []);
    assert_eq!(
        world.look(NOW, &walked(Some(&["pc-1: one item"]))),
        [AlertKind::Opened]
    );
    assert_eq!(world.known[0].severity, Severity::Critical);
    assert_eq!(
        world.look(NOW + HOUR, &walked(None)),
        [],
        "another collector walks now"
    );
    assert_eq!(world.known[0].state, FindingState::Open);
    assert_eq!(world.look(NOW + DAY, &walked(Some(&[]))), [AlertKind::Resolved]);
}
