//! Tasks of the other roles in a real browser, and one that needs a network of its own: an officer files a title that
//! nobody knew, an auditor follows what was done and can change nothing, a technician looks for a stolen address.

use deskwarden_tests::{
    agent::Agent,
    browser::Browser,
    collector::{Collector, Setup},
    netns::Netns,
};
use serde_json::{Value, json};

use super::{
    Office, across, id,
    tasks::{Desk, can_run, register, signed_in},
};

#[test]
fn an_officer_files_a_title_that_nobody_knew_and_it_is_judged() {
    if !can_run("an_officer_files_a_title_that_nobody_knew_and_it_is_judged") {
        return;
    }
    let office = Office::open("pc-filing-task", |setup| setup);
    let browser = signed_in(&office.collector, "lin", "rule_officer");
    let mut desk = Desk { browser, office };
    let titles = desk
        .office
        .collector
        .device("its software", |device| device["items"]["software"].as_u64());
    desk.install("zzyx-kanpian", "1.4", "Zzyx Kanpian");
    desk.office.items("software", titles.unwrap() + 1);
    desk.press("软件");
    for words in ["zzyx-kanpian", "未识别"] {
        desk.sees(words);
    }
    desk.press("zzyx-kanpian");
    desk.fill(&[("category", "video")]);
    desk.press("归类");
    desk.sees("已归类");
    desk.picture("filing");
    desk.office.finding("pc.video", "zzyx-kanpian", "open");
    // Findings are the technicians' business.
    desk.press("问题");
    desk.press("zzyx-kanpian");
    desk.sees("PC 3.2.3");
    assert_eq!(
        forms(&mut desk.browser),
        0,
        "an officer decides nothing about findings"
    );
}

#[test]
fn an_auditor_follows_what_was_done_takes_it_along_and_changes_nothing() {
    if !can_run("an_auditor_follows_what_was_done_takes_it_along_and_changes_nothing") {
        return;
    }
    let office = Office::open("pc-audit-task", |setup| setup);
    register(&office.collector);
    let browser = signed_in(&office.collector, "shen", "auditor");
    let mut desk = Desk { browser, office };
    desk.install("linuxqq", "3.2.17", "Tencent QQ");
    let found = desk.office.finding("pc.chat", "QQ", "open");
    let mut technician = signed_in(&desk.office.collector, "wang", "technician");
    technician.press("问题").unwrap();
    technician.press("QQ").unwrap();
    technician.fill(&[("note", "已电话通知")]).unwrap();
    technician.press("知悉，正在处理").unwrap();
    desk.office.finding("pc.chat", "QQ", "acknowledged");

    desk.press("审计日志");
    for words in ["wang", "finding.acknowledge", &format!("finding:{}", id(&found))] {
        desk.sees(words);
    }
    let file = taken_along(&mut desk.browser);
    assert!(
        file.contains("wang") && file.contains("finding.acknowledge"),
        "{file}"
    );
    desk.press("校验整条链");
    desk.sees("首尾相接");
    // That it was taken along is an entry too.
    desk.sees("list:audit");
    desk.picture("audit");

    desk.press("问题");
    desk.press("QQ");
    desk.sees("已电话通知");
    assert_eq!(forms(&mut desk.browser), 0, "there is nothing to press");
    let refused = desk
        .browser
        .evaluate(&format!(
            "fetch('/findings/{}/action', {{
                method: 'POST',
                body: new URLSearchParams({{
                    csrf: document.querySelector('[name=csrf]').value, action: 'dismiss', note: 'x',
                }}),
            }}).then(answer => answer.status)",
            id(&found)
        ))
        .unwrap();
    assert_eq!(refused, json!(403), "nor does it help to know the address");
    desk.office.finding("pc.chat", "QQ", "acknowledged");
}

#[test]
fn a_technician_finds_who_has_the_stolen_address() {
    let test = "a_technician_finds_who_has_the_stolen_address";
    if !Browser::is_there(test) || !across::can_run(test) {
        return;
    }
    let netns = Netns::new(47).unwrap();
    let (collector, mut agent, asset) = across::office(&netns, Setup::new().unwrap());
    register(&collector);
    across::assign(&collector, &asset, "10.213.47.2");
    agent.program().stop().unwrap();
    across::observe(
        &collector,
        &format!("10.213.47.2 dev br0 lladdr {} REACHABLE\n", across::STRANGER),
    );
    collector
        .finding("pc.address-stolen", "10.213.47.2", "open")
        .unwrap();
    let browser = signed_in(&collector, "wang", "technician");
    let mut desk: Desk<(Collector, Agent)> = Desk {
        browser,
        office: (collector, agent),
    };
    // Somebody calls: another has my address.
    desk.press("问题");
    desk.browser.submit(&[("text", "10.213.47.2")]).unwrap();
    desk.press("10.213.47.2");
    for words in ["占用他人 IP 地址", "PC 3.2.5", across::STRANGER, "ZC-0007"] {
        desk.sees(words);
    }
    desk.picture("stolen");
    // The machine that has it is known by nothing else: its hardware address leads to all that is known of it.
    desk.press("问题");
    desk.browser.submit(&[("text", across::STRANGER)]).unwrap();
    desk.sees("10.213.47.2");
}

/// Forms that change something on the page.
fn forms(browser: &mut Browser) -> u64 {
    browser
        .evaluate("document.querySelectorAll('main form[method=post]').length")
        .unwrap()
        .as_u64()
        .unwrap()
}

/// The file behind the page's link to CSV.
fn taken_along(browser: &mut Browser) -> String {
    let link = "[...document.querySelectorAll('main .export a')].find(e => e.innerText === 'CSV').href";
    let text = browser
        .evaluate(&format!("fetch({link}).then(answer => answer.text())"))
        .unwrap();
    match text {
        Value::String(text) => text,
        other => panic!("no file: {other}"),
    }
}
