//! `notice`: rectification notices: issued, answered, filed.

use clap::{Args, Subcommand};
use deskwarden_domain::{
    model::{FindingId, FindingState, Millis, Notice, NoticeReply, NoticeState},
    notice::Terms,
    port::NoticeFilter,
};
use serde_json::{Value, json};

use crate::{
    clock::rfc3339,
    notices::{self, NoticeError},
    rules_dir::load_context,
};

use super::{
    CliError, args,
    out::Out,
    session::{ACTOR, Session, all, now},
};

#[derive(Debug, Subcommand)]
pub(super) enum NoticeCommand {
    /// Issue a notice for findings of one person, department or PC
    Issue(Issue),
    /// List notices, newest first
    List {
        /// issued, overdue, rectified or closed; without it all
        #[arg(long, value_parser = ["issued", "overdue", "rectified", "closed"])]
        state: Option<String>,
    },
    /// Show a notice with its lines and what was said to it
    Show {
        /// Its number in `notice list`
        number: String,
    },
    /// Record what the addressee said
    Reply(Reply),
    /// File a notice
    Close {
        /// Its number in `notice list`
        number: String,
        /// Why, where something of it is still there
        #[arg(long, default_value = "")]
        note: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Issue {
    /// A finding (see `finding list`); may be given several times
    #[arg(long, value_name = "ID", required = true)]
    finding: Vec<i64>,
    /// Last day to put things right, as 2027-01-31 [default: as configured]
    #[arg(long, value_name = "DAY")]
    due: Option<String>,
    /// What is demanded beyond the remedies of the rules
    #[arg(long, default_value = "")]
    demand: String,
    /// How to object, instead of the usual words
    #[arg(long)]
    objection: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Reply {
    /// Number of the notice
    number: String,
    /// Who said it
    #[arg(long, value_name = "NAME")]
    by: String,
    /// What was said
    #[arg(long)]
    text: String,
    /// It contests the notice
    #[arg(long)]
    objection: bool,
}

pub(super) fn run(command: NoticeCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let store = session.store.as_ref();
    match command {
        NoticeCommand::Issue(issue) => enter(issue, session, out),
        NoticeCommand::List { state } => list(state.as_deref(), session, out),
        NoticeCommand::Show { number } => show(&number, session, out),
        NoticeCommand::Reply(reply) => {
            let said = NoticeReply {
                at: now(),
                recorded_by: ACTOR.to_owned(),
                author: reply.by,
                objection: reply.objection,
                text: reply.text,
            };
            notices::reply(store, &reply.number, &said).map_err(refused)?;
            show(&reply.number, session, out)
        }
        NoticeCommand::Close { number, note } => {
            notices::close(store, &number, ACTOR, &note, now()).map_err(refused)?;
            show(&number, session, out)
        }
    }
}

fn refused(error: NoticeError) -> CliError {
    match error {
        NoticeError::Store(error) => CliError::Store(error),
        other => CliError::refused(other),
    }
}

fn enter(issue: Issue, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let (store, at, office) = (session.store.as_ref(), now(), &session.config.office);
    let terms = Terms {
        due_at: match &issue.due {
            Some(text) => args::day("--due", text, office.zone)?.1,
            None => office.proposed(at),
        },
        demand: issue.demand,
        objection: issue.objection.unwrap_or_else(|| office.objection(out.lang)),
    };
    let ids: Vec<FindingId> = issue.finding.iter().copied().map(FindingId).collect();
    let rules = load_context(store)?.rules;
    let number = notices::issue(store, &rules, office, &ids, &terms, ACTOR, at).map_err(refused)?;
    show(&number, session, out)
}

fn list(state: Option<&str>, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let at = now();
    let filter = NoticeFilter {
        state: state.and_then(NoticeState::by_name),
        overdue_at: (state == Some("overdue")).then_some(at),
        ..NoticeFilter::default()
    };
    let rows = all(|paging| session.store.notices(&filter, paging))?;
    if out.json {
        return Ok(out.value(&rows.iter().map(|notice| to_json(notice, &[], at)).collect())?);
    }
    let cells = rows.iter().map(|notice| {
        vec![
            notice.number.clone(),
            state_word(notice, at, out).to_owned(),
            notice.name.clone(),
            notice.lines.len().to_string(),
            notice
                .lines
                .iter()
                .filter(|line| line.cleared.is_none())
                .count()
                .to_string(),
            out.moment(notice.issued_at),
            out.moment(notice.due_at),
        ]
    });
    let cells = cells.collect();
    let headings = [
        ("编号", "NUMBER"),
        ("状态", "STATE"),
        ("被通知人", "ADDRESSEE"),
        ("问题数", "FINDINGS"),
        ("未整改", "LEFT"),
        ("签发", "ISSUED"),
        ("期限", "DUE"),
    ];
    Ok(out.table(&headings, cells)?)
}

fn show(number: &str, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let (notice, replies) = notices::find(session.store.as_ref(), number).map_err(refused)?;
    let at = now();
    if out.json {
        return Ok(out.value(&to_json(&notice, &replies, at))?);
    }
    let head = vec![
        vec![out.say("编号", "Number").to_owned(), notice.number.clone()],
        vec![out.say("被通知人", "Addressee").to_owned(), notice.name.clone()],
        vec![
            out.say("状态", "State").to_owned(),
            state_word(&notice, at, out).to_owned(),
        ],
        vec![out.say("签发", "Issued").to_owned(), out.moment(notice.issued_at)],
        vec![out.say("期限", "Due").to_owned(), out.moment(notice.due_at)],
        vec![out.say("整改要求", "Demanded").to_owned(), notice.demand.clone()],
        vec![
            out.say("异议", "Objection").to_owned(),
            session.config.office.objection_of(&notice.objection, out.lang),
        ],
    ];
    out.table(&[("项", "FIELD"), ("值", "VALUE")], head)?;
    let lang = out.lang;
    let lines = notice.lines.iter().map(|line| {
        vec![
            line.finding.0.to_string(),
            line.words.clause.clone(),
            line.words.found.get(lang).to_owned(),
            line.words.asset_name.clone(),
            line.cleared
                .map(|(at, _)| out.moment(at))
                .unwrap_or_else(|| out.say("未整改", "not yet").to_owned()),
        ]
    });
    let lines = lines.collect();
    out.table(
        &[
            ("问题", "FINDING"),
            ("条款", "CLAUSE"),
            ("检查发现", "FOUND"),
            ("设备", "PC"),
            ("整改", "PUT RIGHT"),
        ],
        lines,
    )?;
    let said = replies.iter().map(|reply| {
        let (zh, en) = if reply.objection {
            ("异议", "objection")
        } else {
            ("回复", "reply")
        };
        vec![
            out.moment(reply.at),
            out.say(zh, en).to_owned(),
            reply.author.clone(),
            reply.text.clone(),
        ]
    });
    let said = said.collect();
    Ok(out.table(
        &[
            ("时间", "AT"),
            ("类别", "KIND"),
            ("何人", "WHO"),
            ("内容", "WORDS"),
        ],
        said,
    )?)
}

fn state_word<'a>(notice: &Notice, at: Millis, out: &Out<'a>) -> &'a str {
    match notice.state {
        NoticeState::Issued if notice.is_overdue(at) => out.say("已逾期", "overdue"),
        NoticeState::Issued => out.say("整改中", "issued"),
        NoticeState::Rectified => out.say("已整改", "rectified"),
        NoticeState::Closed => out.say("已归档", "closed"),
    }
}

fn to_json(notice: &Notice, replies: &[NoticeReply], at: Millis) -> Value {
    let lines = notice.lines.iter().map(|line| {
        json!({
            "finding": line.finding.0,
            "asset": line.asset.map(|asset| asset.0),
            "words": line.words,
            "cleared_at": line.cleared.map(|(at, _)| rfc3339(at)),
            "cleared_as": line.cleared.map(|(_, state): (Millis, FindingState)| state.name()),
        })
    });
    let said = replies.iter().map(|reply| {
        json!({
            "at": rfc3339(reply.at), "recorded_by": reply.recorded_by, "author": reply.author,
            "objection": reply.objection, "text": reply.text,
        })
    });
    json!({
        "number": notice.number,
        "state": notice.state.name(),
        "overdue": notice.is_overdue(at),
        "addressee": notice.addressee.name(),
        "name": notice.name,
        "issued_at": rfc3339(notice.issued_at),
        "issued_by": notice.issued_by,
        "due_at": rfc3339(notice.due_at),
        "demand": notice.demand,
        "objection": notice.objection,
        "rectified_at": notice.rectified_at.map(rfc3339),
        "closed": notice.closed.as_ref().map(|(at, by, note)| json!({"at": rfc3339(*at), "by": by, "note": note})),
        "lines": lines.collect::<Vec<_>>(),
        "replies": said.collect::<Vec<_>>(),
    })
}
