//! The board for Grafana in `deploy/grafana` asks for what `/metrics` of a running collector tells, and for all of it.

use std::collections::BTreeSet;

use deskwarden_tests::{
    architecture::tree,
    collector::{Collector, Setup},
    https::Client,
    sim::{Fleet, Plan},
};
use serde_json::Value;

/// Prefix of every metric.
const OURS: &str = "deskwarden_";
/// Schema of Grafana 10; later ones move a board up by themselves.
const SCHEMA: u64 = 38;
/// Characters of an API token behind its mark.
const SECRET: usize = 43;
/// Columns of a board.
const COLUMNS: u64 = 24;

#[test]
fn the_board_names_every_metric_that_a_collector_tells_and_no_other() {
    let setup = Setup::new().unwrap();
    let setup = setup.tables("[operations]\nbackup_mark = \"backup.done\"\n");
    let collector = setup.start().unwrap();
    // Some metrics are only there after a report.
    let mut fleet = Fleet::enrol(Plan { agents: 1, seed: 12 }, &collector).unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    let told: BTreeSet<String> = metrics(&collector)
        .lines()
        .filter_map(|line| Some(line.strip_prefix("# TYPE ")?.split(' ').next()?.to_owned()))
        .collect();
    assert!(told.len() > 15, "{told:?}");

    let asked: BTreeSet<String> = queries(&board())
        .iter()
        .flat_map(|query| names(query))
        .map(|name| base(&name, &told))
        .collect();
    assert_eq!(asked, told);

    // And the page explains each, under its own name and kind.
    let page = std::fs::read_to_string(tree::root().join("deploy/docs/operations.md")).unwrap();
    let explained: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `deskwarden_")?.split('`').next())
        .map(|name| format!("{OURS}{name}"))
        .collect();
    assert_eq!(explained, told);
}

/// A histogram is asked by the names of its lines.
fn base(name: &str, told: &BTreeSet<String>) -> String {
    ["_bucket", "_sum", "_count"]
        .iter()
        .filter_map(|part| name.strip_suffix(part))
        .find(|name| told.contains(*name))
        .unwrap_or(name)
        .to_owned()
}

#[test]
fn the_board_is_one_that_grafana_takes() {
    let board = board();
    assert_eq!(board["schemaVersion"], SCHEMA);
    // Of a board that is imported into another Grafana: no number of its own, and the data source is chosen there.
    assert!(board["id"].is_null() && board["uid"] == "deskwarden");
    let variables: Vec<&str> = board["templating"]["list"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|variable| variable["name"].as_str())
        .collect();
    assert_eq!(variables, ["datasource", "instance"]);
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels(&board) {
        let title = panel["title"].as_str().unwrap();
        assert!(
            ids.insert(panel["id"].as_u64().unwrap()),
            "{title}: a number that another has"
        );
        let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        for x in at("x")..at("x") + at("w") {
            assert!(x < COLUMNS, "{title} is wider than the board");
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{title} lies over another");
            }
        }
        // Chinese first, then English.
        assert!(title.contains(" / ") && !title.is_ascii(), "{title}");
        if panel["type"] == "row" {
            continue;
        }
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{title}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title} asks for nothing");
        for target in targets {
            let query = target["expr"].as_str().unwrap();
            assert!(query.contains("instance=~\"$instance\""), "{title}: {query}");
        }
    }
}

/// What a monitoring system reads with a token of its own.
fn metrics(collector: &Collector) -> String {
    let mut administrator = collector.administrator().unwrap();
    let fields = [("label", "Prometheus"), ("days", "30"), ("scope", "read")];
    let made = administrator.send("/api-tokens", "/api-tokens", &fields).unwrap();
    assert_eq!(made.status, 201, "{}", made.body);
    let (_, rest) = made.body.split_once("dwa_").unwrap();
    let secret: String = rest.chars().take(SECRET).collect();
    let client = Client::new(collector.dashboard().unwrap(), &collector.roots()).unwrap();
    let bearer = format!("Bearer dwa_{secret}");
    let answer = client.request("GET", "/metrics", &[("Authorization", &bearer)], "");
    let answer = answer.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

fn board() -> Value {
    let file = tree::root().join("deploy/grafana/deskwarden.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn panels(board: &Value) -> &Vec<Value> {
    board["panels"].as_array().unwrap()
}

/// Every query, those of variables too.
fn queries(board: &Value) -> Vec<String> {
    let panels = panels(board).iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let variables = board["templating"]["list"].as_array().unwrap().iter();
    targets
        .map(|target| &target["expr"])
        .chain(variables.map(|variable| &variable["definition"]))
        .filter_map(|query| query.as_str().map(str::to_owned))
        .collect()
}

/// Our metrics in a query.
fn names(query: &str) -> Vec<String> {
    query
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with(OURS))
        .map(str::to_owned)
        .collect()
}
