//! The administrator's tasks, done in a real browser by what the pages say: let somebody in, roll the agent out, look at
//! the collector itself, take rights away.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use deskwarden_tests::{
    agent::Agent,
    collector::{Collector, PASSWORD, Setup},
    dashboard::Visitor,
    pc::Pc,
    program,
};

use super::tasks::{Desk, can_run, signed_in};

/// Ticks exactly these roles of the form.
fn roles(desk: &mut Desk<Collector>, wanted: &[&str]) {
    let list = serde_json::json!(wanted);
    let ticked = desk
        .browser
        .evaluate(&format!(
            "[...document.querySelectorAll('main input[name=role]')].filter(e => e.checked = {list}.includes(e.value)).length"
        ))
        .unwrap();
    assert_eq!(ticked, wanted.len(), "{wanted:?}");
}

#[test]
fn an_administrator_lets_somebody_in_rolls_the_agent_out_and_takes_the_rights_away_again() {
    if !can_run("an_administrator_lets_somebody_in_rolls_the_agent_out_and_takes_the_rights_away_again") {
        return;
    }
    let collector = Setup::new().unwrap().start().unwrap();
    let browser = signed_in(&collector, "chef", "administrator");
    let mut desk = Desk {
        browser,
        office: collector,
    };

    // A technician begins today.
    desk.press("用户与角色");
    roles(&mut desk, &["technician"]);
    desk.browser.submit(&[("name", "liu")]).unwrap();
    desk.sees("只显示");
    let secret = desk
        .browser
        .evaluate("document.querySelector('#secret').innerText")
        .unwrap();
    let mut liu = Visitor::new(desk.office.dashboard().unwrap(), &desk.office.roots()).unwrap();
    liu.first_sign_in("liu", secret.as_str().unwrap(), PASSWORD)
        .unwrap();
    liu.read("/approvals/new").unwrap();
    assert_eq!(liu.get("/users").unwrap().status, 403);

    // A PC gets the agent with what the page says.
    desk.press("接入令牌");
    desk.browser.submit(&[("label", "前台新电脑")]).unwrap();
    desk.sees("部署命令");
    desk.picture("token");
    let read = |desk: &mut Desk<Collector>, what: &str| {
        let text = desk
            .browser
            .evaluate(&format!("document.querySelector('{what}').textContent"))
            .unwrap();
        text.as_str().unwrap().to_owned()
    };
    let token = read(&mut desk, "#secret");
    let command = read(&mut desk, "#way-single");
    let (address, pin) = (desk.office.agents().unwrap(), desk.office.pin().unwrap());
    let place = address.trim_start_matches("https://");
    let port = place.rsplit(':').next().unwrap();
    assert!(
        command.contains(&token) && command.contains(pin) && command.contains(port),
        "{command}"
    );
    let pc = Pc::new("pc-front-desk").unwrap();
    let state = tempfile::tempdir().unwrap();
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let file = state.path().join("token");
    fs::write(&file, &token).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let mut run = Command::new(program::product("deskwarden-agent").unwrap());
    run.arg("run").arg("--token-file").arg(&file);
    let _agent = Agent::start_with(run, &desk.office, pc.path(), state).unwrap();
    desk.office
        .finding("pc.unregistered", "pc-front-desk", "open")
        .unwrap();
    desk.press("接入令牌");
    desk.sees("前台新电脑");

    // All is well, and the new agent is counted.
    desk.press("系统状态");
    for words in ["采集端", "数据库", "告警队列", "证书", env!("CARGO_PKG_VERSION")] {
        desk.sees(words);
    }
    desk.picture("system");

    // The technician becomes an auditor: what was open is closed at once.
    desk.press("用户与角色");
    desk.press("liu");
    roles(&mut desk, &["auditor"]);
    desk.press("保存");
    desk.sees("已保存");
    desk.picture("rights");
    assert_eq!(liu.get("/findings").unwrap().status, 303, "the session has ended");
    liu.sign_in("liu", PASSWORD).unwrap();
    liu.read("/findings").unwrap();
    assert_eq!(liu.get("/approvals/new").unwrap().status, 403);
    desk.press("审计日志");
    desk.sees("修改用户权限");
}
