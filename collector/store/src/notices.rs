//! Notices: kept and listed; issued, answered and filed within a batch; and their lines, which are over with their
//! findings.

use std::collections::BTreeMap;

use deskwarden_domain::{
    model::{
        Addressee, AssetId, FindingId, FindingState, Millis, Notice, NoticeId, NoticeLine, NoticeReply,
        NoticeState, NoticeWords, OpenNotice,
    },
    port::{NoticeFilter, Notices, Op, Page, Paging, StoreError, StoreResult},
};

use crate::{
    Database,
    due::make_due,
    register::books::quoted,
    sql::{Cell, Conditions, Connection, ConnectionExt as _, Kind, Lookup, Reader, like, unsigned, window},
};

const NOTICE: &str = "t.id, t.number, t.year, t.sequence, t.addressee, t.name, t.issued_at, t.issued_by, t.due_at, t.demand, \
     t.objection, t.state, t.rectified_at, t.closed_at, t.closed_by, t.closed_note";

/// A notice that an asset still has to act upon, of `t` joined with an open line `l`.
pub(crate) const OPEN: &str = "t.id, t.number, t.due_at";
/// Where [`OPEN`] is; several lines of one notice are several rows.
pub(crate) const OPEN_FROM: &str = "notice_lines l JOIN notices t ON t.id = l.notice_id AND l.cleared_at IS NULL AND \
     t.state = 'issued'";

/// Reads [`OPEN`].
pub(crate) fn open(r: &mut Reader<'_>) -> StoreResult<OpenNotice> {
    Ok(OpenNotice {
        id: NoticeId(r.int()?),
        number: r.string()?,
        due_at: r.int()?,
    })
}

fn notice(r: &mut Reader<'_>) -> StoreResult<Notice> {
    Ok(Notice {
        id: Some(NoticeId(r.int()?)),
        number: r.string()?,
        year: r.small()?,
        sequence: r.small()?,
        addressee: r.named(Addressee::by_name)?,
        name: r.string()?,
        issued_at: r.int()?,
        issued_by: r.string()?,
        due_at: r.int()?,
        demand: r.string()?,
        objection: r.string()?,
        state: r.named(NoticeState::by_name)?,
        rectified_at: r.opt_int()?,
        closed: match (r.opt_int()?, r.opt_string()?, r.opt_string()?) {
            (Some(at), by, note) => Some((at, by.unwrap_or_default(), note.unwrap_or_default())),
            (None, ..) => None,
        },
        lines: Vec::new(),
    })
}

fn line(r: &mut Reader<'_>) -> StoreResult<NoticeLine> {
    let finding = FindingId(r.int()?);
    let asset = r.opt_int()?.map(AssetId);
    let words: NoticeWords = serde_json::from_str(r.text()?).map_err(|_| {
        StoreError::Damaged("the words of a notice cannot be read: was the database changed by hand?".into())
    })?;
    let cleared = match (r.opt_int()?, r.opt_named(FindingState::by_name)?) {
        (Some(at), Some(state)) => Some((at, state)),
        _ => None,
    };
    Ok(NoticeLine {
        finding,
        asset,
        words,
        cleared,
    })
}

/// Reads the lines of all notices at once.
fn with_lines(connection: &mut dyn Connection, notices: &mut [Notice]) -> StoreResult<()> {
    let keys: Vec<Cell<'_>> = notices
        .iter()
        .map(|notice| Cell::from(notice.id.map(|id| id.0)))
        .collect();
    let lookup = Lookup::new(
        "l.finding_id, l.asset_id, l.words, l.cleared_at, l.cleared_as",
        "notice_lines l",
        &[("l.notice_id", Kind::Int)],
    )
    .order("l.idx");
    let mut lines: BTreeMap<usize, Vec<NoticeLine>> = BTreeMap::new();
    connection.lookup(&lookup, &keys, &mut |number, columns| {
        lines
            .entry(number)
            .or_default()
            .push(line(&mut Reader::new(columns))?);
        Ok(())
    })?;
    for (number, lines) in lines {
        if let Some(notice) = notices.get_mut(number) {
            notice.lines = lines;
        }
    }
    Ok(())
}

/// How the person responsible for a PC stands among the words of a line.
fn custodian(name: &str) -> StoreResult<String> {
    Ok(format!("\"custodian\":{}", quoted(name)?))
}

/// Lines about the PCs of a person, to be handed out to the person.
pub(crate) fn naming(connection: &mut dyn Connection, name: &str) -> StoreResult<Vec<serde_json::Value>> {
    connection.rows(
        "SELECT t.number, l.words FROM notice_lines l JOIN notices t ON t.id = l.notice_id
         WHERE REPLACE(l.words, ?1, '') <> l.words ORDER BY l.notice_id, l.idx",
        &[Cell::Text(&custodian(name)?)],
        |r| {
            let (number, words) = (r.string()?, r.string()?);
            Ok(serde_json::json!({"notice": number, "words": words}))
        },
    )
}

/// Forgets a person: something else stands for the name in all lines. How many changed.
pub(crate) fn forget(connection: &mut dyn Connection, name: &str, instead: &str) -> StoreResult<u64> {
    connection.execute(
        "UPDATE notice_lines SET words = REPLACE(words, ?1, ?2) WHERE REPLACE(words, ?1, '') <> words",
        &[Cell::Text(&custodian(name)?), Cell::Text(&custodian(instead)?)],
    )
}

impl Notices for Database {
    fn notices(&self, filter: &NoticeFilter, paging: Paging) -> StoreResult<Page<Notice>> {
        self.read(|connection| {
            let conditions = conditions(filter);
            let mut params = conditions.params();
            let total = connection.number(
                &format!("SELECT COUNT(*) FROM notices t{}", conditions.sql()),
                &params,
            )?;
            let (limit, offset) = (params.len() + 1, params.len() + 2);
            params.extend(window(paging));
            let mut rows = connection.rows(
                &format!(
                    "SELECT {NOTICE} FROM notices t{} ORDER BY t.id DESC LIMIT ?{limit} OFFSET ?{offset}",
                    conditions.sql()
                ),
                &params,
                notice,
            )?;
            with_lines(connection, &mut rows)?;
            Ok(Page {
                rows,
                total: unsigned(total),
            })
        })
    }

    fn notice(&self, number: &str) -> StoreResult<Option<(Notice, Vec<NoticeReply>)>> {
        self.read(|connection| {
            let mut found = connection.rows(
                &format!("SELECT {NOTICE} FROM notices t WHERE t.number = ?1"),
                &[Cell::Text(number)],
                notice,
            )?;
            with_lines(connection, &mut found)?;
            let Some(notice) = found.pop() else { return Ok(None) };
            let replies = connection.rows(
                "SELECT at, recorded_by, author, objection, text FROM notice_replies WHERE notice_id = ?1 ORDER BY id",
                &[Cell::from(notice.id.map(|id| id.0))],
                |r| {
                    Ok(NoticeReply {
                        at: r.int()?,
                        recorded_by: r.string()?,
                        author: r.string()?,
                        objection: r.flag()?,
                        text: r.string()?,
                    })
                },
            )?;
            Ok(Some((notice, replies)))
        })
    }

    fn notices_of(&self, finding: FindingId) -> StoreResult<Vec<String>> {
        self.read(|connection| {
            connection.rows(
                "SELECT DISTINCT t.number, t.id FROM notice_lines l JOIN notices t ON t.id = l.notice_id
                 WHERE l.finding_id = ?1 ORDER BY t.id DESC",
                &[Cell::Int(finding.0)],
                |r| r.string(),
            )
        })
    }

    fn next_notice(&self, year: i32) -> StoreResult<u32> {
        self.read(|connection| {
            let last = connection.number(
                "SELECT COALESCE(MAX(sequence), 0) FROM notices WHERE year = ?1",
                &[Cell::Int(i64::from(year))],
            )?;
            u32::try_from(last + 1)
                .map_err(|_| StoreError::Conflict("there are no numbers of notices left in this year".into()))
        })
    }
}

fn conditions(filter: &NoticeFilter) -> Conditions<'_> {
    let mut c = Conditions::new();
    if let Some(state) = filter.state {
        let state = c.bind(Cell::Text(state.name()));
        c.and(format!("t.state = {state}"));
    }
    if let Some(at) = filter.overdue_at {
        let at = c.bind(Cell::Int(at));
        c.and(format!("t.state = 'issued' AND t.due_at <= {at}"));
    }
    if let Some(asset) = filter.asset {
        let asset = c.bind(Cell::Int(asset.0));
        c.and(format!(
            "EXISTS (SELECT 1 FROM notice_lines l WHERE l.notice_id = t.id AND l.asset_id = {asset})"
        ));
    }
    if let Some(text) = &filter.text {
        c.words(text, |word| {
            format!(
                "({} OR {} OR EXISTS (SELECT 1 FROM notice_lines l WHERE l.notice_id = t.id AND {}))",
                like("t.number", word),
                like("t.name", word),
                like("l.words", word)
            )
        });
    }
    c
}

/// Writes an operation on a notice.
pub(crate) fn write(connection: &mut dyn Connection, op: &Op) -> StoreResult<()> {
    match op {
        Op::IssueNotice(notice) => issue(connection, notice),
        Op::NoticeReply { number, reply } => {
            let id = find(connection, number)?;
            connection.execute(
                "INSERT INTO notice_replies (notice_id, at, recorded_by, author, objection, text)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                &[
                    Cell::Int(id),
                    Cell::Int(reply.at),
                    Cell::Text(&reply.recorded_by),
                    Cell::Text(&reply.author),
                    Cell::flag(reply.objection),
                    Cell::Text(&reply.text),
                ],
            )?;
            Ok(())
        }
        Op::CloseNotice { number, at, by, note } => {
            let id = find(connection, number)?;
            connection.execute(
                "UPDATE notices SET state = 'closed', closed_at = ?2, closed_by = ?3, closed_note = ?4 WHERE id = ?1",
                &[Cell::Int(id), Cell::Int(*at), Cell::Text(by), Cell::Text(note)],
            )?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The row of a notice that is not filed, locked; another person may have filed it meanwhile.
fn find(connection: &mut dyn Connection, number: &str) -> StoreResult<i64> {
    let found = connection.row_locked(
        "SELECT id, state FROM notices WHERE number = ?1",
        &[Cell::Text(number)],
        |r| Ok((r.int()?, r.named(NoticeState::by_name)?)),
    )?;
    match found {
        Some((_, NoticeState::Closed)) => Err(StoreError::Stale),
        Some((id, _)) => Ok(id),
        None => Err(StoreError::NotFound(format!("notice {number}"))),
    }
}

fn issue(connection: &mut dyn Connection, notice: &Notice) -> StoreResult<()> {
    let made = connection.row(
        "INSERT INTO notices (number, year, sequence, addressee, name, issued_at, issued_by, due_at, demand, objection, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING RETURNING id",
        &[
            Cell::Text(&notice.number),
            Cell::Int(i64::from(notice.year)),
            Cell::Int(i64::from(notice.sequence)),
            Cell::Text(notice.addressee.name()),
            Cell::Text(&notice.name),
            Cell::Int(notice.issued_at),
            Cell::Text(&notice.issued_by),
            Cell::Int(notice.due_at),
            Cell::Text(&notice.demand),
            Cell::Text(&notice.objection),
            Cell::Text(notice.state.name()),
        ],
        |r| r.int(),
    )?;
    // Somebody else took the number a moment ago.
    let id = made.ok_or(StoreError::Stale)?;
    for (index, line) in (0i64..).zip(&notice.lines) {
        let words = serde_json::to_string(&line.words)
            .map_err(|_| StoreError::Damaged("the words of a notice cannot be written".into()))?;
        connection.execute(
            "INSERT INTO notice_lines (notice_id, idx, finding_id, asset_id, words) VALUES (?1, ?2, ?3, ?4, ?5)",
            &[
                Cell::Int(id),
                Cell::Int(index),
                Cell::Int(line.finding.0),
                Cell::from(line.asset.map(|asset| asset.0)),
                Cell::Text(&words),
            ],
        )?;
    }
    Ok(())
}

/// A finding is over, or back: so are its lines in notices that are not rectified yet. The notice is rectified
/// with its last line, and whoever was late with it is judged again.
pub(crate) fn follow(
    connection: &mut dyn Connection,
    finding: FindingId,
    state: FindingState,
    at: Millis,
) -> StoreResult<()> {
    let lines = connection.rows(
        "SELECT l.notice_id, l.idx, l.asset_id, CASE WHEN l.cleared_at IS NULL THEN 0 ELSE 1 END FROM notice_lines l
         JOIN notices t ON t.id = l.notice_id AND t.state = 'issued' WHERE l.finding_id = ?1 ORDER BY l.notice_id",
        &[Cell::Int(finding.0)],
        |r| Ok((r.int()?, r.int()?, r.opt_int()?, r.flag()?)),
    )?;
    for (notice, index, asset, cleared) in lines {
        if cleared != state.is_active() {
            continue;
        }
        let (at_cell, how) = if state.is_active() {
            (Cell::Null, Cell::Null)
        } else {
            (Cell::Int(at), Cell::Text(state.name()))
        };
        connection.execute(
            "UPDATE notice_lines SET cleared_at = ?3, cleared_as = ?4 WHERE notice_id = ?1 AND idx = ?2",
            &[Cell::Int(notice), Cell::Int(index), at_cell, how],
        )?;
        connection.execute(
            "UPDATE notices SET state = 'rectified', rectified_at = ?2 WHERE id = ?1 AND NOT EXISTS
               (SELECT 1 FROM notice_lines l WHERE l.notice_id = ?1 AND l.cleared_at IS NULL)",
            &[Cell::Int(notice), Cell::Int(at)],
        )?;
        if let Some(asset) = asset {
            make_due(connection, asset, at)?;
        }
    }
    Ok(())
}
