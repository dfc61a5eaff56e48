//! Notices decided: for which findings one may be issued, to whom it is addressed, what it says, and when it is
//! filed. Pure; numbers in sequence and lines that are over are kept by the store.

use crate::{
    model::{
        Addressee, Asset, AuditEntry, Finding, FindingHistory, FindingState, Lang, Millis, Notice,
        NoticeLine, NoticeReply, NoticeState, NoticeWords, Text,
    },
    operations,
    port::{Batch, FindingDetail, Op},
    rules::{self, RuleSet, Words, explain},
};
use deskwarden_proto::v1::Section;

/// Most findings of one notice.
pub const MOST: usize = 50;
/// Longest text of a notice in bytes.
pub const TEXT_BYTES: usize = 4_000;
/// Longest name in bytes.
pub const NAME_BYTES: usize = 200;
/// Longest time to put things right: a year.
pub const LONGEST: Millis = 366 * 86_400_000;

/// Why a notice is refused; for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// For nothing.
    #[error("choose the findings that it is for")]
    NoFindings,
    /// For too much.
    #[error("a notice is for {MOST} findings at most")]
    TooMany,
    /// Nothing to put right.
    #[error("finding {0} is {state}: a notice is for what is open or acknowledged", state = .1.name())]
    State(i64, FindingState),
    /// Nobody to address.
    #[error("finding {0} is not of a PC: nobody can be told to put it right")]
    NoAsset(i64),
    /// Several addressees.
    #[error(
        "the findings have no addressee in common: they are of several PCs, persons and departments. Issue one notice for each"
    )]
    Mixed,
    /// The day is over.
    #[error("the last day is over")]
    DueInThePast,
    /// Nobody waits that long.
    #[error("the last day is more than a year ahead")]
    DueTooFar,
    /// Nothing is said of objections.
    #[error("say how to object")]
    Objection,
    /// Nothing was said.
    #[error("write down what was said")]
    Text,
    /// Nobody said it.
    #[error("say who said it")]
    Author,
    /// Too long.
    #[error("the {0} is too long")]
    TooLong(&'static str),
    /// It is filed.
    #[error("notice {0} is closed")]
    Closed(String),
    /// It is not put right yet.
    #[error("notice {0} is not put right yet: say why it is closed")]
    NotRectified(String),
}

impl Refused {
    /// Name of the refusal in locales.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoFindings => "no_findings",
            Self::TooMany => "too_many",
            Self::State(..) => "state",
            Self::NoAsset(_) => "no_asset",
            Self::Mixed => "mixed",
            Self::DueInThePast => "due_in_the_past",
            Self::DueTooFar => "due_too_far",
            Self::Objection => "objection",
            Self::Text => "text",
            Self::Author => "author",
            Self::TooLong(_) => "too_long",
            Self::Closed(_) => "closed",
            Self::NotRectified(_) => "not_rectified",
        }
    }
}

/// What a person says of a notice that is to be issued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Until when things must be put right.
    pub due_at: Millis,
    /// What is demanded beyond the remedies of the rules.
    pub demand: String,
    /// How to object.
    pub objection: String,
}

/// Its number: the prefix of the office, the year, and the place in the sequence of the year.
pub fn number(prefix: &str, year: i32, sequence: u32) -> String {
    format!("{prefix}〔{year}〕{sequence:03}号")
}

/// A notice and what it does to the findings, or all that speaks against it.
pub fn issue(
    details: &[FindingDetail],
    rules: &RuleSet,
    terms: &Terms,
    (prefix, year, sequence): (&str, i32, u32),
    actor: &str,
    now: Millis,
) -> Result<Batch, Vec<Refused>> {
    let mut refused = Vec::new();
    let to = match addressee(details) {
        Ok(to) => Some(to),
        Err(why) => {
            refused.extend(why);
            None
        }
    };
    for detail in details {
        let state = detail.row.finding.state;
        if !matches!(state, FindingState::Open | FindingState::Acknowledged) {
            refused.push(Refused::State(detail.row.id.0, state));
        }
    }
    if terms.due_at <= now {
        refused.push(Refused::DueInThePast);
    } else if terms.due_at - now > LONGEST {
        refused.push(Refused::DueTooFar);
    }
    if terms.objection.trim().is_empty() {
        refused.push(Refused::Objection);
    }
    for (field, text) in [("demand", &terms.demand), ("objection", &terms.objection)] {
        if text.len() > TEXT_BYTES {
            refused.push(Refused::TooLong(field));
        }
    }
    let Some((addressee, name)) = to.filter(|_| refused.is_empty()) else {
        return Err(refused);
    };
    let notice = Notice {
        id: None,
        number: number(prefix, year, sequence),
        year,
        sequence,
        addressee,
        name,
        issued_at: now,
        issued_by: actor.to_owned(),
        due_at: terms.due_at,
        demand: terms.demand.trim().to_owned(),
        objection: terms.objection.trim().to_owned(),
        state: NoticeState::Issued,
        rectified_at: None,
        closed: None,
        lines: details.iter().map(|detail| line(detail, rules)).collect(),
    };
    let mut batch = Batch::default();
    for detail in details {
        moves(
            detail,
            FindingState::NoticeIssued,
            actor,
            &notice.number,
            now,
            &mut batch,
        );
    }
    batch.ops.push(Op::Audit(AuditEntry {
        at: now,
        actor: actor.to_owned(),
        action: "notice.issue".into(),
        object: format!("notice:{}", notice.number),
        detail: serde_json::json!({
            "to": notice.name, "due_at": notice.due_at,
            "findings": details.iter().map(|detail| detail.row.id.0).collect::<Vec<_>>(),
        })
        .to_string(),
    }));
    batch.ops.push(Op::IssueNotice(Box::new(notice)));
    Ok(batch)
}

/// Files a notice. What is not put right yet is acknowledged again, and needs words.
pub fn close(
    notice: &Notice,
    details: &[FindingDetail],
    actor: &str,
    note: &str,
    now: Millis,
) -> Result<Batch, Refused> {
    if notice.state == NoticeState::Closed {
        return Err(Refused::Closed(notice.number.clone()));
    }
    if notice.state == NoticeState::Issued && note.trim().is_empty() {
        return Err(Refused::NotRectified(notice.number.clone()));
    }
    if note.len() > TEXT_BYTES {
        return Err(Refused::TooLong("note"));
    }
    let mut batch = Batch::default();
    let open = |detail: &&FindingDetail| detail.row.finding.state == FindingState::NoticeIssued;
    for detail in details.iter().filter(open) {
        let cleared = |line: &NoticeLine| line.finding == detail.row.id && line.cleared.is_some();
        if !notice.lines.iter().any(cleared) {
            moves(
                detail,
                FindingState::Acknowledged,
                actor,
                &notice.number,
                now,
                &mut batch,
            );
        }
    }
    batch.ops.push(Op::CloseNotice {
        number: notice.number.clone(),
        at: now,
        by: actor.to_owned(),
        note: note.trim().to_owned(),
    });
    batch.ops.push(Op::Audit(AuditEntry {
        at: now,
        actor: actor.to_owned(),
        action: "notice.close".into(),
        object: format!("notice:{}", notice.number),
        detail: serde_json::json!({"note": note.trim(), "state": notice.state.name()}).to_string(),
    }));
    Ok(batch)
}

/// Records what the addressee said.
pub fn reply(notice: &Notice, reply: NoticeReply) -> Result<Batch, Refused> {
    if notice.state == NoticeState::Closed {
        return Err(Refused::Closed(notice.number.clone()));
    }
    if reply.author.trim().is_empty() {
        return Err(Refused::Author);
    }
    if reply.text.trim().is_empty() {
        return Err(Refused::Text);
    }
    if reply.author.len() > NAME_BYTES {
        return Err(Refused::TooLong("author"));
    }
    if reply.text.len() > TEXT_BYTES {
        return Err(Refused::TooLong("text"));
    }
    let audit = AuditEntry {
        at: reply.at,
        actor: reply.recorded_by.clone(),
        action: "notice.reply".into(),
        object: format!("notice:{}", notice.number),
        detail: serde_json::json!({"author": reply.author, "objection": reply.objection}).to_string(),
    };
    Ok(Batch {
        ops: vec![
            Op::NoticeReply {
                number: notice.number.clone(),
                reply,
            },
            Op::Audit(audit),
        ],
        ..Batch::default()
    })
}

/// The person that all PCs are registered for, else their department, else the one PC.
fn addressee(details: &[FindingDetail]) -> Result<(Addressee, String), Vec<Refused>> {
    if details.is_empty() {
        return Err(vec![Refused::NoFindings]);
    }
    if details.len() > MOST {
        return Err(vec![Refused::TooMany]);
    }
    let mut assets: Vec<&Asset> = Vec::new();
    let mut refused = Vec::new();
    for detail in details {
        match &detail.row.asset {
            Some(asset) => assets.push(asset),
            None => refused.push(Refused::NoAsset(detail.row.id.0)),
        }
    }
    let (Some(first), true) = (assets.first(), refused.is_empty()) else {
        return Err(refused);
    };
    let shared = |of: fn(&Asset) -> &Option<String>| {
        let name = of(first).as_deref().filter(|name| !name.trim().is_empty())?;
        let all = assets.iter().all(|asset| of(asset).as_deref() == Some(name));
        all.then(|| name.to_owned())
    };
    if let Some(name) = shared(|asset| &asset.custodian) {
        Ok((Addressee::Custodian, name))
    } else if let Some(name) = shared(|asset| &asset.department) {
        Ok((Addressee::Department, name))
    } else if assets.iter().all(|asset| asset.id == first.id) {
        Ok((Addressee::Asset, first.name.clone()))
    } else {
        Err(vec![Refused::Mixed])
    }
}

fn moves(detail: &FindingDetail, to: FindingState, actor: &str, note: &str, now: Millis, batch: &mut Batch) {
    let before = &detail.row.finding;
    batch.findings.push((detail.row.id, before.version));
    batch.ops.push(Op::PutFinding(Finding {
        state: to,
        ..before.clone()
    }));
    batch.ops.push(Op::History {
        finding: before.key.clone(),
        step: FindingHistory {
            at: now,
            actor: actor.to_owned(),
            from: Some(before.state),
            to,
            note: note.to_owned(),
        },
    });
    if let Some(asset) = before.key.holder.asset() {
        batch.ops.push(Op::Due { asset });
    }
}

fn line(detail: &FindingDetail, rules: &RuleSet) -> NoticeLine {
    NoticeLine {
        finding: detail.row.id,
        asset: detail.row.asset.as_ref().map(|asset| asset.id),
        words: words(detail, rules),
        cleared: None,
    }
}

/// What a finding says in both languages: for documents that must keep their words.
pub fn words(detail: &FindingDetail, rules: &RuleSet) -> NoticeWords {
    let finding = &detail.row.finding;
    let asset = detail.row.asset.as_ref();
    let rule = rules.rule(&finding.key.rule);
    let kind = operations::Kind::by_rule(&finding.key.rule);
    let name = asset.map_or_else(|| finding.key.holder.to_string(), |asset| asset.name.clone());
    let both = |say: &dyn Fn(Lang) -> String| Text::new(say(Lang::Zh), say(Lang::En));
    let filled = |text: Option<&Text>| {
        both(&|lang| {
            let Some(text) = text else { return String::new() };
            let words = Words {
                subject: &finding.subject_name,
                asset: &name,
                detail: &said(detail, lang),
            };
            rules::fill(text, lang, words)
        })
    };
    let label = finding.clause.split_once(' ').unwrap_or_default();
    let (regulation, clause) = rules
        .regulations()
        .iter()
        .filter(|regulation| regulation.id == label.0)
        .find_map(|regulation| Some((regulation, regulation.clause(label.1)?)))
        .map_or_else(Default::default, |(regulation, clause)| {
            (regulation.title.clone(), clause.wording.clone())
        });
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    NoticeWords {
        clause: finding.clause.clone(),
        regulation,
        wording: clause,
        title: rule
            .map(|rule| rule.title.clone())
            .or_else(|| kind.map(operations::Kind::title_text))
            .unwrap_or_else(|| Text::new(finding.key.rule.as_str(), finding.key.rule.as_str())),
        found: match rule {
            Some(rule) => filled(Some(&rule.message)),
            None => both(&|lang| said(detail, lang)),
        },
        remedy: match rule {
            Some(rule) => filled(Some(&rule.remedy)),
            None => kind.map(operations::Kind::remedy_text).unwrap_or_default(),
        },
        subject: finding.subject_name.clone(),
        asset_number: text(asset.and_then(|asset| asset.number.as_ref())),
        asset_name: name.clone(),
        custodian: text(asset.and_then(|asset| asset.custodian.as_ref())),
        department: text(asset.and_then(|asset| asset.department.as_ref())),
        first_seen: finding.first_seen,
    }
}

/// What shows a finding, in one line.
pub fn said(detail: &FindingDetail, lang: Lang) -> String {
    let parsed = |text: &str| serde_json::from_str(text).unwrap_or_default();
    if let Some(seen) = &detail.row.finding.seen {
        return explain::words(Section::Unspecified, &parsed(seen), lang);
    }
    let Some(piece) = detail.evidence.first() else {
        return "—".to_owned();
    };
    let section = piece
        .item
        .as_ref()
        .map_or(Section::Unspecified, |item| item.section);
    explain::words(section, &parsed(&piece.detail), lang)
}
