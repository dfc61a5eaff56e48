//! The simulated office: departments, people, PCs. A seed decides everything.

use super::{
    MARK,
    titles::{OFFICE, Title},
};

const DEPARTMENTS: &[(&str, &str)] = &[
    ("综合办公室", "总部 3 楼"),
    ("财务部", "总部 2 楼"),
    ("人力资源部", "总部 3 楼"),
    ("宣传部", "总部 3 楼"),
    ("客户服务部", "总部 1 楼"),
    ("工程维修部", "总部 1 楼"),
    ("采购部", "总部 2 楼"),
    ("秩序维护部", "监控中心"),
    ("翠湖项目部", "翠湖服务中心"),
    ("望江项目部", "望江服务中心"),
];
const SURNAMES: &[&str] = &[
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何",
    "郭", "马", "罗",
];
const GIVEN: &[&str] = &[
    "伟", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超", "秀兰", "霞",
    "平", "刚", "桂英", "建华", "文博", "雅琴", "志远", "晓东", "梦洁",
];

/// What a PC runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum System {
    Windows,
    Uos,
    Kylin,
}

/// Numbers that a seed decides; the same ones on every machine.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// The next number (SplitMix64).
    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = end.max(1) as u64;
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    /// True in so many of a hundred.
    pub(super) fn percent(&mut self, of_hundred: usize) -> bool {
        self.below(100) < of_hundred
    }

    fn one<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        of.get(self.below(of.len()))
    }
}

/// A simulated PC as it was bought and set up.
pub(super) struct Pc {
    /// From 1.
    pub(super) number: u32,
    pub(super) hostname: String,
    pub(super) department: &'static str,
    pub(super) place: &'static str,
    pub(super) custodian: String,
    pub(super) system: System,
    pub(super) address: String,
    pub(super) mac: String,
    pub(super) titles: Vec<&'static Title>,
}

impl Pc {
    fn new(number: u32, dice: &mut Dice) -> Self {
        let at = usize::try_from(number).unwrap_or(0) % DEPARTMENTS.len();
        let (department, place) = DEPARTMENTS.get(at).copied().unwrap_or_default();
        let surname = dice.one(SURNAMES).copied().unwrap_or_default();
        let given = dice.one(GIVEN).copied().unwrap_or_default();
        let system = match dice.below(10) {
            0..=6 => System::Windows,
            7..=8 => System::Uos,
            _ => System::Kylin,
        };
        let fits = |title: &&Title| system == System::Windows || !title.package.is_empty();
        let mut titles: Vec<&'static Title> = OFFICE.iter().filter(fits).collect();
        titles.retain(|title| title.package == "bash" || dice.percent(72));
        if system == System::Windows {
            titles.retain(|title| !title.publisher.is_empty());
        }
        let [_, _, high, low] = number.to_be_bytes();
        Self {
            number,
            hostname: format!("DEMO-{number:03}"),
            department,
            place,
            custodian: format!("{surname}{given}"),
            system,
            address: format!("10.66.{}.{}", at + 1, 10 + number / 10 % 230),
            mac: format!("d4:5d:64:00:{high:02x}:{low:02x}"),
            titles,
        }
    }

    /// Its number in the register.
    pub(super) fn asset_number(&self) -> String {
        format!("{MARK}{:05}", self.number)
    }

    pub(super) const fn platform(&self) -> &'static str {
        match self.system {
            System::Windows => "windows-x86_64",
            System::Uos | System::Kylin => "linux-x86_64",
        }
    }

    /// Gateway of its subnet.
    pub(super) fn gateway(&self) -> String {
        let net = self.address.rsplit_once('.').map_or("", |(net, _)| net);
        format!("{net}.254")
    }
}

/// All PCs.
pub(super) struct Office {
    pcs: Vec<Pc>,
}

impl Office {
    pub(super) fn new(seed: u64, pcs: u32) -> Self {
        let mut dice = Dice::new(seed);
        Self {
            pcs: (1..=pcs).map(|number| Pc::new(number, &mut dice)).collect(),
        }
    }

    pub(super) fn pcs(&self) -> &[Pc] {
        &self.pcs
    }

    /// The PC of an index; indices wrap.
    pub(super) fn pc(&self, index: usize) -> &Pc {
        // An office has at least one.
        &self.pcs[index % self.pcs.len()]
    }
}
