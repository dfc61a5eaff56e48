//! Every robot against a stand-in that enforces what its provider documents.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::notify::{
    Message, SendError, Sender, Style, Then,
    message::tests::{compose, delivery},
    standin::{self, Standin},
};

/// Texts that a PC may report to tell everybody, to make something clickable, or to break out of a line.
const HOSTILE: [&str; 9] = [
    "<@all>",
    "@all @所有人",
    "<@zhangsan>",
    "[查看](http://evil.example)",
    "http://evil.example/x",
    "**QQ**\n# 标题\n> 引用",
    "<a href=\"http://evil.example\">x</a>",
    "<font color=\"warning\">x</font>`y`",
    "a\u{202e}b\u{200b}c\r\n\r\n{\"at\":{\"isAtAll\":true}}",
];

fn message(subject: &str) -> Message {
    let style = Style {
        public_url: Some("https://desk.example".to_owned()),
        ..Style::default()
    };
    compose(&delivery(subject), None, &style)
}

fn long() -> Message {
    let mut message = message("QQ");
    message.body = "证据：很长的一行文字\n".repeat(5_000);
    message.markdown = message.body.clone();
    message
}

fn then(sent: Result<(), SendError>) -> (Then, String) {
    let error = sent.unwrap_err();
    (error.then(), error.to_string())
}

/// What every robot must do: be taken, fit, tell nobody, stop at the limit.
fn keeps_the_contract(robot: &dyn Sender, provider: &Standin, text: impl Fn(&Value) -> String, pause: u64) {
    robot.send(&message("QQ")).unwrap();
    robot.send(&long()).unwrap();
    for hostile in HOSTILE {
        robot.send(&message(hostile)).unwrap();
    }
    let taken = provider.taken();
    assert_eq!(taken.len(), HOSTILE.len() + 2);
    assert!(
        text(&taken[0]).contains("https://desk.example/findings/7"),
        "{}",
        taken[0]
    );
    assert!(text(&taken[1]).contains("已截断"));
    for body in &taken[2..] {
        let text = text(body);
        assert_eq!(
            text.matches("](").count() + text.matches("\"href\"").count(),
            1,
            "one link, ours: {text}"
        );
        assert!(!text.contains("://evil") && !text.contains('\u{202e}'), "{text}");
    }
    while provider.taken().len() < standin::PER_MINUTE {
        robot.send(&message("QQ")).unwrap();
    }
    let (then, why) = then(robot.send(&message("QQ")));
    assert_eq!(then, Then::NotBefore(Duration::from_secs(pause)), "{why}");
}

#[test]
fn the_wecom_robot_keeps_its_contract() {
    let provider = standin::wecom_robot("k-1");
    let robot = WecomRobot::new(&provider.robot("k-1", None)).unwrap();
    let text = |body: &Value| body["markdown"]["content"].as_str().unwrap().to_owned();
    keeps_the_contract(&robot, &provider, text, 60);
}

#[test]
fn the_dingtalk_robot_keeps_its_contract_and_waits_ten_minutes_when_blocked() {
    let provider = standin::dingtalk("tok", "SECabc");
    let robot = DingtalkRobot::new(&provider.robot("tok", Some("SECabc"))).unwrap();
    let text = |body: &Value| body["markdown"]["text"].as_str().unwrap().to_owned();
    keeps_the_contract(&robot, &provider, text, 600);
}

#[test]
fn the_feishu_robot_keeps_its_contract() {
    let provider = standin::feishu("tok", "secret");
    let robot = FeishuRobot::new(&provider.robot("tok", Some("secret"))).unwrap();
    let text = |body: &Value| body["content"]["post"]["zh_cn"]["content"].to_string();
    keeps_the_contract(&robot, &provider, text, 60);
}

#[test]
fn a_wrong_key_token_or_secret_is_said_and_tried_again() {
    let wecom = standin::wecom_robot("k-1");
    let robot = WecomRobot::new(&wecom.robot("k-2", None)).unwrap();
    let (again, why) = then(robot.send(&message("QQ")));
    assert!(
        again == Then::Again && why.contains("93000") && !why.contains("k-2"),
        "{why}"
    );

    let dingtalk = standin::dingtalk("tok", "SECabc");
    let robot = DingtalkRobot::new(&dingtalk.robot("tok", Some("SECother"))).unwrap();
    let (again, why) = then(robot.send(&message("QQ")));
    assert!(
        again == Then::Again && why.contains("310000") && why.contains("secret"),
        "{why}"
    );
    let robot = DingtalkRobot::new(&dingtalk.robot("gone", Some("SECabc"))).unwrap();
    assert!(then(robot.send(&message("QQ"))).1.contains("300005"));

    let feishu = standin::feishu("tok", "secret");
    let robot = FeishuRobot::new(&feishu.robot("tok", Some("other"))).unwrap();
    let (again, why) = then(robot.send(&message("QQ")));
    assert!(again == Then::Again && why.contains("19021"), "{why}");
    let robot = FeishuRobot::new(&feishu.robot("gone", Some("secret"))).unwrap();
    assert!(then(robot.send(&message("QQ"))).1.contains("19001"));
}

#[test]
fn a_message_that_a_provider_calls_malformed_is_not_sent_again() {
    for (provider, answer) in [("wecom", 40058), ("dingtalk", 460101), ("feishu", 9499)] {
        let standin = Standin::start(Box::new(move |_| {
            (
                200,
                json!({"errcode": answer, "errmsg": "bad", "code": answer, "msg": "bad"}),
            )
        }));
        let config = standin.robot("t", Some("s"));
        let robot: Box<dyn Sender> = match provider {
            "wecom" => Box::new(WecomRobot::new(&config).unwrap()),
            "dingtalk" => Box::new(DingtalkRobot::new(&config).unwrap()),
            _ => Box::new(FeishuRobot::new(&config).unwrap()),
        };
        assert_eq!(then(robot.send(&message("QQ"))).0, Then::Never, "{provider}");
    }
}

#[test]
fn feishu_says_too_many_requests_under_its_code_for_bad_ones() {
    let standin = Standin::start(Box::new(|_| {
        (400, json!({"code": 9499, "msg": "too many request"}))
    }));
    let robot = FeishuRobot::new(&standin.robot("t", Some("s"))).unwrap();
    assert_eq!(
        then(robot.send(&message("QQ"))).0,
        Then::NotBefore(Duration::from_secs(60))
    );
}

#[test]
fn a_robot_that_is_blocked_is_left_alone_whatever_the_gate_says() {
    // What DingTalk's gate answers in place of the service.
    let standin = Standin::start(Box::new(|_| {
        (
            200,
            json!({"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "24ce"}),
        )
    }));
    let robot = DingtalkRobot::new(&standin.robot("t", Some("s"))).unwrap();
    let blocked = then(robot.send(&message("QQ"))).0;
    assert_eq!(blocked, Then::NotBefore(Duration::from_secs(600)));
    // Feishu's, where it does not say for how long.
    for status in [400, 429] {
        let standin = Standin::start(Box::new(move |_| {
            (
                status,
                json!({"code": 99991400, "msg": "request trigger frequency limit"}),
            )
        }));
        let robot = FeishuRobot::new(&standin.robot("t", Some("s"))).unwrap();
        let blocked = then(robot.send(&message("QQ"))).0;
        assert_eq!(blocked, Then::NotBefore(Duration::from_secs(60)));
    }
}

#[test]
fn an_older_feishu_says_in_its_own_words_that_a_message_was_taken() {
    let standin = Standin::start(Box::new(|_| {
        (
            200,
            json!({"Extra": null, "StatusCode": 0, "StatusMessage": "success"}),
        )
    }));
    let robot = FeishuRobot::new(&standin.robot("t", Some("s"))).unwrap();
    robot.send(&message("QQ")).unwrap();
}

#[test]
fn contents_that_dingtalk_does_not_take_are_not_sent_again_and_a_robot_that_is_off_is() {
    for (answer, expected) in [
        (430102, Then::Never),
        (400105, Then::Never),
        (400102, Then::Again),
        (400013, Then::Again),
    ] {
        let standin = Standin::start(Box::new(move |_| {
            (200, json!({"errcode": answer, "errmsg": "no"}))
        }));
        let robot = DingtalkRobot::new(&standin.robot("t", Some("s"))).unwrap();
        assert_eq!(then(robot.send(&message("QQ"))).0, expected, "{answer}");
    }
}

#[test]
fn an_application_sends_a_member_no_more_in_an_hour_than_is_shown() {
    const { assert!(crate::notify::APP_PER_MINUTE * 60 < 1_000) };
}

#[test]
fn an_answer_that_is_no_answer_of_the_provider_is_a_failure() {
    let standin = Standin::start(Box::new(|_| (200, json!({"hello": "captive portal"}))));
    let robot = WecomRobot::new(&standin.robot("t", None)).unwrap();
    let (again, why) = then(robot.send(&message("QQ")));
    assert!(again == Then::Again && why.contains("address"), "{why}");
    let standin = Standin::start(Box::new(|_| (502, Value::Null)));
    let robot = DingtalkRobot::new(&standin.robot("t", Some("s"))).unwrap();
    assert!(then(robot.send(&message("QQ"))).1.contains("502"));
}

#[test]
fn the_wecom_application_keeps_its_token_and_fetches_another_when_it_ends_early() {
    let provider = standin::wecom_app("s3", 2);
    let app = WecomApp::new(&provider.app("s3")).unwrap();
    for subject in HOSTILE {
        app.send(&message(subject)).unwrap();
    }
    app.send(&long()).unwrap();
    assert_eq!(provider.taken().len(), HOSTILE.len() + 1);
    let seen = provider.seen.lock().unwrap();
    let tokens = seen
        .iter()
        .filter(|(answer, _)| answer["access_token"].is_string())
        .count();
    assert_eq!(tokens, 5, "ten messages, two per token");
    assert!(seen.iter().any(|(answer, _)| answer["errcode"] == 42001));
}

#[test]
fn a_wrong_secret_of_the_wecom_application_is_said() {
    let provider = standin::wecom_app("s3", 2);
    let app = WecomApp::new(&provider.app("s4")).unwrap();
    let (again, why) = then(app.send(&message("QQ")));
    assert!(
        again == Then::Again && why.contains("40001") && !why.contains("s4"),
        "{why}"
    );
}

#[test]
fn a_private_service_is_reached_only_where_it_is_listed() {
    let provider = standin::wecom_robot("k-1");
    let mut config = provider.robot("k-1", None);
    config.service.allow.clear();
    let robot = WecomRobot::new(&config).unwrap();
    let (_, why) = then(robot.send(&message("QQ")));
    assert!(why.contains("this machine"), "{why}");
    assert!(provider.seen.lock().unwrap().is_empty());
}

#[test]
fn a_long_text_is_cut_at_a_line_and_says_so() {
    let text = "第一行\n".repeat(200);
    let cut = fitting(&text, 500);
    assert!(cut.len() <= 500 && cut.contains("已截断"), "{} bytes", cut.len());
    assert!(cut.lines().all(|line| line == "第一行" || line.starts_with('…')));
    assert_eq!(fitting("short", 500), "short");
    assert!(fitting(&"巡".repeat(400), 500).len() <= 500);
}

#[test]
fn the_signature_is_what_another_implementation_computes() {
    // printf '1700000000000\nSECabc' | openssl dgst -sha256 -hmac SECabc -binary | base64
    let expected = "jcUpW0QmtKduN03n4JqQ0PBosVjqnM8gU7fIIvsDmCM=";
    assert_eq!(signed("SECabc", "1700000000000\nSECabc"), expected);
}
