//! `GET /metrics`: how the collector is, for a monitoring system, in the text format of Prometheus (exposition format
//! 0.0.4). A program reads it with an API token of the scope `read`. What the process knows by itself is told also while
//! the store is out of reach.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use deskwarden_domain::{
    model::{Millis, Sight},
    operations::{Backup, Facts},
    port::{AgentCount, Condition, Overview, Store, StoreResult},
};

use tokio::time::timeout;

use super::{asked::Asked, error::WebError, state::WebState};
use crate::meter::{Distribution, Histogram, Meter};

const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Versions that have lines of their own. Agents name theirs: however many there are, the answer stays short.
const VERSIONS: usize = 30;
/// Channels that have lines of their own.
const CHANNELS: usize = 100;
/// How long the store may take to answer: a monitoring system gives up after ten seconds.
const PATIENCE: Duration = Duration::from_secs(5);
const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

/// What is told.
struct Seen {
    facts: Facts,
    condition: Condition,
    overview: Overview,
    agents: Vec<AgentCount>,
    queued: Vec<(String, u64)>,
}

/// The answer.
pub(in crate::web) async fn metrics(
    State(state): State<WebState>,
    _asked: Asked,
) -> Result<Response, WebError> {
    let (now, since) = (state.clock.now(), state.reporting_since());
    let eyes = state.system.eyes.clone();
    let asked = state.ask(move |store: &dyn Store| -> StoreResult<Seen> {
        Ok(Seen {
            facts: match eyes {
                Some(eyes) => eyes.look(store, now)?,
                None => Facts::default(),
            },
            condition: store.condition(since)?,
            overview: store.overview(since, &Sight::Everything)?,
            agents: store.agents(since)?,
            queued: store.queued()?,
        })
    });
    let seen = match timeout(PATIENCE, asked).await {
        Ok(Ok(seen)) => Some(seen),
        // What is the matter with it stands in the log.
        Ok(Err(_)) | Err(_) => None,
    };
    let mut text = Text::default();
    text.gauge(
        "store_up",
        "Whether the store answered: 0 where what follows is only what the process knows by itself.",
    )
    .line(&[], f64::from(u8::from(seen.is_some())));
    process(&mut text, &state);
    intake(&mut text, &state.system.meter);
    ports(&mut text, &state);
    if let Some(seen) = &seen {
        fleet(&mut text, seen);
        messages(&mut text, seen);
        operation(&mut text, seen);
    }
    Ok(([(header::CONTENT_TYPE, KIND)], text.lines).into_response())
}

fn process(text: &mut Text, state: &WebState) {
    text.gauge("build_info", "Version of the collector.")
        .line(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    text.gauge("start_time_seconds", "When the collector was started, Unix time.")
        .line(&[], seconds(state.system.since));
    text.gauge("sessions", "Agents that hold a session with this collector.")
        .line(&[], (state.system.sessions)() as f64);
    text.counter(
        "reports_total",
        "Messages of agents that this collector took in since it was started.",
    )
    .line(&[], state.system.meter.total() as f64);
}

/// What agents send, from its arrival to its acknowledgement.
fn intake(text: &mut Text, meter: &Meter) {
    text.histogram(
        "acknowledgement_seconds",
        "From the arrival of a record to its acknowledgement: judged and durable.",
        &[(&[], &meter.acknowledged)],
    );
    text.histogram(
        "batch_seconds",
        "Batches of reports by step: reading what is stored, judging, writing until it is durable.",
        &[
            (&[("step", "load")], &meter.loads),
            (&[("step", "judge")], &meter.judgements),
            (&[("step", "commit")], &meter.commits),
        ],
    );
    text.gauge(
        "queue_records",
        "What waits for the writer, records and other asks of agents.",
    )
    .line(&[], meter.queue.jobs() as f64);
    text.gauge("queue_bytes", "Bytes of what waits for the writer.")
        .line(&[], meter.queue.bytes() as f64);
    let metric = text.counter(
        "refusals_total",
        "Sessions of agents, and asks for an identity, that were refused.",
    );
    for (reason, count) in meter.refusals.read() {
        metric.line(&[("reason", reason.name())], count as f64);
    }
}

fn ports(text: &mut Text, state: &WebState) {
    let metric = text.counter(
        "connections_total",
        "Connections by what became of them: served, closed because there were too many in all or of one address, or \
         without a handshake that succeeded in time.",
    );
    for (port, counters) in &state.system.doors {
        let counts = counters.snapshot();
        for (outcome, count) in [
            ("served", counts.served),
            ("too_many", counts.over_total),
            ("too_many_of_address", counts.over_peer),
            ("handshake_failed", counts.handshake_failed),
            ("handshake_timed_out", counts.handshake_timed_out),
        ] {
            metric.line(&[("port", port), ("outcome", outcome)], count as f64);
        }
    }
}

fn fleet(text: &mut Text, seen: &Seen) {
    let Overview {
        assets,
        registered,
        flagged,
        findings,
        ..
    } = &seen.overview;
    text.gauge("assets", "Machines, all and those with a number in the register.")
        .line(&[("state", "all")], *assets as f64)
        .line(&[("state", "registered")], *registered as f64)
        .line(&[("state", "flagged")], *flagged as f64);
    let metric = text.gauge("findings_active", "Active findings by severity.");
    for (severity, count) in SEVERITIES.iter().zip(findings) {
        metric.line(&[("severity", severity)], *count as f64);
    }
    let mut agents: Vec<&AgentCount> = seen.agents.iter().collect();
    agents.sort_by_key(|agent| std::cmp::Reverse(agent.devices));
    let metric = text.gauge(
        "devices",
        "Devices by version and system of their agent, and by whether they report, said goodbye, or are silent.",
    );
    let mut others = [0; 3];
    for (number, agent) in agents.iter().enumerate() {
        let counts = [agent.reporting, agent.off, agent.silent];
        if number >= VERSIONS {
            for (sum, count) in others.iter_mut().zip(counts) {
                *sum += count;
            }
            continue;
        }
        devices(metric, &agent.version, &agent.platform, counts);
    }
    if others != [0; 3] {
        devices(metric, "other", "other", others);
    }
    if let Some(at) = seen.condition.last_report_at {
        text.gauge(
            "last_report_time_seconds",
            "The newest report of any device, Unix time.",
        )
        .line(&[], seconds(at));
    }
}

fn devices(metric: &mut Text, version: &str, platform: &str, counts: [u64; 3]) {
    for (state, count) in ["reporting", "off", "silent"].into_iter().zip(counts) {
        let labels = [("version", version), ("platform", platform), ("state", state)];
        metric.line(&labels, count as f64);
    }
}

fn messages(text: &mut Text, seen: &Seen) {
    let waiting: BTreeMap<&str, u64> = seen
        .queued
        .iter()
        .map(|(channel, count)| (channel.as_str(), *count))
        .collect();
    let dead = seen.facts.dead.iter().flatten();
    let dead: BTreeMap<&str, u64> = dead.map(|(channel, count)| (channel.as_str(), *count)).collect();
    for (name, help, counts) in [
        ("deliveries_waiting", "Messages that wait for a channel.", waiting),
        ("deliveries_given_up", "Messages that no channel took.", dead),
    ] {
        let metric = text.gauge(name, help);
        for (channel, count) in counts.into_iter().take(CHANNELS) {
            metric.line(&[("channel", channel)], count as f64);
        }
    }
}

fn operation(text: &mut Text, seen: &Seen) {
    let Seen { facts, condition, .. } = seen;
    text.gauge("database_bytes", "Size of the database.")
        .line(&[], condition.bytes as f64);
    text.gauge(
        "rules_generation",
        "Generation of rules, catalogue and settings in force.",
    )
    .line(&[], condition.generation as f64);
    if let Some(refused) = &facts.refused {
        text.gauge(
            "rule_files_refused",
            "Rule files whose newest text has faults: the one before is in force.",
        )
        .line(&[], refused.len() as f64);
    }
    if let Some(disk) = &facts.disk {
        text.gauge("disk_free_bytes", "Free space of the data folder's disk.")
            .line(&[], disk.free as f64);
        text.gauge("disk_size_bytes", "Size of the data folder's disk.")
            .line(&[], disk.total as f64);
    }
    if let Some(certificates) = &facts.certificates {
        let metric = text.gauge(
            "certificate_end_time_seconds",
            "When a certificate of the collector ends, Unix time.",
        );
        for certificate in certificates {
            metric.line(&[("name", &certificate.name)], seconds(certificate.ends_at));
        }
    }
    match facts.backup {
        None | Some(Backup::NotExpected) => {}
        // 0 is as old as a backup can be: an alert on its age needs no second rule.
        Some(Backup::Never(_)) => backup(text, 0),
        Some(Backup::At(at)) => backup(text, at),
    }
    if let Some(lost) = &facts.lost {
        text.gauge(
            "agents_with_lost_records",
            "Agents that lost records lately: their outbox ran full or was damaged.",
        )
        .line(&[], lost.len() as f64);
    }
}

fn backup(text: &mut Text, at: Millis) {
    text.gauge(
        "backup_time_seconds",
        "When the last backup was made, Unix time; 0 for never.",
    )
    .line(&[], seconds(at));
}

fn seconds(at: Millis) -> f64 {
    at as f64 / 1e3
}

/// Lines of the format.
#[derive(Default)]
struct Text {
    lines: String,
    /// The metric whose lines follow.
    name: String,
}

impl Text {
    fn gauge(&mut self, name: &str, help: &str) -> &mut Self {
        self.metric(name, help, "gauge")
    }

    fn counter(&mut self, name: &str, help: &str) -> &mut Self {
        self.metric(name, help, "counter")
    }

    fn metric(&mut self, name: &str, help: &str, kind: &str) -> &mut Self {
        self.name = format!("deskwarden_{name}");
        let name = &self.name;
        // Writing to a string cannot fail.
        write!(self.lines, "# HELP {name} {help}\n# TYPE {name} {kind}\n").ok();
        self
    }

    /// A histogram, whose lines have three names.
    fn histogram(&mut self, name: &str, help: &str, series: &[(&[(&str, &str)], &Histogram)]) {
        self.metric(name, help, "histogram");
        let name = self.name.clone();
        for (labels, histogram) in series {
            let Distribution { classes, count, sum } = histogram.read();
            self.name = format!("{name}_bucket");
            for (bound, below) in classes {
                let bound = bound.to_string();
                self.line(&[*labels, &[("le", bound.as_str())]].concat(), below as f64);
            }
            self.line(&[*labels, &[("le", "+Inf")]].concat(), count as f64);
            self.name = format!("{name}_sum");
            self.line(labels, sum);
            self.name = format!("{name}_count");
            self.line(labels, count as f64);
        }
    }

    fn line(&mut self, labels: &[(&str, &str)], value: f64) -> &mut Self {
        self.lines.push_str(&self.name);
        for (number, (label, text)) in labels.iter().enumerate() {
            let open = if number == 0 { '{' } else { ',' };
            write!(self.lines, "{open}{label}=\"{}\"", escaped(text)).ok();
        }
        if !labels.is_empty() {
            self.lines.push('}');
        }
        writeln!(self.lines, " {value}").ok();
        self
    }
}

/// The format knows three escapes; other control characters are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_has_classes_that_add_up_a_sum_and_a_count() {
        let histogram = Histogram::default();
        for millis in [1, 3, 20_000] {
            histogram.add(Duration::from_millis(millis));
        }
        let mut text = Text::default();
        text.histogram("batch_seconds", "Batches.", &[(&[("step", "load")], &histogram)]);
        for line in [
            "# TYPE deskwarden_batch_seconds histogram",
            "deskwarden_batch_seconds_bucket{step=\"load\",le=\"0.001\"} 1",
            "deskwarden_batch_seconds_bucket{step=\"load\",le=\"0.005\"} 2",
            "deskwarden_batch_seconds_bucket{step=\"load\",le=\"10\"} 2",
            "deskwarden_batch_seconds_bucket{step=\"load\",le=\"+Inf\"} 3",
            "deskwarden_batch_seconds_sum{step=\"load\"} 20.004",
            "deskwarden_batch_seconds_count{step=\"load\"} 3",
        ] {
            assert!(
                text.lines.lines().any(|have| have == line),
                "{line}: {}",
                text.lines
            );
        }
    }

    #[test]
    fn a_hostile_label_stays_one_label_on_one_line() {
        let mut text = Text::default();
        text.gauge("devices", "Devices.")
            .line(&[("version", "1\"} 9\nx{y=\"\\"), ("state", "off")], 2.0)
            .line(&[], 0.5);
        assert_eq!(
            text.lines,
            "# HELP deskwarden_devices Devices.\n# TYPE deskwarden_devices gauge\n\
             deskwarden_devices{version=\"1\\\"} 9\\nx{y=\\\"\\\\\",state=\"off\"} 2\n\
             deskwarden_devices 0.5\n"
        );
    }
}
