//! Who has an asset by the transfers of it: their order is that of their dates, whatever order they were written in.

use std::collections::BTreeMap;

use super::record::Row;
use crate::model::{AssetId, Millis};

/// Longest time after its day in which a transfer that was written ahead is still carried out: somebody may have
/// corrected the register since.
const LATE: Millis = 7 * 86_400_000;

/// Who gives and who receives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// The person.
    pub custodian: Option<String>,
    /// The department.
    pub department: Option<String>,
}

impl Holder {
    fn of(row: &Row, custodian: &str, department: &str) -> Self {
        let cell = |name: &str| Some(row.text(name).to_owned()).filter(|text| !text.is_empty());
        Self {
            custodian: cell(custodian),
            department: cell(department),
        }
    }

    /// Who gives, as far as the transfer says.
    pub fn giver(row: &Row) -> Self {
        Self::of(row, "from_custodian", "from_department")
    }

    /// Who receives. A transfer that names no department stays in that of `before`.
    pub fn receiver(row: &Row, before: Option<&str>) -> Self {
        let mut holder = Self::of(row, "to_custodian", "to_department");
        holder.department = holder.department.or_else(|| before.map(str::to_owned));
        holder
    }
}

/// Fills in who gives where a new transfer does not say: who received the asset before that day, or else who gave it
/// on the next one, or else whom the register names. `known` are the other transfers.
pub fn complete(new: &mut [Row], known: &[Row], register: &dyn Fn(AssetId) -> Option<Holder>) {
    let mut known_of: BTreeMap<AssetId, Vec<&Row>> = BTreeMap::new();
    for row in known {
        known_of
            .entry(row.asset.unwrap_or(AssetId(0)))
            .or_default()
            .push(row);
    }
    let mut new_of: BTreeMap<AssetId, Vec<usize>> = BTreeMap::new();
    for (index, row) in new.iter().enumerate() {
        new_of
            .entry(row.asset.unwrap_or(AssetId(0)))
            .or_default()
            .push(index);
    }
    let mut order: Vec<usize> = (0..new.len()).collect();
    order.sort_by_key(|index| new.get(*index).and_then(|row| row.at("date")));
    for index in order {
        let Some(row) = new.get(index) else { continue };
        let Some(asset) = row.asset else { continue };
        let day = row.at("date");
        let beside = new_of.get(&asset).into_iter().flatten();
        let beside = beside
            .filter(|other| **other != index)
            .filter_map(|other| new.get(*other));
        let others = known_of.get(&asset).into_iter().flatten().copied();
        let others: Vec<&Row> = others.chain(beside).collect();
        let before = others
            .iter()
            .filter(|other| other.at("date") <= day && !Holder::giver(other).is_empty());
        let after = others.iter().filter(|other| other.at("date") > day);
        let giver = before
            .max_by_key(|other| other.at("date"))
            .map(|other| Holder::receiver(other, other.cells.get("from_department").map(String::as_str)))
            .or_else(|| {
                after
                    .min_by_key(|other| other.at("date"))
                    .map(|other| Holder::giver(other))
            })
            .filter(|holder| !holder.is_empty())
            .or_else(|| register(asset));
        let (Some(giver), Some(row)) = (giver, new.get_mut(index)) else {
            continue;
        };
        for (name, value) in [
            ("from_custodian", giver.custodian),
            ("from_department", giver.department),
        ] {
            if let (true, Some(value)) = (row.text(name).is_empty(), value) {
                row.cells.insert(name.to_owned(), value);
            }
        }
    }
}

impl Holder {
    const fn is_empty(&self) -> bool {
        self.custodian.is_none() && self.department.is_none()
    }
}

/// The transfers by which assets are where they are: of each the last one that has taken place; of one moment the one
/// that was written last.
pub fn deciding(rows: &[Row], now: Millis) -> BTreeMap<AssetId, &Row> {
    let mut last: BTreeMap<AssetId, &Row> = BTreeMap::new();
    for row in rows {
        let Some(asset) = row.asset else { continue };
        if row.at("date").is_none_or(|date| date > now) {
            continue;
        }
        let known = last.entry(asset).or_insert(row);
        if (row.at("date"), row.at) >= (known.at("date"), known.at) {
            *known = row;
        }
    }
    last
}

/// Transfers that were written ahead and whose day has come, where the register still names who gives.
pub fn fallen_due<'r>(
    rows: &'r [Row],
    now: Millis,
    register: &dyn Fn(AssetId) -> Option<Holder>,
) -> Vec<&'r Row> {
    let last = deciding(rows, now);
    let due = rows.iter().filter(|row| {
        let Some((asset, date)) = row.asset.zip(row.at("date")) else {
            return false;
        };
        let ahead = row.at < date && (now - LATE..=now).contains(&date);
        ahead
            && last.get(&asset).is_some_and(|last| last.key == row.key)
            && register(asset).is_some_and(|holder| {
                let receiver = Holder::receiver(row, holder.department.as_deref());
                holder.custodian == Holder::giver(row).custodian && holder != receiver
            })
    });
    due.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Millis = 86_400_000;
    const NOW: Millis = 100 * DAY;

    fn transfer(key: &str, day: i64, to: &str) -> Row {
        let cells = [("date", (day * DAY).to_string()), ("to_custodian", to.to_owned())];
        Row {
            key: key.into(),
            asset: Some(AssetId(1)),
            cells: cells.map(|(name, cell)| (name.to_owned(), cell)).into(),
            ..Row::default()
        }
    }

    fn held_by(name: &'static str) -> impl Fn(AssetId) -> Option<Holder> {
        move |_| {
            Some(Holder {
                custodian: Some(name.into()),
                department: Some("财务部".into()),
            })
        }
    }

    fn givers(rows: &[Row]) -> Vec<&str> {
        rows.iter().map(|row| row.text("from_custodian")).collect()
    }

    #[test]
    fn transfers_of_a_file_are_a_chain_by_their_dates() {
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let all = [
                transfer("A", 10, "乙"),
                transfer("B", 20, "丙"),
                transfer("C", 30, "丁"),
            ];
            let mut rows: Vec<Row> = order.iter().map(|index| all[*index].clone()).collect();
            complete(&mut rows, &[], &held_by("甲"));
            rows.sort_by(|one, other| one.key.cmp(&other.key));
            assert_eq!(givers(&rows), ["甲", "乙", "丙"], "{order:?}");
            assert_eq!(rows[2].text("from_department"), "财务部");
            assert_eq!(deciding(&rows, NOW)[&AssetId(1)].key, "C");
            assert_eq!(deciding(&rows, 25 * DAY)[&AssetId(1)].key, "B");
            assert_eq!(deciding(&rows, NOW).len(), 1);
        }
    }

    #[test]
    fn a_late_paper_gives_nothing_to_anybody() {
        let mut first = [transfer("B", 20, "李四")];
        complete(&mut first, &[], &held_by("甲"));
        let mut late = [transfer("A", 10, "王五")];
        complete(&mut late, &first, &held_by("李四"));
        assert_eq!(givers(&late), ["甲"]);
        let all = [first, late].concat();
        assert_eq!(deciding(&all, NOW)[&AssetId(1)].text("to_custodian"), "李四");
    }

    #[test]
    fn what_is_written_is_kept() {
        let mut rows = [transfer("A", 10, "乙")];
        rows[0].cells.insert("from_custodian".into(), "某人".into());
        complete(&mut rows, &[], &held_by("甲"));
        assert_eq!(givers(&rows), ["某人"]);
    }

    #[test]
    fn a_transfer_that_was_written_ahead_is_due_on_its_day_and_not_against_a_correction() {
        let mut rows = [transfer("A", 100, "乙")];
        rows[0].at = 90 * DAY;
        complete(&mut rows, &[], &held_by("甲"));
        let due = |rows: &[Row], now, name| {
            let found = fallen_due(rows, now, &held_by(name));
            found.iter().map(|row| row.key.clone()).collect::<Vec<_>>()
        };
        let none: [String; 0] = [];
        assert_eq!(due(&rows, NOW - 1, "甲"), none);
        assert_eq!(due(&rows, NOW, "甲"), ["A"]);
        assert_eq!(due(&rows, NOW, "乙"), none, "it is done");
        assert_eq!(due(&rows, NOW, "别人"), none, "somebody corrected the register");
        assert_eq!(due(&rows, NOW + LATE + 1, "甲"), none);
        let mut entered_late = rows.clone();
        entered_late[0].at = NOW;
        assert_eq!(
            due(&entered_late, NOW, "甲"),
            none,
            "it was carried out when it was written"
        );
    }
}
