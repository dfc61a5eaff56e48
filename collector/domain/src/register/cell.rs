//! What a cell of a book may say, in which form it is kept, and how it is shown again.

use super::{
    book::Kind,
    record::{Sign, Subnet, parts_of},
};
use crate::{
    custody,
    model::{AssetClass, AssetId, AssetState},
    moment,
    table::Wrong,
};

/// Longest text of a cell, in characters.
const LONGEST: usize = 300;
/// Most values of a cell that holds several.
const SEVERAL: usize = 32;
/// How a subnet is written.
pub(super) const SUBNET: (&str, &str) = ("请写成 10.1.2.0/24 的形式", "write it as 10.1.2.0/24");

/// What is known around a file: assets by number, providers, entries of the catalogue, the zone of its days.
pub struct Known<'a> {
    /// The asset of a number.
    pub asset: &'a dyn Fn(&str) -> Option<AssetId>,
    /// Whether the book of providers has that name.
    pub provider: &'a dyn Fn(&str) -> bool,
    /// Whether the catalogue has an entry of that id.
    pub entry: &'a dyn Fn(&str) -> bool,
    /// Distance of local days from UTC.
    pub offset_minutes: i16,
}

/// The form in which a cell is kept. Empty cells are not asked.
pub(super) fn kept(kind: Kind, text: &str, known: &Known<'_>) -> Result<String, Wrong> {
    if text.chars().count() > LONGEST || text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Wrong::new(
            (
                "内容过长或含有控制字符",
                "the text is too long or has control characters",
            ),
            ("最多 300 个字符", "write at most 300 characters"),
        ));
    }
    let wrong = || wrong(kind, text);
    match kind {
        Kind::Words => Ok(text.replace('\n', " ")),
        Kind::List => several(text, |part| Ok(part.to_owned())),
        Kind::Number => text
            .parse::<u32>()
            .ok()
            .filter(|number| *number > 0)
            .map(|number| number.to_string())
            .ok_or_else(wrong),
        Kind::Moment => moment::parse(text, known.offset_minutes)
            .map(|at| at.to_string())
            .ok_or_else(wrong),
        Kind::Subnets => several(text, |part| {
            let subnet = Subnet::parse(part).map(|subnet| subnet.to_string());
            subnet.ok_or_else(|| self::wrong(kind, part))
        }),
        Kind::Serial => serial(text),
        Kind::Serials => several(text, serial),
        Kind::Asset => (known.asset)(text).map(|_| text.to_owned()).ok_or_else(wrong),
        Kind::State => state(text).map(|state| state.name().to_owned()).ok_or_else(wrong),
        Kind::Class => class(text).map(|class| class.name().to_owned()).ok_or_else(wrong),
        Kind::Provider => (known.provider)(text).then(|| text.to_owned()).ok_or_else(wrong),
        Kind::Entry => (known.entry)(text).then(|| text.to_owned()).ok_or_else(wrong),
        Kind::Parts => several(text, |part| {
            let class = part_class(part).map(str::to_owned);
            class.ok_or_else(|| self::wrong(kind, part))
        }),
        Kind::Sign => Sign::by_word(text)
            .map(|sign| sign.name().to_owned())
            .ok_or_else(wrong),
    }
}

/// A text that is none of its kind, and what to write.
fn wrong(kind: Kind, text: &str) -> Wrong {
    let (what, help) = match kind {
        Kind::Words | Kind::List => (("文字", "text"), ("请改正", "correct it")),
        Kind::Number => (
            ("大于 0 的整数", "number above 0"),
            ("请填写整数，例如 25", "write a whole number, as 25"),
        ),
        Kind::Moment => (
            ("日期", "day"),
            (
                "请写成 2026-11-28 或 2026-11-28 14:30",
                "write it as 2026-11-28 or 2026-11-28 14:30",
            ),
        ),
        Kind::Subnets => (("网段", "subnet"), SUBNET),
        Kind::Serial | Kind::Serials => (
            ("可以识别设备的序列号", "serial that tells anything"),
            (
                "请填写整机、主板或硬盘的序列号",
                "write the serial of the case, the board or a disk",
            ),
        ),
        Kind::Asset => (
            ("已登记的资产编号", "number of an asset"),
            (
                "请先登记该资产，或改正编号",
                "register the asset first, or correct the number",
            ),
        ),
        Kind::State => (
            ("资产状态", "state"),
            (
                "请写 在用、闲置、维修、报废 或 遗失",
                "write 在用 in_use, 闲置 idle, 维修 in_repair, 报废 scrapped or 遗失 lost",
            ),
        ),
        Kind::Class => (
            ("资产类别", "class"),
            ("请写 自有 或 外包", "write 自有 own or 外包 outsourced"),
        ),
        Kind::Provider => (
            ("已登记的外包服务商", "provider that is registered"),
            (
                "请先登记该服务商，或改正名称",
                "register the provider first, or correct the name",
            ),
        ),
        Kind::Entry => (
            ("软件目录的条目", "entry of the catalogue"),
            (
                "请留空，改填名称模式，例如 `AutoCAD*`",
                "leave it empty and write a name pattern, as `AutoCAD*`",
            ),
        ),
        Kind::Parts => (
            ("部件类别", "class of part"),
            (
                "请写 主板、处理器、内存、硬盘、显卡 或 网卡",
                "use board, cpu, memory, disk, gpu, nic",
            ),
        ),
        Kind::Sign => (
            ("部门识别方式", "sign of a department"),
            (
                "请写 网段、主机名 或 目录",
                "write 网段 subnet, 主机名 host or 目录 domain",
            ),
        ),
    };
    Wrong::is_no(text, what, help)
}

fn several(text: &str, each: impl Fn(&str) -> Result<String, Wrong>) -> Result<String, Wrong> {
    let mut parts: Vec<String> = Vec::new();
    for part in parts_of(text) {
        let part = each(part)?;
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    if parts.len() > SEVERAL {
        return Err(Wrong::new(
            ("一格内超过 32 项", "the cell has more than 32 values"),
            ("最多填写 32 项", "write at most 32"),
        ));
    }
    Ok(parts.join(", "))
}

fn serial(text: &str) -> Result<String, Wrong> {
    let meaningful = custody::meaningful(text);
    if meaningful.is_empty() {
        return Err(wrong(Kind::Serial, text));
    }
    Ok(meaningful.to_lowercase())
}

fn state(text: &str) -> Option<AssetState> {
    AssetState::by_name(&text.to_lowercase().replace([' ', '-'], "_")).or(match text {
        "在用" | "使用" | "使用中" | "正常" => Some(AssetState::InUse),
        "闲置" | "空闲" | "库存" | "备用" => Some(AssetState::Idle),
        "维修" | "维修中" | "送修" => Some(AssetState::InRepair),
        "报废" | "已报废" => Some(AssetState::Scrapped),
        "遗失" | "丢失" => Some(AssetState::Lost),
        _ => None,
    })
}

fn class(text: &str) -> Option<AssetClass> {
    AssetClass::by_name(&text.to_lowercase()).or(match text {
        "自有" | "本单位" => Some(AssetClass::Own),
        "外包" | "外包设备" | "第三方" => Some(AssetClass::Outsourced),
        _ => None,
    })
}

fn part_class(text: &str) -> Option<&'static str> {
    ["board", "cpu", "memory", "disk", "gpu", "nic"]
        .into_iter()
        .find(|name| text.eq_ignore_ascii_case(name) || custody::class_words(name).0 == text)
}

/// The kept forms among which a cell is chosen; none where anything may be written.
pub const fn choices(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::State => &["in_use", "idle", "in_repair", "scrapped", "lost"],
        Kind::Class => &["own", "outsourced"],
        Kind::Sign => &["subnet", "host", "domain"],
        _ => &[],
    }
}

/// A kept cell as people read it.
pub fn shown(kind: Kind, cell: &str, zh: bool, offset_minutes: i16) -> String {
    let pick = |words: (&str, &str)| (if zh { words.0 } else { words.1 }).to_owned();
    match kind {
        Kind::Moment => cell
            .parse()
            .map(|at| moment::show(at, offset_minutes))
            .unwrap_or_default(),
        Kind::State => AssetState::by_name(cell).map_or_else(
            || cell.to_owned(),
            |state| {
                pick(match state {
                    AssetState::InUse => ("在用", "in use"),
                    AssetState::Idle => ("闲置", "idle"),
                    AssetState::InRepair => ("维修", "in repair"),
                    AssetState::Scrapped => ("报废", "scrapped"),
                    AssetState::Lost => ("遗失", "lost"),
                })
            },
        ),
        Kind::Class => AssetClass::by_name(cell).map_or_else(
            || cell.to_owned(),
            |class| {
                pick(match class {
                    AssetClass::Own => ("自有", "own"),
                    AssetClass::Outsourced => ("外包", "outsourced"),
                })
            },
        ),
        Kind::Sign => Sign::by_word(cell).map_or_else(|| cell.to_owned(), |sign| pick(sign.words())),
        Kind::Parts if zh => parts_of(cell)
            .map(|part| custody::class_words(part).0)
            .collect::<Vec<_>>()
            .join("、"),
        _ => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(kind: Kind, text: &str) -> Result<String, String> {
        let known = Known {
            asset: &|number| (number == "PC-7").then_some(AssetId(7)),
            provider: &|name| name == "甲公司",
            entry: &|entry| entry == "autocad",
            offset_minutes: 480,
        };
        kept(kind, text, &known).map_err(|wrong| wrong.what.en)
    }

    #[test]
    fn cells_are_kept_in_one_form_and_shown_in_the_readers_words() {
        for (kind, text, form, zh) in [
            (
                Kind::List,
                "wangfang，fang.wang; wangfang",
                "wangfang, fang.wang",
                "wangfang, fang.wang",
            ),
            (Kind::Number, "25", "25", "25"),
            (
                Kind::Subnets,
                "10.1.2.9/24、fd00::/8",
                "10.1.2.0/24, fd00::/8",
                "10.1.2.0/24, fd00::/8",
            ),
            (Kind::Serials, "PF2ABC01, pf2abc01", "pf2abc01", "pf2abc01"),
            (Kind::State, "报废", "scrapped", "报废"),
            (Kind::State, "In Repair", "in_repair", "维修"),
            (Kind::Class, "外包", "outsourced", "外包"),
            (Kind::Parts, "内存、disk", "memory, disk", "内存、硬盘"),
            (Kind::Sign, "网段", "subnet", "网段"),
            (Kind::Moment, "2026/11/28", "1795795200000", "2026-11-28"),
            (Kind::Asset, "PC-7", "PC-7", "PC-7"),
            (Kind::Entry, "autocad", "autocad", "autocad"),
            (Kind::Provider, "甲公司", "甲公司", "甲公司"),
        ] {
            assert_eq!(keep(kind, text).as_deref(), Ok(form), "{text}");
            assert_eq!(shown(kind, form, true, 480), zh);
        }
    }

    #[test]
    fn what_may_be_chosen_is_kept_as_it_is_shown() {
        let mut kinds = 0;
        for kind in [Kind::State, Kind::Class, Kind::Sign] {
            for choice in choices(kind) {
                for zh in [true, false] {
                    assert_eq!(keep(kind, &shown(kind, choice, zh, 0)).as_deref(), Ok(*choice));
                }
                kinds += 1;
            }
        }
        assert_eq!((kinds, choices(Kind::Words).len()), (10, 0));
    }

    #[test]
    fn what_a_cell_cannot_be_is_refused_with_words() {
        for (kind, text) in [
            (Kind::Number, "0"),
            (Kind::Number, "many"),
            (Kind::Subnets, "10.1.2.0/33"),
            (Kind::Serial, "Default string"),
            (Kind::Serials, "PF2ABC01, 00000000"),
            (Kind::State, "broken"),
            (Kind::Class, "x"),
            (Kind::Parts, "mouse"),
            (Kind::Sign, "x"),
            (Kind::Moment, "soon"),
            (Kind::Asset, "PC-8"),
            (Kind::Entry, "x"),
            (Kind::Provider, "乙公司"),
            (Kind::Words, "a\u{7}b"),
        ] {
            assert!(keep(kind, text).is_err(), "{kind:?} {text}");
        }
    }
}
