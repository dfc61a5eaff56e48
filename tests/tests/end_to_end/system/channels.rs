//! What the collector's program itself sends, as servers that are not ours understand it: mail over STARTTLS and over
//! TLS with a login, syslog over TLS and by UDP.

use deskwarden_tests::{
    agent::Agent,
    authority::Authority,
    collector::{Collector, Setup},
    mail::MailServer,
    need,
    pc::Pc,
    syslog::Syslog,
    wait::{PATIENCE, eventually},
};
use serde_json::{Value, json};

const USER: &str = "desk@office.example";
const PASSWORD: &str = "päss word 7";

/// A mail channel: its name, port and encryption, the file of its password, and whether it knows the authority.
fn mail(name: &str, port: u16, tls: &str, password: &str, authority: Option<&Authority>) -> String {
    let ca = authority.map_or_else(String::new, |known| {
        format!("ca_file = \"{}\"\n", known.ca().display())
    });
    format!(
        "name = \"{name}\"\nkind = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"{tls}\"\nuser = \"{USER}\"\n\
         password_file = \"{password}\"\nfrom = \"Deskwarden <desk@office.example>\"\nto = [\"it@office.example\"]\n{ca}"
    )
}

/// The one line by which a test of a channel is refused.
fn refusal(collector: &Collector, channel: &str) -> String {
    let error = collector.cli(&["channel", "test", channel]).unwrap_err();
    let text = format!("{error:#}");
    let said = |line: &&str| line.starts_with("deskwarden-collector: ");
    let lines: Vec<&str> = text.lines().filter(said).collect();
    assert_eq!(lines.len(), 1, "one message: {text}");
    lines[0].to_owned()
}

#[test]
fn mail_is_taken_over_starttls_and_tls_with_the_right_login_and_a_known_authority_only() {
    let authority = Authority::new(&["127.0.0.1"]).unwrap();
    let [later, at_once] =
        ["starttls", "tls"].map(|tls| MailServer::guarded(tls, &authority, USER, PASSWORD).unwrap());
    let mut setup = Setup::new()
        .unwrap()
        .secret_file("right", PASSWORD)
        .unwrap()
        .secret_file("wrong", "guess")
        .unwrap();
    let ways = [("starttls", &later), ("tls", &at_once)];
    for (tls, server) in ways {
        let known = Some(&authority);
        setup = setup
            .channel(&mail(tls, server.port(), tls, "right", known))
            .channel(&mail(&format!("{tls}-guess"), server.port(), tls, "wrong", known))
            .channel(&mail(
                &format!("{tls}-strange"),
                server.port(),
                tls,
                "right",
                None,
            ));
    }
    // The other kind of encryption than the server's.
    let other = mail("other-way", at_once.port(), "starttls", "right", Some(&authority));
    let collector = setup.channel(&other).start().unwrap();
    let pc = Pc::new("pc-mail").unwrap();
    let _agent = Agent::start(&collector, &pc).unwrap();
    collector.finding("pc.unregistered", "pc-mail", "open").unwrap();
    for (tls, server) in ways {
        let mail = eventually(&format!("a mail over {tls}"), PATIENCE, || {
            let all = server.messages();
            let about = |mail: &&Value| {
                mail["subject"]
                    .as_str()
                    .is_some_and(|line| line.contains("pc-mail"))
            };
            Ok(all.iter().find(about).cloned())
        });
        let mail = mail.unwrap_or_else(|error| panic!("{error:#}\n{}", collector.log()));
        assert_eq!(
            (&mail["encrypted"], &mail["user"]),
            (&json!(true), &json!(USER)),
            "{mail}"
        );
        let wrong = refusal(&collector, &format!("{tls}-guess"));
        assert!(wrong.contains("user or password"), "{wrong}");
        assert!(!wrong.contains("guess\"") && !wrong.contains(PASSWORD), "{wrong}");
        let strange = refusal(&collector, &format!("{tls}-strange"));
        assert!(strange.contains("certificate"), "{strange}");
        // Only the right channel's mails came, whatever the others tried.
        let keys = server.messages();
        assert!(
            keys.iter().all(|mail| mail["headers"]["message-id"]
                .as_str()
                .is_some_and(|id| id.starts_with(&format!("<deskwarden.{tls}.")))),
            "{keys:?}"
        );
    }
    refusal(&collector, "other-way");
    // What was not taken waits, with that reason, and is not lost.
    let listed = collector
        .cli(&["delivery", "list", "--channel", "tls-guess"])
        .unwrap();
    assert_eq!(listed[0]["state"], "pending", "{listed}");
    assert!(
        listed[0]["last_error"]
            .as_str()
            .is_some_and(|why| why.contains("user or password")),
        "{listed}"
    );
}

#[test]
fn a_siem_understands_what_comes_over_tls_and_by_udp() {
    let name = "a_siem_understands_what_comes_over_tls_and_by_udp";
    if !need::program(name, "rsyslogd") {
        return;
    }
    let authority = Authority::new(&["127.0.0.1"]).unwrap();
    let siem = Syslog::start(&authority).unwrap();
    let channel = |name: &str, port: u16, more: &str| {
        format!("name = \"{name}\"\nkind = \"syslog\"\nhost = \"127.0.0.1\"\nport = {port}\n{more}")
    };
    let ca = format!("ca_file = \"{}\"", authority.ca().display());
    let collector = Setup::new()
        .unwrap()
        .channel(&channel("siem-tls", siem.tls(), &ca))
        .channel(&channel(
            "siem-udp",
            siem.udp(),
            "transport = \"udp\"\nfacility = 10",
        ))
        .channel(&channel("siem-strange", siem.tls(), "transport = \"tls\""))
        .start()
        .unwrap();
    let pc = Pc::new("pc-siem").unwrap();
    let _agent = Agent::start(&collector, &pc).unwrap();
    let finding = collector.finding("pc.unregistered", "pc-siem", "open").unwrap();
    for (channel, input, facility) in [("siem-tls", "imtcp", "13"), ("siem-udp", "imudp", "10")] {
        let understood = eventually(&format!("a message of {channel}"), PATIENCE, || {
            Ok(siem.messages()?.into_iter().find_map(|got| {
                let text = got["msg"].as_str()?.trim_start_matches([' ', '\u{feff}']);
                let alert: Value = serde_json::from_str(text).ok()?;
                let of_it = alert["finding"]["id"] == finding["id"] && got["inputname"] == input;
                of_it.then_some((got.clone(), alert))
            }))
        });
        let (got, alert) =
            understood.unwrap_or_else(|error| panic!("{error:#}\n{}{}", siem.log(), collector.log()));
        assert_eq!(got["syslogfacility"], facility, "{got}");
        assert_eq!(got["programname"], "deskwarden-collector", "{got}");
        assert_eq!(got["msgid"], "opened", "{got}");
        assert_eq!(got["protocol-version"], "1", "RFC 5424: {got}");
        assert_eq!(alert["schema"], "deskwarden.alert/1");
        assert!(
            alert["id"].as_str().is_some_and(|id| id.starts_with(channel)),
            "{alert}"
        );
    }
    let strange = refusal(&collector, "siem-strange");
    assert!(strange.contains("certificate"), "{strange}");
}
