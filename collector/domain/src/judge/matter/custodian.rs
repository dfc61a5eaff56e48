//! Whether the PC is with the person whose it is by the register (PC 3.1.2.1). Where it is not known which
//! accounts are the custodian's, nobody is accused.

use std::collections::{BTreeMap, BTreeSet};

use deskwarden_proto::v1::Section;

use super::{ASSET, Answer, DAY, Facts, Found};
use crate::{
    cross::Seen,
    model::{AssetState, Millis},
    moment::day_start,
};

/// Who was at the screen on a day.
#[derive(Default)]
struct Day {
    custodian: bool,
    others: BTreeSet<String>,
}

pub(super) fn unrecorded(after: Millis, facts: Facts<'_>) -> Answer {
    let (asset, papers) = (&facts.state.asset, &facts.state.papers);
    if asset.state != AssetState::InUse {
        return Answer::default();
    }
    let Some(custodian) = &asset.custodian else {
        return Answer::blind("register: no custodian is recorded");
    };
    let known = papers
        .person
        .as_ref()
        .filter(|person| !person.accounts.is_empty());
    let Some(person) = known else {
        return Answer::blind(format!("register: no account of {custodian} is recorded"));
    };
    let last = papers.transfers.iter().max_by_key(|transfer| transfer.date);
    if let Some(last) = last
        && last.date >= asset.custodian_since
        && last.to != *custodian
    {
        // A transfer is recorded; the register will follow.
        return Answer::default();
    }
    // Days before the custodian had it say nothing about him.
    let since = asset.custodian_since.max(last.map_or(0, |last| last.date));
    let mut days: BTreeMap<String, Day> = BTreeMap::new();
    for one in facts.sign_ins() {
        if day_start(&one.day).is_none_or(|start| start <= since) {
            continue;
        }
        if person.has(&one.user) {
            days.entry(one.day).or_default().custodian = true;
        } else if one.at_screen {
            days.entry(one.day).or_default().others.insert(one.user);
        }
    }
    let own = days
        .iter()
        .rev()
        .find(|(_, day)| day.custodian)
        .map(|(day, _)| day.clone());
    let foreign: Vec<(&String, &Day)> = days
        .iter()
        .filter(|(day, _)| own.as_ref().is_none_or(|own| *day > own))
        .collect();
    let limit = usize::try_from((after / DAY).max(1)).unwrap_or(usize::MAX);
    let mut answer = Answer::default();
    if let (Some((first, _)), true) = (foreign.first(), foreign.len() >= limit) {
        let users: BTreeSet<&str> = foreign
            .iter()
            .flat_map(|(_, day)| day.others.iter().map(String::as_str))
            .collect();
        let users: Vec<&str> = users.into_iter().take(5).collect();
        let (name, count) = (users.join(" "), foreign.len());
        let seen = Seen::new(
            format!("登记的保管人是 {custodian}，但自 {first} 起有 {count} 天由 {name} 使用，没有移交记录"),
            format!(
                "the register names {custodian}, but since {first} {name} worked with it on {count} days, and no transfer is recorded"
            ),
        )
        .with("custodian", custodian.as_str())
        .with("users", users)
        .with("since_day", first.as_str())
        .with("days", count);
        answer.found.push(Found {
            subject: ASSET.to_owned(),
            name,
            seen,
        });
    } else {
        answer.blind = facts.unseen(Section::Logon);
    }
    answer
}
