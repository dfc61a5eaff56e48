//! What a message says, and what a hostile name cannot make of it.

use deskwarden_domain::model::DeliveryState;

use super::*;

pub(in crate::notify) fn delivery(subject: &str) -> Delivery {
    Delivery {
        id: 1,
        channel: "mail".to_owned(),
        key: "mail:12".to_owned(),
        kind: PackKind::Single,
        total: 1,
        made_at: 0,
        alerts: vec![AlertRow {
            id: 12,
            kind: AlertKind::Opened,
            finding_id: 7,
            rule: "pc-3.2.4-chat".to_owned(),
            clause: "PC 3.2.4".to_owned(),
            severity: Severity::High,
            subject_name: subject.to_owned(),
            asset_id: Some(3),
            asset_number: Some("ZC-0007".to_owned()),
            asset_name: "desk-7".to_owned(),
            custodian: Some("张三".to_owned()),
            department: Some("财务部".to_owned()),
            first_seen: 1_764_000_000_000,
            at: 1_764_000_000_000,
            provider: None,
            evidence: r#"{"version":"9.7"}"#.to_owned(),
        }],
        attempts: 0,
        state: DeliveryState::Pending,
        last_error: None,
        due_at: 0,
        delivered_at: None,
    }
}

pub(in crate::notify) fn compose(delivery: &Delivery, words: Option<&RuleWords>, style: &Style) -> Message {
    let composer = Composer {
        words: &|_| words.cloned(),
        style,
        templates: &Templates::default(),
    };
    composer.compose(delivery)
}

fn words() -> RuleWords {
    RuleWords {
        title: Text::new("聊天软件", "Chat software"),
        message: Text::new("{asset}装有{subject}。", "{subject} is on {asset}."),
        remedy: Text::new("请卸载。", "Please remove it."),
        section: None,
    }
}

#[test]
fn a_chinese_alert_says_who_what_which_clause_and_since_when() {
    let style = Style {
        lang: Lang::Zh,
        public_url: Some("https://desk.example".to_owned()),
    };
    let message = compose(&delivery("QQ"), Some(&words()), &style);
    assert_eq!(
        message.subject,
        "[桌面巡检][高] 新发现：QQ（ZC-0007 desk-7，PC 3.2.4）"
    );
    for part in [
        "张三",
        "财务部",
        "聊天软件",
        "ZC-0007 desk-7装有QQ。",
        "请卸载。",
        "2025-11-25 00:00:00 北京时间",
        "https://desk.example/findings/7",
    ] {
        assert!(message.body.contains(part), "{part} in {}", message.body);
    }
    assert_eq!(message.idempotency_key, "mail:12");
}

#[test]
fn an_english_alert_is_complete_too() {
    let message = compose(
        &delivery("QQ"),
        Some(&words()),
        &Style {
            lang: Lang::En,
            public_url: None,
        },
    );
    assert_eq!(
        message.subject,
        "[Deskwarden][high] new finding: QQ (ZC-0007 desk-7, PC 3.2.4)"
    );
    assert!(
        message.body.contains("Since: 2025-11-24 16:00:00 UTC"),
        "{}",
        message.body
    );
    assert!(message.body.is_ascii() || message.body.contains("张三"));
    assert!(!message.body.contains("Look:"));
}

#[test]
fn a_hostile_program_name_stays_inside_its_line() {
    let hostile = "QQ\r\nBcc: all@evil.example\r\n\r\nhttp://evil.example \u{202e}";
    let message = compose(&delivery(hostile), None, &Style::default());
    assert!(!message.subject.contains(['\r', '\n']));
    assert!(
        !message.body.contains("\nBcc:") && !message.body.contains("://"),
        "{}",
        message.body
    );
    assert!(!message.json.to_string().contains("\\n"));
}

#[test]
fn a_hostile_name_stays_inside_its_line_of_a_digest_too() {
    let hostile = "QQ\r\nBcc: all@evil.example\r\n\r\nhttp://evil.example <a href=x>\u{202e}\u{7}";
    let mut many = delivery(hostile);
    many.kind = PackKind::Digest;
    let mut other = many.alerts[0].clone();
    (other.id, other.rule) = (13, "pc.other".to_owned());
    other.asset_name = hostile.to_owned();
    other.asset_number = Some(hostile.to_owned());
    other.custodian = Some(hostile.to_owned());
    other.department = Some(hostile.to_owned());
    many.alerts.push(other);
    many.total = 2;
    for lang in [Lang::Zh, Lang::En] {
        let style = Style {
            lang,
            public_url: None,
        };
        let message = compose(&many, None, &style);
        assert!(!message.subject.contains(['\r', '\n']), "{}", message.subject);
        for bad in ["\nBcc:", "://", "\r", "\u{202e}", "\u{7}"] {
            assert!(!message.body.contains(bad), "{bad:?} in {}", message.body);
            assert!(!message.markdown.contains(bad), "{bad:?} in {}", message.markdown);
        }
        assert!(!message.markdown.contains("<a "), "{}", message.markdown);
        assert!(!message.json.to_string().contains("\\n"));
    }
}

#[test]
fn the_json_has_its_documented_fields() {
    let json = compose(&delivery("QQ"), Some(&words()), &Style::default()).json;
    assert_eq!(json["schema"], SCHEMA);
    assert_eq!(json["id"], "mail:12");
    assert_eq!(json["at"], "2025-11-24T16:00:00Z");
    assert_eq!(json["finding"]["subject_name"], "QQ");
    assert_eq!(json["asset"]["number"], "ZC-0007");
    assert_eq!(json["evidence"]["version"], "9.7");
}

#[test]
fn many_alerts_are_counted_to_the_last_by_cause_and_department() {
    let mut many = delivery("QQ");
    many.kind = PackKind::Digest;
    many.key = "mail:digest-1".to_owned();
    let first = many.alerts.remove(0);
    for n in 0..10_000 {
        let mut alert = first.clone();
        alert.id = n;
        alert.rule = format!("rule-{}", n % 12);
        alert.department = (n % 3 > 0).then(|| format!("部门{}", n % 3));
        many.alerts.push(alert);
    }
    for (lang, words) in [
        (Lang::Zh, ["告警汇总：10000 条", "另有 9980 条"]),
        (Lang::En, ["digest: 10000", "9980 more"]),
    ] {
        let style = Style {
            lang,
            public_url: Some("https://desk.example".to_owned()),
        };
        let message = compose(&many, None, &style);
        assert!(message.subject.contains(words[0]), "{}", message.subject);
        assert!(message.body.contains(words[1]), "{}", message.body);
        assert!(message.body.contains("https://desk.example/findings"));
        assert!(message.markdown.contains("](https://desk.example/findings)"));
        let counted: u64 = message.json["causes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|cause| cause["count"].as_u64().unwrap())
            .sum();
        assert_eq!((counted, &message.json["count"]), (10_000, &json!(10_000)));
        assert_eq!(message.json["alerts"].as_array().unwrap().len(), LISTED);
        assert_eq!(message.json["more"], 10_000 - LISTED);
        assert_eq!(message.json["schema"], LIST_SCHEMA);
    }
}
