//! What the programs log, whatever they meet: one event a line, nothing that a terminal obeys, no secret, nobody's name.

use std::{fs, os::unix::fs::PermissionsExt as _};

use deskwarden_tests::{
    agent::Agent,
    collector::{PASSWORD, Setup},
    dashboard::Visitor,
    https::Client,
    pc::Pc,
    program::Stream,
};
use serde_json::Value;

/// Everything that these programs say, and the defaults for libraries.
const LOG: &str = "info,deskwarden_collector=trace,deskwarden_store=trace,deskwarden_domain=trace";
/// What no log may hold raw: it clears a terminal, forges a line, turns text around, hides in it.
const HOSTILE: &str = "evil\u{1b}[2J\u{9b}31m\u{202e}gnp\u{2066}\u{200b}\u{7f}";
/// Longest line, in bytes; a name of 64 KiB makes none.
const LONGEST: usize = 32 << 10;
/// Names of the people of this office.
const PEOPLE: [&str; 2] = ["王芳", "Ouyang Xiuying"];

/// A PC whose files hold hostile names wherever there are names.
fn pc() -> Pc {
    let pc = Pc::new("pc-log").unwrap();
    let long = "x".repeat(64 << 10);
    pc.write(
        "etc/passwd",
        &format!(
            "root:x:0:0:root:/root:/bin/bash\nwang:x:1000:1000:{}{HOSTILE}:/home/wang:/bin/bash\n\
             {HOSTILE}:x:1001:1001:{}:/home/other:/bin/sh\n{long}:x:nobody\n",
            PEOPLE[0], PEOPLE[1]
        ),
    )
    .unwrap();
    pc.write(
        "var/lib/dpkg/status",
        &format!(
            "Package: {HOSTILE}\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\nDescription: {long}\n\n\
             Package: long\nStatus: install ok installed\nVersion: {long}\nArchitecture: amd64\n\n{HOSTILE}\n\n"
        ),
    )
    .unwrap();
    pc.write("etc/hostname", &format!("pc-log{HOSTILE}\n")).unwrap();
    for folder in ["home/wang/.config/autostart", "etc/xdg/autostart"] {
        let folder = pc.file(folder);
        fs::create_dir_all(&folder).unwrap();
        // A name of a file may hold a line's end.
        let name = format!("{HOSTILE}\n2026-01-01T00:00:00Z ERROR forged.desktop");
        fs::write(
            folder.join(name),
            format!("[Desktop Entry]\nExec={HOSTILE}\n{long}"),
        )
        .unwrap();
    }
    pc.write(
        "etc/apt/apt.conf.d/99hostile",
        &format!("{HOSTILE} {{ \"{long}\n"),
    )
    .unwrap();
    pc
}

/// A line of a log is told by its beginning: nothing that was read makes one.
fn assert_clean(
    program: &str,
    lines: &[String],
    is_event: impl Fn(&str) -> bool,
    secrets: &[(&str, String)],
) {
    assert!(!lines.is_empty(), "{program} says nothing");
    for line in lines {
        let shown: String = line.chars().take(300).collect();
        assert!(is_event(line), "{program}: no event: {shown:?}");
        assert!(
            line.len() <= LONGEST,
            "{program}: {} bytes: {shown:?}",
            line.len()
        );
        let raw = line.chars().find(|c| {
            c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        });
        assert_eq!(raw, None, "{program}: {shown:?}");
        for escaped in ["\\u001b", "\\u009b", "\\n2026"] {
            assert!(!line.contains(escaped), "{program}: {shown:?}");
        }
        for (what, secret) in secrets {
            assert!(
                !line.contains(secret.as_str()),
                "{program} tells {what}: {shown:?}"
            );
        }
    }
}

/// Forms in which bytes could stand in a log.
fn forms<'a>(what: &'a str, bytes: &[u8]) -> [(&'a str, String); 4] {
    use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
    let list = format!("{bytes:?}");
    [
        (what, HEXLOWER.encode(bytes)),
        (what, BASE64.encode(bytes)),
        (what, BASE64URL_NOPAD.encode(bytes)),
        (what, list),
    ]
}

#[test]
fn logs_hold_one_event_a_line_and_no_secret_and_nobodys_name() {
    let mut collector = Setup::new().unwrap().log(LOG).start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let mut secrets: Vec<(&str, String)> = PEOPLE.map(|name| ("a person", name.to_owned())).into();
    let one_time = collector
        .program()
        .lines(Stream::Out)
        .iter()
        .find_map(|line| {
            let ready: Value = serde_json::from_str(line).ok()?;
            Some(ready["admin"]["one_time_password"].as_str()?.to_owned())
        })
        .unwrap();
    secrets.push(("the one-time password", one_time));
    secrets.push(("a password", PASSWORD.to_owned()));

    // People, and who is none.
    let mut administrator = collector.administrator().unwrap();
    let mut labelled = |label: &str| {
        let fields = [("label", label), ("days", "30"), ("scope", "read")];
        administrator.send("/api-tokens", "/api-tokens", &fields).unwrap()
    };
    labelled(HOSTILE);
    let made = labelled("log");
    let (_, rest) = made.body.split_once("dwa_").unwrap();
    let token: String = rest.chars().take(43).collect();
    secrets.push(("an API token", token.clone()));
    for name in [HOSTILE, "wrong-password-typed-as-name", &"n".repeat(64 << 10)] {
        let mut stranger = Visitor::new(collector.dashboard().unwrap(), &collector.roots()).unwrap();
        assert!(stranger.sign_in(name, "wrong-password-of-a-stranger").is_err());
    }
    secrets.push((
        "what was typed as a name",
        "wrong-password-typed-as-name".to_owned(),
    ));
    secrets.push(("a wrong password", "wrong-password-of-a-stranger".to_owned()));
    let client = Client::new(collector.dashboard().unwrap(), &collector.roots()).unwrap();
    let bearer = format!("Bearer dwa_{token}");
    for path in [
        "/metrics",
        "/api/v1/findings?q=%1b%5b2J%0a2026",
        "/%1b%5b2J%e2%80%ae%0aERROR",
        "/healthz",
    ] {
        client
            .request(
                "GET",
                path,
                &[("Authorization", &bearer), ("User-Agent", "evil\u{202e}")],
                "",
            )
            .unwrap();
    }
    let guessed = format!("dwt_{}", "g".repeat(40));
    secrets.push(("a guessed token", guessed.clone()));
    client
        .request(
            "GET",
            "/metrics",
            &[("Authorization", &format!("Bearer {guessed}"))],
            "",
        )
        .unwrap();

    // A PC.
    let pc = pc();
    let mut agent = Agent::start(&collector, &pc).unwrap();
    let file = collector.token_file(folder.path()).unwrap();
    secrets.push((
        "an enrolment token",
        fs::read_to_string(file).unwrap().trim().to_owned(),
    ));
    let reports = |device: &Value| device["items"]["software"].as_u64().filter(|items| *items > 0);
    let reported = collector.device("the PC's report", reports);
    reported.unwrap_or_else(|error| panic!("{error:#}\n{}{}", agent.log(), collector.log()));
    pc.write("etc/hostname", &format!("pc-log-2{HOSTILE}\n")).unwrap();
    agent.program().stop().unwrap();
    collector.program().stop().unwrap();

    let database = rusqlite::Connection::open(collector.data().join("deskwarden.db")).unwrap();
    let keys: Vec<Vec<u8>> = database
        .prepare("SELECT resume_key FROM streams")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(!keys.is_empty());
    secrets.extend(keys.iter().flat_map(|key| forms("a resume key", key)));

    let dated = |line: &str| {
        let mut digits = line.bytes();
        digits.by_ref().take(4).all(|byte| byte.is_ascii_digit()) && line.as_bytes().get(10) == Some(&b'T')
    };
    assert_clean(
        "the collector",
        &collector.program().lines(Stream::Err),
        dated,
        &secrets,
    );
    let object =
        |line: &str| serde_json::from_str::<Value>(line).is_ok_and(|event| event["level"].is_string());
    assert_clean("the agent", &agent.program().lines(Stream::Err), object, &secrets);
}
