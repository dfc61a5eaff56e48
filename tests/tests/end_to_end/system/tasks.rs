//! A technician's tasks, done in a real browser as a person does them: by what the pages say, from the navigation to
//! the result. Each begins with a person who has signed in and knows no address.

use deskwarden_tests::{browser::Browser, collector::Collector, dashboard::Visitor, deb, need};
use serde_json::Value;

use super::Office;

const ONE_TIME_DONE: &str = "werkbank-2026 nimmt alles auf";

/// Somebody in front of a browser, who has signed in; and what else is in the office.
pub(super) struct Desk<O = Office> {
    pub(super) browser: Browser,
    pub(super) office: O,
}

impl Desk {
    /// An office with a registered PC, and a technician.
    fn open(host: &str) -> Self {
        let office = Office::open(host, |setup| setup);
        register(&office.collector);
        let browser = signed_in(&office.collector, "wang", "technician");
        Self { browser, office }
    }

    /// Waits for a finding and chooses its line in the list.
    fn choose(&mut self, rule: &str, words: &str) {
        self.office.finding(rule, words, "open");
        self.press("问题");
        self.sees(words);
        self.tick(words);
    }

    pub(super) fn install(&self, package: &str, version: &str, about: &str) {
        let folder = tempfile::tempdir().unwrap();
        let built = deb::build(folder.path(), package, version, about).unwrap();
        deb::install(&self.office.pc, &built).unwrap();
    }
}

/// Gives the only PC its number, custodian and department.
pub(super) fn register(collector: &Collector) {
    let assets = collector.cli(&["asset", "list"]).unwrap();
    let asset = assets[0]["id"].to_string();
    let register = [
        "asset",
        "register",
        "--asset",
        &asset,
        "--number",
        "ZC-0007",
        "--custodian",
        "张三",
        "--department",
        "客服部",
    ];
    collector.cli(&register).unwrap();
}

/// A browser of a new person of a role, at the overview.
pub(super) fn signed_in(collector: &Collector, name: &str, role: &str) -> Browser {
    let added = collector.cli(&["user", "add", name, "--role", role]).unwrap();
    let first = added["one_time_password"].as_str().unwrap().to_owned();
    let at = collector.dashboard().unwrap().to_owned();
    let mut visitor = Visitor::new(&at, &collector.roots()).unwrap();
    visitor.first_sign_in(name, &first, ONE_TIME_DONE).unwrap();
    let mut browser = Browser::start("zh-CN").unwrap();
    browser.open(&format!("{at}/sign-in")).unwrap();
    browser
        .submit(&[("user", name), ("password", ONE_TIME_DONE)])
        .unwrap();
    browser.wait_for("location.pathname === '/'").unwrap();
    browser
}

impl<O> Desk<O> {
    pub(super) fn press(&mut self, words: &str) {
        self.browser.press(words).unwrap();
    }

    pub(super) fn fill(&mut self, fields: &[(&str, &str)]) {
        self.browser.fill(fields).unwrap();
    }

    /// Waits until the page says it: some of it comes by itself.
    pub(super) fn sees(&mut self, words: &str) {
        self.browser
            .wait_for(&format!(
                "document.body.innerText.includes({})",
                Value::from(words)
            ))
            .unwrap();
    }

    /// Ticks the line that is about something.
    fn tick(&mut self, words: &str) {
        let ticked = self
            .browser
            .evaluate(&format!(
                "(() => {{
                    const line = [...document.querySelectorAll('tbody tr')].find(e => e.innerText.includes({}));
                    const box = line?.querySelector('input[type=checkbox]');
                    if (box) box.checked = true;
                    return !!box;
                }})()",
                Value::from(words)
            ))
            .unwrap();
        assert_eq!(ticked, true, "no line about {words}");
    }

    pub(super) fn picture(&mut self, name: &str) {
        self.browser
            .picture(&need::output().join(format!("task-{name}.png")))
            .unwrap();
    }
}

pub(super) fn can_run(test: &str) -> bool {
    Browser::is_there(test) && need::program(test, "dpkg-deb")
}

/// The next Friday that is not today, as a date field has it.
fn friday(browser: &mut Browser) -> String {
    let day = browser.evaluate(
        "(() => { const d = new Date(); d.setDate(d.getDate() + ((12 - d.getDay()) % 7 || 7)); return d.toISOString().slice(0, 10); })()",
    );
    day.unwrap().as_str().unwrap().to_owned()
}

#[test]
fn a_technician_deals_with_a_new_chat_finding() {
    if !can_run("a_technician_deals_with_a_new_chat_finding") {
        return;
    }
    let mut desk = Desk::open("pc-chat-task");
    desk.press("问题");
    desk.install("linuxqq", "3.2.17", "Tencent QQ");
    // The open page tells it by itself.
    desk.sees("QQ");
    desk.press("QQ");
    for words in ["PC 3.2.4", "linuxqq", "3.2.17", "张三"] {
        desk.sees(words);
    }
    desk.fill(&[("note", "已电话通知张三卸载")]);
    desk.press("知悉，正在处理");
    desk.sees("已电话通知张三卸载");
    desk.picture("chat");
    deb::purge(&desk.office.pc, "linuxqq").unwrap();
    desk.office.finding("pc.chat", "QQ", "resolved");
    desk.press("问题");
    assert_eq!(
        desk.browser
            .evaluate("document.querySelector('#findings').innerText.includes('QQ')")
            .unwrap(),
        false,
        "what is resolved is out of the way"
    );
}

#[test]
fn a_technician_approves_a_video_player_for_a_department_until_friday() {
    if !can_run("a_technician_approves_a_video_player_for_a_department_until_friday") {
        return;
    }
    let mut desk = Desk::open("pc-video-task");
    desk.install("vlc", "3.0.21", "VLC media player");
    desk.choose("pc.video", "VLC");
    desk.press("批准为例外");
    let until = friday(&mut desk.browser);
    desk.fill(&[
        ("whole_department", "on"),
        ("approver", "李主任"),
        ("reason", "制作培训视频"),
        ("until", &until),
    ]);
    desk.browser.submit(&[("approver", "李主任")]).unwrap();
    for words in ["客服部", "李主任", "制作培训视频"] {
        desk.sees(words);
    }
    desk.sees(&until);
    desk.picture("video");
    desk.office.finding("pc.video", "VLC", "excepted");
}

#[test]
fn a_technician_issues_and_prints_a_notice() {
    if !can_run("a_technician_issues_and_prints_a_notice") {
        return;
    }
    let mut desk = Desk::open("pc-notice-task");
    desk.install("linuxqq", "3.2.17", "Tencent QQ");
    desk.choose("pc.chat", "QQ");
    desk.press("发整改通知");
    let due = friday(&mut desk.browser);
    desk.browser.submit(&[("due", &due)]).unwrap();
    for words in ["信整〔", "张三", "QQ", "PC 3.2.4"] {
        desk.sees(words);
    }
    desk.press("打印");
    desk.sees("整改通知书");
    let sheet = need::output().join("task-notice.pdf");
    desk.browser.print(&sheet).unwrap();
    let printed = std::fs::read(&sheet).unwrap();
    assert!(printed.starts_with(b"%PDF") && printed.len() > 5_000);
}

#[test]
fn a_technician_imports_the_ledger() {
    if !can_run("a_technician_imports_the_ledger") {
        return;
    }
    let mut desk = Desk::open("pc-ledger-task");
    desk.press("IP 台账");
    let rows =
        "IP地址\t资产编号\t使用人\t位置\n10.213.9.7\tZC-0007\t张三\t3楼前台\n10.213.9.8\t\t李四\t3楼\n";
    desk.fill(&[("rows", rows)]);
    desk.press("预览");
    desk.sees("3楼前台");
    assert_eq!(
        desk.office.collector.cli(&["ledger", "list"]).unwrap(),
        Value::Array(Vec::new()),
        "a preview writes nothing"
    );
    desk.press("确认导入");
    desk.sees("10.213.9.7");
    desk.picture("ledger");
}
