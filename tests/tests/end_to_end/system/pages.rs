//! Every page that can be reached by links, in a real browser, in both languages and themes: it opens, says
//! nothing in the console, breaks no content policy, fits the window, leaves no word untranslated, and what
//! a PC reports about itself runs nowhere; axe-core finds nothing serious against it.

use std::collections::{BTreeMap, VecDeque};

use deskwarden_tests::{axe, browser::Browser, collector::PASSWORD, deb, need};
use serde_json::Value;

use super::Office;

/// Runs before anything of a page: keeps what the page would only tell a developer.
const LISTEN: &str = "window.faults = []; window.ran = false;
    addEventListener('error', e => faults.push(String(e.message || e.target)), true);
    addEventListener('unhandledrejection', e => faults.push(String(e.reason)));
    document.addEventListener('securitypolicyviolation', e => faults.push('policy: ' + e.violatedDirective + ' ' + e.blockedURI));
    for (const kind of ['error', 'warn']) { const told = console[kind]; console[kind] = (...a) => { faults.push(kind + ': ' + a.join(' ')); told(...a); }; }";

/// Links of the page that stay on the dashboard, without what only sorts, filters or pages.
const LINKS: &str = "[...document.querySelectorAll('a[href]')].map(a => new URL(a.href, location.href))
    .filter(u => u.origin === location.origin && !a_download(u)).map(u => u.pathname);
    function a_download(u) { return u.pathname.startsWith('/static/') || /export|\\.csv|\\.xlsx|\\.json/.test(u.href); }";

/// Faults of the open page.
const FAULTS: &str = "(() => {
    const found = [...window.faults];
    if (window.ran) found.push('what a PC reported was run');
    const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (wide > 0) found.push('wider than the window by ' + wide);
    if (!document.querySelector('h1')) found.push('no heading');
    if (!document.title) found.push('no title');
    const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
    for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push('id twice: ' + id);
    for (const field of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
        if (!field.labels?.length && !field.ariaLabel && !field.getAttribute('aria-labelledby')) found.push('no label: ' + field.name);
    const codes = [...document.querySelectorAll('.mono, code')].filter(e => !e.hidden);
    codes.forEach(e => e.hidden = true);
    const key = document.body.innerText.match(/(^|\\s)(nav|page|overview|findings|finding|device|assets|asset|rules|rule|alerts|tokens|account|ledger|arrivals|channels|outcome|state)\\.[a-z_]+(?=\\s|$)/);
    codes.forEach(e => e.hidden = false);
    if (key) found.push('no words for ' + key[0].trim());
    return found;
})()";

const MARK: &str = "<img src=x onerror=window.ran=true><script>window.ran=true</script>";

#[test]
fn every_page_opens_without_a_fault_in_both_languages_and_themes() {
    let test = "every_page_opens_without_a_fault_in_both_languages_and_themes";
    if !(Browser::is_there(test) && need::program(test, "dpkg-deb")) {
        return;
    }
    let office = Office::open("wuye-pc-018", |setup| setup);
    let folder = tempfile::tempdir().unwrap();
    let package = deb::build(folder.path(), "linuxqq", "3.2.17", "Tencent QQ").unwrap();
    deb::install(&office.pc, &package).unwrap();
    let system = format!("ID=debian\nVERSION_ID=12\nNAME=\"Debian {MARK}\"\nPRETTY_NAME=\"Debian {MARK}\"\n");
    office.pc.write("etc/os-release", &system).unwrap();
    office
        .pc
        .write("etc/environment", "http_proxy=http://10.9.9.9:1080\n")
        .unwrap();
    office.finding("pc.proxy-configured", "10.9.9.9", "open");
    office.collector.administrator().unwrap();
    let at = office.collector.dashboard().unwrap().to_owned();
    let mut browser = Browser::start("zh-CN").unwrap();
    browser.before_every_page(LISTEN).unwrap();
    browser.open(&format!("{at}/sign-in")).unwrap();
    browser
        .submit(&[("user", "admin"), ("password", PASSWORD)])
        .unwrap();
    browser.wait_for("location.pathname === '/'").unwrap();
    browser.size(1280, 900).unwrap();

    let pages = reachable(&mut browser, &at);
    assert!(pages.len() >= 12, "{pages:?}");
    let axe = axe::script("violations of accessibility (axe-core)");
    let mut faults: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for language in ["zh-CN", "en"] {
        for theme in ["light", "dark"] {
            prefer(&mut browser, &at, "lang", language);
            prefer(&mut browser, &at, "theme", theme);
            for page in &pages {
                browser.open(&format!("{at}{page}")).unwrap();
                let found = browser.evaluate(FAULTS).unwrap();
                let mut found: Vec<String> = texts(&found);
                let told = browser.evaluate("document.documentElement.lang").unwrap();
                if told != language {
                    found.push(format!("the page is in {told}"));
                }
                if let Some(script) = &axe {
                    found.extend(axe::violations(&mut browser, script).unwrap());
                }
                if !found.is_empty() {
                    faults.insert(format!("{page} {language} {theme}"), found);
                }
                let name = page.trim_matches('/').replace('/', "-");
                let file = format!(
                    "page-{}-{language}-{theme}.png",
                    if name.is_empty() { "home" } else { &name }
                );
                browser.picture(&need::output().join(file)).unwrap();
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// One page per kind: `/findings/3` stands for all findings.
fn reachable(browser: &mut Browser, at: &str) -> Vec<String> {
    let mut kinds: BTreeMap<String, String> = BTreeMap::new();
    let mut waiting = VecDeque::from(["/".to_owned()]);
    while let Some(page) = waiting.pop_front() {
        let kind = page
            .split('/')
            .map(|part| {
                if part.chars().any(|c| c.is_ascii_digit() || c == '.') {
                    "*"
                } else {
                    part
                }
            })
            .collect::<Vec<_>>()
            .join("/");
        if kinds.contains_key(&kind) {
            continue;
        }
        browser.open(&format!("{at}{page}")).unwrap();
        kinds.insert(kind, page);
        waiting.extend(texts(&browser.evaluate(LINKS).unwrap()));
    }
    kinds.into_values().collect()
}

/// Presses the button of a preference, unless it is chosen already.
fn prefer(browser: &mut Browser, at: &str, name: &str, value: &str) {
    browser.open(&format!("{at}/")).unwrap();
    let button = format!("document.querySelector('button[name={name}][value={value}]')");
    browser
        .evaluate(&format!("window.waiting = {button} !== null; {button}?.click()"))
        .unwrap();
    browser
        .wait_for("!window.waiting && document.readyState === 'complete'")
        .unwrap();
}

fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}
