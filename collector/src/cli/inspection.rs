//! `inspection`: runs over the whole fleet (OUT 7.4), and providers to be assessed anew (OUT 15).

use clap::Subcommand;
use deskwarden_domain::{
    model::{By, Inspected, Inspection, Lang, Reassess, Tally},
    port::Paging,
};
use serde_json::{Value, json};

use crate::{
    clock::rfc3339,
    inspections::{self, SettleError},
};

use super::{
    CliError,
    out::{Out, cell},
    session::{ACTOR, Session, all, now},
};

#[derive(Debug, Subcommand)]
pub(super) enum InspectionCommand {
    /// Make a run now
    Run,
    /// List runs, newest first
    List,
    /// Show a run: by department, by provider, PC by PC
    Show {
        /// Its number in `inspection list`
        id: i64,
    },
    /// Providers that a critical finding has assessed anew
    Reassessments {
        /// Settled ones too
        #[arg(long)]
        all: bool,
    },
    /// A provider was assessed anew
    Settle {
        /// Its number in `inspection reassessments`
        id: i64,
        /// What the assessment came to
        #[arg(long)]
        note: String,
    },
}

pub(super) fn run(command: InspectionCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let store = session.store.as_ref();
    match command {
        InspectionCommand::Run => {
            let id = inspections::by_hand(store, ACTOR, session.config.zone, now())?;
            show(id, session, out)
        }
        InspectionCommand::List => list(session, out),
        InspectionCommand::Show { id } => show(id, session, out),
        InspectionCommand::Reassessments { all } => reassessments(all, session, out),
        InspectionCommand::Settle { id, note } => {
            inspections::settle(store, id, &note, ACTOR, now()).map_err(|error| match error {
                SettleError::Store(error) => CliError::Store(error),
                other => CliError::refused(other),
            })?;
            Ok(out.done(
                &json!({"id": id, "settled": true}),
                &format!("重新评估 {id} 已完成。"),
                &format!("Re-assessment {id} is settled."),
            )?)
        }
    }
}

fn list(session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let rows = all(|paging| session.store.inspections(paging))?;
    if out.json {
        return Ok(out.value(&rows.iter().map(|(run, tally)| head(run, tally)).collect())?);
    }
    let cells = rows.iter().map(|(run, tally)| {
        let mut cells = vec![
            run.id.to_string(),
            run.label.clone(),
            run.by.clone(),
            out.moment(run.at),
        ];
        cells.extend(numbers(tally));
        cells
    });
    let cells = cells.collect();
    let mut headings = vec![
        ("编号", "ID"),
        ("期间", "PERIOD"),
        ("发起人", "BY"),
        ("时间", "AT"),
    ];
    headings.extend(NUMBERS);
    Ok(out.table(&headings, cells)?)
}

const NUMBERS: [(&str, &str); 5] = [
    ("电脑", "PCS"),
    ("合规率", "COMPLIANT"),
    ("失联", "AWAY"),
    ("问题", "FINDINGS"),
    ("紧急", "CRITICAL"),
];

fn numbers(tally: &Tally) -> Vec<String> {
    let [.., critical] = tally.findings;
    vec![
        tally.assets.to_string(),
        tally
            .rate()
            .map_or_else(String::new, |rate| format!("{}.{} %", rate / 10, rate % 10)),
        tally.away.to_string(),
        tally.findings.iter().sum::<u64>().to_string(),
        critical.to_string(),
    ]
}

fn show(id: i64, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let store = session.store.as_ref();
    let found = store.inspection(id)?;
    let (run, tally) = found.ok_or_else(|| {
        CliError::Refused(format!(
            "there is no inspection {id}; `inspection list` shows all"
        ))
    })?;
    let departments = store.inspection_tallies(id, By::Department)?;
    let providers = store.inspection_tallies(id, By::Provider)?;
    if out.json {
        let rows = all(|paging| store.inspected(id, paging))?;
        let mut value = head(&run, &tally);
        if let Value::Object(fields) = &mut value {
            let by = |tallies: &[(String, Tally)]| -> Value {
                let rows = tallies
                    .iter()
                    .map(|(name, tally)| json!({"name": name, "tally": tally}));
                rows.collect()
            };
            fields.insert("departments".to_owned(), by(&departments));
            fields.insert("providers".to_owned(), by(&providers));
            fields.insert("assets".to_owned(), json!(rows));
        }
        return Ok(out.value(&value)?);
    }
    out.line(&format!("{} {}", run.label, out.moment(run.at)))?;
    for (heading, rows) in [
        (("部门", "DEPARTMENT"), &departments),
        (("外包单位", "PROVIDER"), &providers),
    ] {
        let cells = rows.iter().map(|(name, tally)| {
            let mut cells = vec![name.clone()];
            cells.extend(numbers(tally));
            cells
        });
        let cells = cells.collect();
        let mut headings = vec![heading];
        headings.extend(NUMBERS);
        out.table(&headings, cells)?;
    }
    let window = Paging { offset: 0, limit: 50 };
    let rows = store.inspected(id, window)?.rows;
    let lang = out.lang;
    let cells = rows.iter().map(|row| asset(row, lang, out)).collect();
    let headings = [
        ("编号", "NUMBER"),
        ("名称", "NAME"),
        ("部门", "DEPARTMENT"),
        ("最近上报", "LAST SEEN"),
        ("违反", "FAIL"),
        ("无法检查", "COULD NOT LOOK"),
        ("问题", "FINDINGS"),
        ("运行状况", "HEALTH"),
    ];
    Ok(out.table(&headings, cells)?)
}

fn asset(row: &Inspected, lang: Lang, out: &Out<'_>) -> Vec<String> {
    let [_, failed, blind] = row.outcomes;
    let gauges: Vec<String> = row
        .gauges
        .iter()
        .map(|gauge| {
            let name = inspections::gauge_name(&gauge.name, lang);
            format!("{name} {}", inspections::gauge(&gauge.unit, gauge.average))
        })
        .collect();
    vec![
        cell(row.number.as_deref()),
        row.name.clone(),
        cell(row.department.as_deref()),
        row.seen_at.map(|at| out.moment(at)).unwrap_or_default(),
        failed.to_string(),
        blind.to_string(),
        row.findings.iter().sum::<u64>().to_string(),
        gauges.join(", "),
    ]
}

fn head(run: &Inspection, tally: &Tally) -> Value {
    json!({
        "id": run.id, "label": run.label, "by": run.by, "at": rfc3339(run.at), "since": rfc3339(run.since),
        "tally": tally, "rate": tally.rate(), "grade": tally.grade().name(),
    })
}

fn reassessments(settled: bool, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let rows = session.store.reassessments(settled, 500)?;
    if out.json {
        return Ok(out.value(&rows.iter().map(to_json).collect())?);
    }
    let cells = rows.iter().map(|row| {
        vec![
            row.id.to_string(),
            row.provider.clone(),
            row.finding.0.to_string(),
            out.moment(row.raised_at),
            row.settled
                .as_ref()
                .map(|(at, by, _)| format!("{} {by}", out.moment(*at)))
                .unwrap_or_default(),
            row.settled
                .as_ref()
                .map(|(.., note)| note.clone())
                .unwrap_or_default(),
        ]
    });
    let cells = cells.collect();
    let headings = [
        ("编号", "ID"),
        ("外包单位", "PROVIDER"),
        ("问题", "FINDING"),
        ("提出", "RAISED"),
        ("完成", "SETTLED"),
        ("结论", "NOTE"),
    ];
    Ok(out.table(&headings, cells)?)
}

fn to_json(row: &Reassess) -> Value {
    json!({
        "id": row.id, "provider": row.provider, "finding": row.finding.0, "raised_at": rfc3339(row.raised_at),
        "settled": row.settled.as_ref().map(|(at, by, note)| json!({"at": rfc3339(*at), "by": by, "note": note})),
    })
}
