//! What an edit of the rules costs a collector with many PCs: from the saved file until every PC is judged under it.
//! CPU of the collector's process, and the time that passes.
#![expect(clippy::print_stderr, reason = "a bench talks to a person")]

#[path = "rejudge/office.rs"]
mod office;

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use deskwarden_tests::{
    bench::{Limit, Report, resident},
    collector::{Collector, Setup},
    wait::eventually,
};
use rusqlite::{Connection, OpenFlags};

/// PCs of the office, and titles of each.
const DEVICES: u32 = 10_000;
const TITLES: u32 = 250;
/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(600);
/// What is edited: one rule, in a file of the company's own.
const FILE: &str = "bench.toml";

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1).filter(|argument| argument != "--bench");
    let devices = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(DEVICES);
    let mut collector = Setup::new()?.start()?;
    collector.program().stop()?;
    let database = collector.data().join("deskwarden.db");
    let began = Instant::now();
    office::fill(&database, devices, TITLES)?;
    eprintln!(
        "{devices} PCs with {TITLES} titles each, in {:.0} s",
        began.elapsed().as_secs_f64()
    );
    collector.restart()?;
    let watcher = Watcher::on(&database)?;
    watcher.wait(0)?;

    let mut report = Report::new("rejudge", "What an edit of the rules costs")?;
    report.about(&format!(
        "{devices} PCs with {TITLES} titles each in SQLite, judged before under the shipped rules and one rule more. A
        file of rules.d is saved; the collector notices, and it is over when every PC is judged under the edit. CPU of
        the collector's process, all threads. No agent is connected."
    ));
    let cases: [(&str, &str, &str); 7] = [
        (
            "a new rule, which nothing breaches",
            "low",
            "name = \"title of nobody\"",
        ),
        (
            "it finds what one PC in twenty has",
            "low",
            &office::title_of_some(),
        ),
        ("it is more severe", "high", &office::title_of_some()),
        ("it finds what nobody has", "high", "name = \"title of nobody\""),
        ("it finds what every PC has", "low", &office::title_of_all()),
        (
            "it finds what nobody has again",
            "low",
            "name = \"title of nobody\"",
        ),
        ("a remark in the file", "low", "name = \"title of nobody\""),
    ];
    let mut asked = 0.0;
    for (number, (case, severity, select)) in cases.iter().enumerate() {
        let spent = watcher.edit(&mut collector, &rule(number, severity, select))?;
        report.figure("one edit", case, "CPU", spent.cpu_s, "s");
        report.figure("one edit", case, "until judged", spent.wall_s, "s");
        report.figure("one edit", case, "findings open", spent.open, "");
        eprintln!(
            "{case}: {:.2} s CPU, {:.2} s, {} open",
            spent.cpu_s, spent.wall_s, spent.open
        );
        if number == 1 {
            asked = spent.cpu_s;
        }
    }
    report.budget(
        "one edited rule, 10,000 PCs with 250 titles",
        Limit::AtMost(3.0),
        asked,
        "s",
        "CPU of one core, from the saved file to the last PC; the rule now finds what one PC in twenty has",
    );
    report.save()
}

fn rule(number: usize, severity: &str, select: &str) -> String {
    format!(
        "# Edit {number}.\n[[rule]]\nid = \"bench.title\"\nclause = \"PC 3.2.3\"\nseverity = \"{severity}\"\nkind = \"item\"\n\
         sections = [\"software\"]\ntitle = {{ zh = \"软件\", en = \"Title\" }}\nmessage = {{ zh = \"{{subject}}\", en = \"{{subject}}\" }}\n\
         remedy = {{ zh = \"卸载\", en = \"Remove it\" }}\nselect = {{ {select} }}\n"
    )
}

struct Spent {
    cpu_s: f64,
    wall_s: f64,
    open: f64,
}

/// Looks at the store from beside.
struct Watcher {
    connection: Connection,
    place: PathBuf,
}

impl Watcher {
    fn on(database: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        Ok(Self {
            connection: Connection::open_with_flags(database, flags)?,
            place: database.to_owned(),
        })
    }

    fn number(&self, sql: &str) -> Result<i64> {
        let name = self.place.display();
        self.connection
            .query_row(sql, [], |row| row.get(0))
            .with_context(|| format!("{name} cannot be looked at"))
    }

    fn generation(&self) -> Result<i64> {
        self.number("SELECT generation FROM context_generation")
    }

    /// Until every PC is judged under a generation above `before`.
    fn wait(&self, before: i64) -> Result<()> {
        eventually("every PC judged", PATIENCE, || {
            let behind = "SELECT COUNT(*) FROM (SELECT 1 FROM assets WHERE judged_generation < (SELECT generation FROM context_generation) LIMIT 1)";
            Ok((self.generation()? > before && self.number(behind)? == 0).then_some(()))
        })
    }

    fn edit(&self, collector: &mut Collector, content: &str) -> Result<Spent> {
        let file = collector.rules_dir().join(FILE);
        let process = collector.program().id();
        let before = self.generation()?;
        let (cpu, began) = (resident::cpu_ms(process)?, Instant::now());
        let new = file.with_extension("new");
        fs::write(&new, content)?;
        fs::rename(&new, &file)?;
        self.wait(before)?;
        let wall_s = began.elapsed().as_secs_f64();
        let open = "SELECT COUNT(*) FROM findings WHERE rule = 'bench.title' AND state = 'open'";
        Ok(Spent {
            cpu_s: (resident::cpu_ms(process)? - cpu) / 1e3,
            wall_s,
            open: self.number(open)? as f64,
        })
    }
}
