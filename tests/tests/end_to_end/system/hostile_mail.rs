//! What a hostile PC says of itself reaches a real mail server as words and as nothing else.

use deskwarden_tests::{
    agent::Agent,
    collector::Setup,
    mail::MailServer,
    pc::Pc,
    wait::{PATIENCE, eventually},
};
use serde_json::Value;

/// Headers that the collector's mails have, each once.
const HEADERS: [&str; 10] = [
    "from",
    "to",
    "subject",
    "message-id",
    "auto-submitted",
    "content-type",
    "content-transfer-encoding",
    "mime-version",
    "date",
    "x-peer",
];

#[test]
fn what_a_hostile_pc_says_makes_no_header_no_part_and_no_link_of_a_mail() {
    let mail = MailServer::start().unwrap();
    let collector = Setup::new().unwrap().mail(mail.port()).start().unwrap();
    let long = "x".repeat(10_000);
    let evil = format!(
        "mark\rBcc: all@evil.example\r\r<script>window.ran=true</script><a href=http://evil.example>\u{202e}\u{7}\u{1b}[31m{long}"
    );
    let pc = Pc::new("pc-mark").unwrap();
    pc.write("etc/hostname", &format!("pc-{evil}\n")).unwrap();
    pc.write(
        "etc/environment",
        &format!("http_proxy=\"http://10.9.9.9:1080/{evil}\"\nhttps_proxy=\"{evil}\"\n"),
    )
    .unwrap();
    let names = format!("PRETTY_NAME=\"{evil}\"\nNAME=\"{evil}\"\nVERSION_ID=\"{evil}\"\nID=debian\n");
    pc.write("etc/os-release", &names).unwrap();
    let status = std::fs::read_to_string(pc.file("var/lib/dpkg/status")).unwrap();
    let package = format!(
        "Package: linuxqq\nStatus: install ok installed\nPriority: optional\nSection: net\nInstalled-Size: 4\n\
         Maintainer: {evil}\nArchitecture: all\nVersion: 1-{evil}\nDescription: {evil}\n\n"
    );
    pc.write("var/lib/dpkg/status", &format!("{package}{status}"))
        .unwrap();
    let agent = Agent::start(&collector, &pc).unwrap();
    let all = eventually("mails about the hostile PC", PATIENCE, || {
        let all = mail.messages();
        let about = |words: &str| {
            all.iter()
                .any(|mail| format!("{}{}", mail["subject"], mail["body"]).contains(words))
        };
        anyhow::ensure!(
            about("QQ") && about("mark"),
            "there is {all:#?}\n{}",
            collector.log()
        );
        Ok(Some(all))
    })
    .unwrap_or_else(|error| panic!("{error:#}\n{}", agent.log()));
    for mail in &all {
        let names: Vec<&str> = mail["names"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        for name in &names {
            assert!(HEADERS.contains(name), "{name} in {mail:#}");
            assert_eq!(
                names.iter().filter(|other| other == &name).count(),
                1,
                "{name} twice"
            );
        }
        assert_eq!(mail["types"], serde_json::json!(["text/plain"]), "{mail:#}");
        assert_eq!(mail["to"], serde_json::json!(["it@office.example"]));
        let subject = mail["subject"].as_str().unwrap();
        let body = mail["body"].as_str().unwrap();
        assert!(subject.chars().count() < 1_000, "{subject}");
        assert!(body.len() < 20_000, "{}", body.len());
        for text in [subject, body] {
            for bad in [
                "<script",
                "<a ",
                "http://evil",
                "all@evil",
                "\u{202e}",
                "\u{7}",
                "\u{1b}",
                "\nBcc:",
            ] {
                assert!(!text.contains(bad), "{bad:?} in {text}");
            }
        }
        assert!(!subject.contains(['\n', '\r']), "{subject:?}");
    }
}
