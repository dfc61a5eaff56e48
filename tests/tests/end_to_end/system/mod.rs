//! What the tests of whole systems share: an office of one PC with everything around it.

mod across;
mod administration;
mod admission;
mod bad_input;
mod channels;
mod clauses;
mod clocks;
mod crowd;
mod directory;
mod enrolment;
mod full_disk;
mod hostile_mail;
mod identity;
mod logs;
mod monitoring;
mod network;
mod openid;
mod pages;
mod parts;
mod pictures;
mod proxy;
mod quickstart;
mod roles;
mod rollout;
mod rules;
mod software;
mod tasks;
mod unreadable;
mod updates;
mod web_proxy;

use anyhow::Context as _;
use deskwarden_tests::{
    agent::Agent,
    collector::{Collector, Setup},
    mail::MailServer,
    pc::Pc,
    wait::{PATIENCE, eventually},
    webhook::{Delivery, Receiver},
};
use serde_json::Value;

/// An office of one PC: its alerts go to a mail server and a webhook.
struct Office {
    // Fields end in this order: the agent says goodbye to a collector that is still there.
    agent: Agent,
    collector: Collector,
    mail: MailServer,
    hook: Receiver,
    pc: Pc,
}

impl Office {
    /// Everything started, and the PC judged for the first time.
    fn open(host: &str, prepare: impl FnOnce(Setup) -> Setup) -> Self {
        Self::open_with(host, Pc::new(host).unwrap(), prepare)
    }

    /// The same with a PC that was changed before its first report.
    fn open_with(host: &str, pc: Pc, prepare: impl FnOnce(Setup) -> Setup) -> Self {
        let (mail, hook) = (MailServer::start().unwrap(), Receiver::start().unwrap());
        let setup = Setup::new()
            .unwrap()
            .mail(mail.port())
            .webhook(&hook.url(), &hook.place())
            .unwrap();
        let collector = prepare(setup).start().unwrap();
        let agent = Agent::start(&collector, &pc).unwrap();
        let office = Self {
            agent,
            collector,
            mail,
            hook,
            pc,
        };
        let judged = office.collector.finding("pc.unregistered", host, "open");
        judged.unwrap_or_else(|error| panic!("{error:#}\n{}", office.logs()));
        office
    }

    fn finding(&self, rule: &str, subject: &str, state: &str) -> Value {
        self.collector
            .finding(rule, subject, state)
            .unwrap_or_else(|error| panic!("{error:#}\n{}", self.logs()))
    }

    /// The webhook's delivery of one kind for a finding.
    fn posted(&self, finding: &Value, kind: &str) -> Delivery {
        let waited = eventually(&format!("a webhook for {}", finding["rule"]), PATIENCE, || {
            let all = self.hook.deliveries();
            Ok(all.into_iter().find(|delivery| {
                let json = delivery.json();
                json["finding"]["id"] == finding["id"] && json["kind"] == kind
            }))
        });
        waited.unwrap_or_else(|error| panic!("{error:#}\n{}", self.logs()))
    }

    /// The mail about a finding; its subject says what it is about.
    fn mailed(&self, about: &str) -> Value {
        let waited = eventually(&format!("a mail about {about}"), PATIENCE, || {
            let all = self.mail.messages();
            let found = all
                .iter()
                .find(|mail| mail["subject"].as_str().is_some_and(|line| line.contains(about)));
            found
                .cloned()
                .map(Some)
                .with_context(|| format!("there is {all:?}"))
        });
        waited.unwrap_or_else(|error| panic!("{error:#}\n{}", self.logs()))
    }

    /// Waits until the collector knows so many items of a section: what they break is judged by then.
    fn items(&self, section: &str, count: u64) {
        let what = format!("{count} items of {section}");
        let waited = self
            .collector
            .device(&what, |device| (device["items"][section] == count).then_some(()));
        waited.unwrap_or_else(|error| panic!("{error:#}\n{}", self.logs()));
    }

    fn logs(&self) -> String {
        self.agent.log() + &self.collector.log()
    }

    /// Nothing was found, mailed or posted about a rule.
    fn is_silent_about(&self, rule: &str) {
        assert_eq!(self.collector.findings_of(rule).unwrap(), Vec::<Value>::new());
        let posts = self.hook.deliveries();
        assert!(
            posts
                .iter()
                .all(|delivery| delivery.json()["finding"]["rule"] != rule),
            "{posts:?}"
        );
    }
}

/// The id of a finding as addresses have it.
fn id(finding: &Value) -> String {
    finding["id"].to_string()
}
