//! Rectification notices as people issue, answer and file them. The same for the command line and for the
//! dashboard; what a notice says and when it is refused is the domain's.

use deskwarden_domain::{
    model::{FindingId, Lang, Millis, Notice, NoticeReply},
    notice::{self, Refused, Terms},
    port::{FindingDetail, Store, StoreError},
    rules::RuleSet,
};

use crate::clock;

/// Milliseconds of a day.
const DAY: Millis = 86_400_000;

/// How the office that issues notices calls itself, and how it numbers them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Office {
    /// Before the year in a number.
    pub prefix: String,
    /// Name of the organisation; empty: it is left out.
    pub organisation: String,
    /// Name of the department that issues.
    pub name: Option<String>,
    /// Days that a form proposes.
    pub days: u32,
    /// Distance of the office's clocks from UTC.
    pub zone: Millis,
}

impl Default for Office {
    fn default() -> Self {
        Self {
            prefix: "信整".into(),
            organisation: String::new(),
            name: None,
            days: 7,
            zone: 8 * 3_600_000,
        }
    }
}

impl Office {
    /// The department's name in a language.
    pub fn name(&self, lang: Lang) -> &str {
        self.name.as_deref().unwrap_or(match lang {
            Lang::Zh => "信息管理部",
            Lang::En => "Information Management Department",
        })
    }

    /// How to object, as a sheet in that language says it: what nobody wrote himself was kept in the issuer's language.
    pub fn objection_of(&self, kept: &str, lang: Lang) -> String {
        let unwritten = [Lang::Zh, Lang::En].map(|lang| self.objection(lang));
        if unwritten.iter().any(|text| text == kept) {
            return self.objection(lang);
        }
        kept.to_owned()
    }

    /// How to object, where nobody wrote anything else.
    pub fn objection(&self, lang: Lang) -> String {
        let name = self.name(lang);
        match lang {
            Lang::Zh => format!(
                "对本通知有异议的，请在收到之日起三个工作日内向{name}书面提出，说明理由并附证明材料。经核实有误的，\
                 予以撤销；核实期间不停止整改。"
            ),
            Lang::En => format!(
                "Whoever contests this notice writes to the {name} within three working days of its receipt, with \
                 reasons and proof. What proves wrong is withdrawn; until then the notice stands."
            ),
        }
    }

    /// The end of the day that a form proposes: the whole of it is left to put things right.
    pub fn proposed(&self, now: Millis) -> Millis {
        let day = now.saturating_add(self.zone).div_euclid(DAY) + 1;
        day.saturating_add(Millis::from(self.days))
            .saturating_mul(DAY)
            .saturating_sub(self.zone)
    }
}

/// Why nothing was issued, recorded or filed.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// All that speaks against it.
    #[error("{}", lines(.0))]
    Refused(Vec<Refused>),
    /// There is no such finding.
    #[error("there is no finding {0}")]
    NoFinding(i64),
    /// There is no such notice.
    #[error("there is no notice {0}: `notice list` shows all")]
    Unknown(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn lines(refused: &[Refused]) -> String {
    let all: Vec<String> = refused.iter().map(ToString::to_string).collect();
    all.join("; ")
}

/// How often a decision is taken anew when something changes under it.
const ATTEMPTS: u32 = 8;

/// Issues a notice for findings; its number.
pub fn issue(
    store: &dyn Store,
    rules: &RuleSet,
    office: &Office,
    findings: &[FindingId],
    terms: &Terms,
    actor: &str,
    now: Millis,
) -> Result<String, NoticeError> {
    let year = clock::year(now, office.zone);
    again(|| {
        let details = details(store, findings)?;
        let sequence = store.next_notice(year)?;
        let number = (office.prefix.as_str(), year, sequence);
        let batch =
            notice::issue(&details, rules, terms, number, actor, now).map_err(NoticeError::Refused)?;
        store.apply(&batch)?;
        Ok(notice::number(&office.prefix, year, sequence))
    })
}

/// Records what the addressee said.
pub fn reply(store: &dyn Store, number: &str, reply: &NoticeReply) -> Result<(), NoticeError> {
    again(|| {
        let (notice, _) = find(store, number)?;
        let batch = notice::reply(&notice, reply.clone()).map_err(|why| NoticeError::Refused(vec![why]))?;
        store.apply(&batch)?;
        Ok(())
    })
}

/// Files a notice.
pub fn close(
    store: &dyn Store,
    number: &str,
    actor: &str,
    note: &str,
    now: Millis,
) -> Result<(), NoticeError> {
    again(|| {
        let (notice, _) = find(store, number)?;
        let ids: Vec<FindingId> = notice.lines.iter().map(|line| line.finding).collect();
        let details = details(store, &ids)?;
        let batch = notice::close(&notice, &details, actor, note, now)
            .map_err(|why| NoticeError::Refused(vec![why]))?;
        store.apply(&batch)?;
        Ok(())
    })
}

/// A notice and what was said to it.
pub fn find(store: &dyn Store, number: &str) -> Result<(Notice, Vec<NoticeReply>), NoticeError> {
    let found = store.notice(number)?;
    found.ok_or_else(|| NoticeError::Unknown(number.to_owned()))
}

fn details(store: &dyn Store, ids: &[FindingId]) -> Result<Vec<FindingDetail>, NoticeError> {
    ids.iter()
        .map(|id| store.finding(*id)?.ok_or(NoticeError::NoFinding(id.0)))
        .collect()
}

fn again<T>(mut work: impl FnMut() -> Result<T, NoticeError>) -> Result<T, NoticeError> {
    let mut attempt = 1;
    loop {
        match work() {
            Err(NoticeError::Store(StoreError::Stale)) if attempt < ATTEMPTS => attempt += 1,
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_says_how_to_object_in_its_own_language_unless_somebody_wrote_it() {
        let office = Office::default();
        for issued in [Lang::Zh, Lang::En] {
            let kept = office.objection(issued);
            for read in [Lang::Zh, Lang::En] {
                assert_eq!(office.objection_of(&kept, read), office.objection(read));
            }
        }
        assert_eq!(office.objection_of("Ask Ms Li.", Lang::Zh), "Ask Ms Li.");
    }

    #[test]
    fn a_proposed_deadline_leaves_the_whole_of_its_day() {
        let office = Office {
            days: 7,
            zone: 8 * 3_600_000,
            ..Office::default()
        };
        // 30 November 2026, 12:04 in Shanghai.
        let due = office.proposed(1_796_011_440_000);
        assert_eq!(
            Some(due),
            clock::day("2026-12-07", office.zone).map(|(_, end)| end)
        );
    }
}
