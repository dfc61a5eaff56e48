//! The page of figures (`deploy/docs/performance.md`), made of result files alone. Pure.

use std::fmt::Write as _;

use super::{
    machine::Machine,
    result::{Budget, Figure, Limit, Report},
    spread::rounded,
};

const HEAD: &str = "\
# Performance

Generated from the result files in [figures](figures) by `./tests/bench --document`; a test holds the two together.
Nothing here is typed by hand, and no test fails for being slow: what may be counted (files opened, bytes parsed, items
judged) is asserted by tests, milliseconds are measured here. Peers are packages of the same Debian, measured in the same
run on the same machine. A missed budget stays in the table until it is met.
";

/// The whole page.
pub fn whole(reports: &[Report]) -> String {
    let mut page = HEAD.to_owned();
    for report in reports {
        page.push('\n');
        page.push_str(&part(report));
    }
    page
}

/// The part of one bench.
pub fn part(report: &Report) -> String {
    let mut page = format!("## {}\n\n", report.title);
    for paragraph in &report.about {
        page.push_str(paragraph);
        page.push_str("\n\n");
    }
    let Report {
        command,
        commit,
        date,
        ..
    } = report;
    write_line(
        &mut page,
        &format!(
            "`{command}` at commit `{commit}`, {date}, on {}.",
            machine(&report.machine)
        ),
    );
    if !report.budgets.is_empty() {
        page.push_str("\n| budget | bound | result | kept | from |\n|---|---|---|---|---|\n");
        for budget in &report.budgets {
            write_line(&mut page, &budget_row(budget));
        }
    }
    let mut tables: Vec<&str> = Vec::new();
    for figure in &report.figures {
        if !tables.contains(&figure.table.as_str()) {
            tables.push(&figure.table);
        }
    }
    for table in tables {
        let of_it: Vec<&Figure> = report
            .figures
            .iter()
            .filter(|figure| figure.table == table)
            .collect();
        page.push_str(&pivot(table, &of_it));
    }
    if !report.findings.is_empty() {
        page.push_str("\nWhat the figures do not say:\n\n");
        for finding in &report.findings {
            write_line(&mut page, &format!("- {}: {}", finding.about, finding.text));
        }
    }
    page
}

fn budget_row(budget: &Budget) -> String {
    let unit = &budget.unit;
    let bound = match budget.limit {
        Limit::AtMost(limit) => format!("≤ {} {unit}", number(limit)),
        Limit::AtLeast(limit) => format!("≥ {} {unit}", number(limit)),
    };
    let kept = if budget.is_met() { "yes" } else { "**no**" };
    format!(
        "| {} | {} | {} {unit} | {kept} | {} |",
        budget.what,
        bound.trim_end(),
        number(budget.result),
        budget.from
    )
}

/// Rows are subjects, columns what was measured.
fn pivot(table: &str, figures: &[&Figure]) -> String {
    let mut columns: Vec<(&str, &str)> = Vec::new();
    let mut subjects: Vec<&str> = Vec::new();
    for figure in figures {
        if !columns.contains(&(&figure.what, &figure.unit)) {
            columns.push((&figure.what, &figure.unit));
        }
        if !subjects.contains(&figure.subject.as_str()) {
            subjects.push(&figure.subject);
        }
    }
    let heads: Vec<String> = columns
        .iter()
        .map(|(what, unit)| match *unit {
            "" => (*what).to_owned(),
            unit => format!("{what}, {unit}"),
        })
        .collect();
    let mut text = format!(
        "\n| {table} | {} |\n|---|{}\n",
        heads.join(" | "),
        "--:|".repeat(columns.len())
    );
    for subject in subjects {
        let cells: Vec<String> = columns
            .iter()
            .map(|(what, unit)| {
                let found = figures
                    .iter()
                    .find(|f| f.subject == subject && f.what == *what && f.unit == *unit);
                found.map(|figure| number(figure.value)).unwrap_or_default()
            })
            .collect();
        write_line(&mut text, &format!("| {subject} | {} |", cells.join(" | ")));
    }
    text
}

fn machine(machine: &Machine) -> String {
    format!(
        "{} ({} cores, {:.0} GiB), {}, Linux {}, {} packages",
        machine.processor,
        machine.cores,
        machine.memory_mib as f64 / 1024.0,
        machine.system,
        machine.kernel,
        machine.packages
    )
}

/// Thousands apart, no digits that mean nothing.
fn number(value: f64) -> String {
    let text = format!("{}", rounded(value));
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text.as_str(), None),
    };
    let digits: Vec<char> = whole.chars().collect();
    let mut grouped = String::new();
    for (index, digit) in digits.iter().enumerate() {
        if index > 0
            && (digits.len() - index).is_multiple_of(3)
            && digits.get(index - 1).is_some_and(char::is_ascii_digit)
        {
            grouped.push(',');
        }
        grouped.push(*digit);
    }
    match fraction {
        Some(fraction) => format!("{grouped}.{fraction}"),
        None => grouped,
    }
}

fn write_line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    writeln!(text, "{line}").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let machine = Machine {
            processor: "Example CPU".to_owned(),
            cores: 2,
            memory_mib: 4096,
            system: "Debian".to_owned(),
            kernel: "6.1".to_owned(),
            packages: 750,
        };
        Report {
            bench: "x".to_owned(),
            title: "Example".to_owned(),
            about: vec!["How.".to_owned()],
            command: "./tests/bench x".to_owned(),
            commit: "abc".to_owned(),
            date: "2026-01-01".to_owned(),
            machine,
            budgets: Vec::new(),
            figures: Vec::new(),
            findings: Vec::new(),
            raw: serde_json::Value::Null,
        }
    }

    #[test]
    fn a_missed_budget_is_said() {
        let mut report = report();
        report.budget("scan", Limit::AtMost(25.0), 26.0, "ms", "median");
        report.budget("speed", Limit::AtLeast(15.0), 15.0, "times", "median");
        let page = part(&report);
        assert!(
            page.contains("| scan | ≤ 25 ms | 26 ms | **no** | median |"),
            "{page}"
        );
        assert!(
            page.contains("| speed | ≥ 15 times | 15 times | yes | median |"),
            "{page}"
        );
    }

    #[test]
    fn a_table_has_a_row_per_subject_and_a_column_per_measure() {
        let mut report = report();
        report.figure("who", "we", "CPU", 1234.0, "ms");
        report.figure("who", "they", "CPU", 5.0, "ms");
        report.figure("who", "we", "memory", 1.5, "MiB");
        let page = part(&report);
        let table = "| who | CPU, ms | memory, MiB |\n|---|--:|--:|\n| we | 1,234 | 1.5 |\n| they | 5 |  |\n";
        assert!(page.contains(table), "{page}");
    }

    #[test]
    fn a_result_survives_its_file() {
        let mut report = report();
        report.budget("scan", Limit::AtMost(25.0), 26.0, "ms", "median");
        let text = serde_json::to_string(&report).unwrap();
        let read: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(part(&read), part(&report));
    }
}
