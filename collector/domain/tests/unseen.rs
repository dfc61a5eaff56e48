//! How the catalogue does on titles that its writer had not seen: `deploy/docs/catalogue.md` is written from it.
//!
//! `unseen/*.tsv` are the titles and their labels, `unseen/*.runs.tsv` what earlier states of the catalogue said of
//! each of them. Set `DESKWARDEN_UPDATE=1` to write the page anew.

mod packs;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use deskwarden_domain::rules::RuleSet;
use deskwarden_proto::v1::{self, SoftwareKind, facet};

/// Categories that the regulation forbids: to be taken for one of them is an accusation.
const FORBIDDEN: [&str; 15] = [
    "chat",
    "game",
    "video",
    "music",
    "downloader",
    "proxy",
    "vpn",
    "hacking",
    "malware",
    "crack",
    "remote_control",
    "cloud_drive",
    "bulk_mail",
    "mining",
    "stock",
];

/// A list of titles: the day of its first run, the labels, and what earlier states of the catalogue said.
struct Round {
    date: &'static str,
    labels: &'static str,
    runs: &'static str,
}

macro_rules! rounds {
    ($($date:literal),+ $(,)?) => {
        [$(Round {
            date: $date,
            labels: include_str!(concat!("unseen/", $date, ".tsv")),
            runs: include_str!(concat!("unseen/", $date, ".runs.tsv")),
        }),+]
    };
}

/// Newest first.
const ROUNDS: &[Round] = &rounds![
    "2026-11-29h",
    "2026-11-29g",
    "2026-11-29f",
    "2026-11-29e",
    "2026-11-29d",
    "2026-11-29c",
    "2026-11-29b",
    "2026-11-29",
    "2026-11-28d",
    "2026-11-28c",
    "2026-11-28b",
    "2026-11-28",
    "2026-11-25"
];

/// A title and what a careful person takes it for.
struct Title<'a> {
    name: &'a str,
    publisher: &'a str,
    exe: &'a str,
    windows: bool,
    label: &'a str,
    accepted: BTreeSet<&'a str>,
}

impl Title<'_> {
    fn forbidden(&self) -> bool {
        FORBIDDEN.contains(&self.label)
    }
}

fn titles(round: &Round) -> Vec<Title<'static>> {
    let rows = round.labels.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, publisher, exe, platform, label, also, source] = fields[..] else {
            unreachable!("seven fields: {line}");
        };
        assert!(!source.is_empty(), "{name}");
        Title {
            name,
            publisher,
            exe,
            windows: platform == "windows",
            label,
            accepted: also.split_whitespace().chain([label]).collect(),
        }
    });
    rows.collect()
}

/// As `catalogue classify` takes a row.
fn verdict(rules: &RuleSet, title: &Title<'_>) -> Vec<String> {
    let is_package = title.name.bytes().all(|b| b.is_ascii_graphic());
    let (kind, platform) = match (title.windows, is_package) {
        (true, _) => (SoftwareKind::UninstallEntry, "windows-x86_64"),
        (false, true) => (SoftwareKind::Package, "linux-x86_64"),
        (false, false) => (SoftwareKind::Portable, "linux-x86_64"),
    };
    let software = v1::Software {
        name: title.name.to_owned(),
        publisher: title.publisher.to_owned(),
        exe: title
            .exe
            .rsplit(['/', '\\'])
            .next()
            .unwrap_or_default()
            .to_owned(),
        kind: kind.into(),
        ..v1::Software::default()
    };
    rules
        .classify(&facet::Kind::Software(software), platform)
        .map(|class| class.categories)
        .unwrap_or_default()
}

#[derive(Default)]
struct Score {
    hits: usize,
    accusations: Vec<String>,
    /// Of the accusations those that the rules show without accusing.
    dual_use: usize,
    misses: Vec<String>,
    /// Label, then what the titles of it were taken for.
    matrix: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Score {
    fn of(titles: &[Title<'_>], verdicts: &[Vec<String>]) -> Self {
        assert_eq!(titles.len(), verdicts.len());
        let mut score = Self::default();
        for (title, verdict) in titles.iter().zip(verdicts) {
            score.count(title, verdict);
        }
        score
    }

    fn count(&mut self, title: &Title<'_>, verdict: &[String]) {
        let reported: Vec<&str> = verdict
            .iter()
            .map(String::as_str)
            .filter(|category| FORBIDDEN.contains(category))
            .collect();
        let right = reported.iter().any(|category| title.accepted.contains(category));
        let nothing_reported_is_right =
            reported.is_empty() && title.accepted.iter().any(|label| !FORBIDDEN.contains(label));
        if right {
            self.hits += 1;
        } else if !reported.is_empty() {
            self.accusations
                .push(format!("{} ({}): {}", title.name, title.label, verdict.join(" ")));
            self.dual_use += usize::from(verdict.iter().any(|category| category == "dual_use"));
        }
        if !right && title.forbidden() && !nothing_reported_is_right {
            self.misses.push(format!("{} ({})", title.name, title.label));
        }
        let shown = verdict
            .iter()
            .find(|category| title.accepted.contains(category.as_str()))
            .or(verdict.first())
            .map_or("unknown", String::as_str);
        *self
            .matrix
            .entry(title.label.to_owned())
            .or_default()
            .entry(shown.to_owned())
            .or_default() += 1;
    }

    fn precision(&self) -> f64 {
        percent(self.hits, self.accusations.len())
    }

    fn precision_without_dual_use(&self) -> f64 {
        percent(self.hits, self.accusations.len() - self.dual_use)
    }

    fn recall(&self) -> f64 {
        percent(self.hits, self.misses.len())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred titles")]
fn percent(good: usize, bad: usize) -> f64 {
    100.0 * good as f64 / (good + bad) as f64
}

/// What earlier states said, by the name of the run.
fn earlier(round: &Round) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let mut lines = round.runs.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split('\t').collect()).collect();
    let of = |index: usize| {
        let words = |row: &Vec<&str>| row[index].split_whitespace().map(str::to_owned).collect();
        rows.iter().map(words).collect()
    };
    names
        .into_iter()
        .enumerate()
        .map(|(index, name)| (name, of(index)))
        .collect()
}

fn put(page: &mut String, line: &str) {
    page.push_str(line);
    page.push('\n');
}

fn matrix(page: &mut String, score: &Score) {
    page.push_str("| label | titles | taken for |\n|---|---|---|\n");
    for (label, row) in &score.matrix {
        let mut cells: Vec<(&String, &usize)> = row.iter().collect();
        cells.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
        let cells: Vec<String> = cells
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        let total: usize = row.values().sum();
        put(page, &format!("| {label} | {total} | {} |", cells.join(", ")));
    }
    page.push('\n');
}

fn list(page: &mut String, heading: &str, items: &[String]) {
    if !items.is_empty() {
        put(page, &format!("{heading}: {}.\n", items.join("; ")));
    }
}

/// A round, its titles, and how often what was said of them.
type Scored<'r> = (&'r Round, Vec<Title<'r>>, Vec<(String, Score)>);

/// How many titles stand in no list before this one, and how they did; `None` where that is all of them.
fn of_no_earlier_list(
    round: &Round,
    titles: &[Title<'static>],
    verdicts: &[Vec<String>],
) -> Option<(usize, Score)> {
    let older = ROUNDS.iter().skip_while(|other| other.date != round.date).skip(1);
    let used: BTreeSet<String> = older
        .flat_map(self::titles)
        .map(|title| title.name.to_lowercase())
        .collect();
    let mut score = Score::default();
    let (mut count, mut all) = (0, true);
    for (title, verdict) in titles.iter().zip(verdicts) {
        if used.contains(&title.name.to_lowercase()) {
            all = false;
        } else {
            count += 1;
            score.count(title, verdict);
        }
    }
    (!all).then_some((count, score))
}

/// The titles of one platform, for a row of the table only: without a matrix, which shows what their kinds are.
fn of_platform(titles: &[Title<'_>], verdicts: &[Vec<String>], windows: bool) -> (usize, Score) {
    let mut score = Score::default();
    let mut count = 0;
    for (title, verdict) in titles.iter().zip(verdicts) {
        if title.windows == windows {
            count += 1;
            score.count(title, verdict);
        }
    }
    score.matrix.clear();
    (count, score)
}

fn page(rounds: &[Scored<'_>]) -> String {
    let mut page = String::from(include_str!("unseen/page.md"));
    for (round, titles, runs) in rounds {
        let forbidden = titles.iter().filter(|title| title.forbidden()).count();
        let (date, count) = (round.date, titles.len());
        // A second list of a day has a letter behind it.
        let day = date.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        put(
            &mut page,
            &format!(
                "## {date}\n\n{count} titles, {forbidden} of a forbidden category, collected and labelled on {day} without sight of the catalogue.\n"
            ),
        );
        page.push_str("| run | right | false accusations | of them `dual_use` | misses | precision | precision without `dual_use` | recall |\n|---|---|---|---|---|---|---|---|\n");
        for (name, score) in runs {
            put(
                &mut page,
                &format!(
                    "| {name} | {} | {} | {} | {} | {:.2} % | {:.2} % | {:.2} % |",
                    score.hits,
                    score.accusations.len(),
                    score.dual_use,
                    score.misses.len(),
                    score.precision(),
                    score.precision_without_dual_use(),
                    score.recall()
                ),
            );
        }
        page.push_str("| budget, for titles not seen | | | | | >= 99.5 % | | >= 97 % |\n\n");
        for (name, score) in runs.iter().filter(|(_, score)| !score.matrix.is_empty()) {
            put(&mut page, &format!("### {date}: {name}\n"));
            matrix(&mut page, score);
            list(&mut page, "False accusations", &score.accusations);
            list(&mut page, "Misses", &score.misses);
        }
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

#[test]
fn the_page_says_what_every_run_found_and_used_titles_stay_learnt() {
    let rules = packs::shipped();
    let mut rounds = Vec::new();
    for round in ROUNDS {
        let titles = titles(round);
        assert!(titles.len() >= 500, "{}", round.date);
        let mut runs = Vec::new();
        for (name, verdicts) in earlier(round) {
            runs.push((name.to_owned(), Score::of(&titles, &verdicts)));
            for (windows, platform) in [(true, "Windows"), (false, "Linux")] {
                let (count, score) = of_platform(&titles, &verdicts, windows);
                runs.push((format!("{name}, the {count} titles of {platform}"), score));
            }
            runs.extend(
                of_no_earlier_list(round, &titles, &verdicts)
                    .map(|(count, score)| (format!("{name}, the {count} titles of no earlier list"), score)),
            );
        }
        let now: Vec<Vec<String>> = titles.iter().map(|title| verdict(&rules, title)).collect();
        runs.push(("now, as training".to_owned(), Score::of(&titles, &now)));
        rounds.push((round, titles, runs));
    }
    let written = page(&rounds);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/docs/catalogue.md");
    if std::env::var_os("DESKWARDEN_UPDATE").is_some() {
        std::fs::write(&path, &written).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == written,
        "deploy/docs/catalogue.md is not what this test finds; run it with DESKWARDEN_UPDATE=1\n{written}"
    );
    for (round, _, runs) in &rounds {
        let Some((_, score)) = runs.last() else { continue };
        assert_eq!(
            score.accusations.len(),
            score.dual_use,
            "{}: {:#?}",
            round.date,
            score.accusations
        );
        assert!(score.recall() >= 97.0, "{}: {:#?}", round.date, score.misses);
    }
}

#[test]
fn a_wrong_verdict_counts_as_it_should() {
    let title = |label: &'static str, also: &[&'static str]| Title {
        name: "x",
        publisher: "",
        exe: "",
        windows: true,
        label,
        accepted: also.iter().copied().chain([label]).collect(),
    };
    let titles = [
        title("none", &[]),
        title("chat", &[]),
        title("chat", &[]),
        title("vpn", &["none"]),
        title("development", &["dual_use"]),
        title("video", &["music"]),
    ];
    let said = |categories: &[&str]| categories.iter().map(|&category| category.to_owned()).collect();
    let verdicts = [
        said(&["game"]),
        said(&[]),
        said(&["office"]),
        said(&[]),
        said(&["hacking", "dual_use"]),
        said(&["music"]),
    ];
    let score = Score::of(&titles, &verdicts);
    assert_eq!(
        (
            score.hits,
            score.accusations.len(),
            score.dual_use,
            score.misses.len()
        ),
        (1, 2, 1, 2)
    );
    assert_eq!(score.matrix["chat"]["unknown"], 1);
}
