//! The books and their columns.

use crate::{model::Lang, table::heading_text};

/// A book of the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Book {
    /// The PCs themselves.
    Assets,
    /// People and the accounts that they sign in with.
    People,
    /// Who gave which PC to whom.
    Transfers,
    /// Repairs that were ordered.
    Orders,
    /// Providers of outsourced services.
    Providers,
    /// When their PCs may be here.
    Visits,
    /// Software that was paid for.
    Licences,
    /// Removable media that may be used.
    Media,
    /// By what a PC's department is recognised.
    Departments,
}

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words for people.
    Words,
    /// Several words, with commas between.
    List,
    /// A whole number above 0.
    Number,
    /// A day, with a time of day where one is given.
    Moment,
    /// Subnets, with commas between.
    Subnets,
    /// A serial that tells something.
    Serial,
    /// Several of them.
    Serials,
    /// Number of an asset.
    Asset,
    /// State of an asset.
    State,
    /// Class of an asset.
    Class,
    /// Name of a provider.
    Provider,
    /// Id of a catalogue entry.
    Entry,
    /// Classes of parts, with commas between.
    Parts,
    /// What a department is recognised by.
    Sign,
}

/// A column of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in the store, the API and on command lines.
    pub name: &'static str,
    /// Heading in Chinese.
    pub zh: &'static str,
    /// Heading in English.
    pub en: &'static str,
    /// Other headings that offices write, lower case without spaces and marks.
    also: &'static [&'static str],
    /// What its cells hold.
    pub kind: Kind,
    /// Whether a row needs it.
    pub needed: bool,
}

const fn column(name: &'static str, zh: &'static str, en: &'static str, kind: Kind) -> Column {
    Column {
        name,
        zh,
        en,
        also: &[],
        kind,
        needed: false,
    }
}

impl Column {
    const fn needed(mut self) -> Self {
        self.needed = true;
        self
    }

    const fn also(mut self, also: &'static [&'static str]) -> Self {
        self.also = also;
        self
    }

    /// Its heading.
    pub const fn title(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::Zh => self.zh,
            Lang::En => self.en,
        }
    }

    /// How it may be headed.
    pub(super) fn spellings(&self) -> Vec<&'static str> {
        [&[self.zh, self.en, self.name], self.also].concat()
    }
}

const NOTE: Column = column("note", "备注", "Note", Kind::Words).also(&["说明", "remark"]);
const DEPARTMENT: Column =
    column("department", "部门", "Department", Kind::Words).also(&["科室", "所属部门", "dept"]);
const NUMBER: &[&str] = &["编号", "单号", "no", "id"];
const ASSET: Column =
    column("asset", "资产编号", "Asset", Kind::Asset).also(&["资产", "设备编号", "assetnumber"]);

const ASSETS: &[Column] = &[
    column("number", "资产编号", "Number", Kind::Words)
        .needed()
        .also(&["编号", "资产号", "设备编号", "assetnumber", "asset"]),
    column("name", "名称", "Name", Kind::Words).also(&["设备名称", "主机名", "计算机名", "hostname"]),
    column("class", "类别", "Class", Kind::Class).also(&["设备类别", "性质"]),
    column("state", "状态", "State", Kind::State).also(&["使用状态"]),
    column("custodian", "保管人", "Custodian", Kind::Words).also(&["使用人", "责任人", "领用人", "user"]),
    DEPARTMENT,
    column("provider", "服务商", "Provider", Kind::Provider).also(&["供应商", "外包单位", "外包商"]),
    column("responsible", "我方负责人", "Responsible", Kind::Words).also(&["负责人"]),
    column("place", "位置", "Place", Kind::Words).also(&["地点", "房间", "存放地点", "location", "room"]),
    column("serials", "序列号", "Serials", Kind::Serials).also(&["sn", "serial", "出厂编号", "机身序列号"]),
];

const PEOPLE: &[Column] = &[
    column("name", "姓名", "Name", Kind::Words)
        .needed()
        .also(&["人员", "person"]),
    column("accounts", "登录账户", "Accounts", Kind::List).also(&["账户", "账号", "account", "用户名"]),
    DEPARTMENT,
];

const TRANSFERS: &[Column] = &[
    column("number", "移交单号", "Number", Kind::Words)
        .needed()
        .also(NUMBER),
    ASSET.needed(),
    column("from_custodian", "移交人", "From", Kind::Words).also(&["原保管人"]),
    column("from_department", "移交部门", "From department", Kind::Words).also(&["原部门"]),
    column("to_custodian", "接收人", "To", Kind::Words).also(&["新保管人"]),
    column("to_department", "接收部门", "To department", Kind::Words).also(&["新部门"]),
    column("date", "移交日期", "Date", Kind::Moment)
        .needed()
        .also(&["日期"]),
    column("due", "表单期限", "Form due", Kind::Moment).also(&["期限"]),
    column("received", "表单收到", "Form received", Kind::Moment).also(&["收到日期"]),
    NOTE,
];

const ORDERS: &[Column] = &[
    column("number", "工单号", "Number", Kind::Words)
        .needed()
        .also(NUMBER),
    ASSET.needed(),
    column("from", "开始", "From", Kind::Moment)
        .needed()
        .also(&["开始时间"]),
    column("to", "结束", "To", Kind::Moment)
        .needed()
        .also(&["结束时间", "until"]),
    column("work", "维修内容", "Work", Kind::Words)
        .needed()
        .also(&["内容", "事由"]),
    column("parts", "涉及部件", "Parts", Kind::Parts).also(&["部件"]),
    column("closed", "完工", "Closed", Kind::Moment).also(&["完工时间"]),
    column("result", "结果", "Result", Kind::Words),
];

const PROVIDERS: &[Column] = &[
    column("name", "服务商", "Name", Kind::Words)
        .needed()
        .also(&["名称", "供应商", "provider"]),
    column("responsible", "我方负责人", "Responsible", Kind::Words).also(&["负责人"]),
    column("contact", "联系方式", "Contact", Kind::Words).also(&["联系人", "电话"]),
    column("subnets", "允许的网段", "Subnets", Kind::Subnets).also(&["网段", "subnet", "networks"]),
    NOTE,
];

const VISITS: &[Column] = &[
    column("number", "来访单号", "Number", Kind::Words)
        .needed()
        .also(NUMBER),
    column("provider", "服务商", "Provider", Kind::Provider).also(&["供应商"]),
    ASSET,
    column("from", "开始", "From", Kind::Moment)
        .needed()
        .also(&["开始时间"]),
    column("to", "结束", "To", Kind::Moment)
        .needed()
        .also(&["结束时间", "until"]),
    column("purpose", "事由", "Purpose", Kind::Words).also(&["目的"]),
];

const LICENCES: &[Column] = &[
    column("title", "软件名称", "Title", Kind::Words)
        .needed()
        .also(&["名称", "软件", "software"]),
    column("entry", "目录条目", "Catalogue entry", Kind::Entry).also(&["条目"]),
    column("pattern", "名称模式", "Name pattern", Kind::Words).also(&["模式", "pattern"]),
    column("seats", "授权数", "Seats", Kind::Number)
        .needed()
        .also(&["数量", "licences", "licenses"]),
    NOTE,
];

const MEDIA: &[Column] = &[
    column("serial", "序列号", "Serial", Kind::Serial)
        .needed()
        .also(&["sn", "介质序列号"]),
    column("name", "名称", "Name", Kind::Words).also(&["介质名称", "型号"]),
    column("owner", "保管人", "Owner", Kind::Words).also(&["使用人", "责任人", "custodian"]),
    DEPARTMENT,
    NOTE,
];

const DEPARTMENTS: &[Column] = &[
    column("sign", "依据", "Sign", Kind::Sign)
        .needed()
        .also(&["类型", "kind"]),
    column("pattern", "模式", "Pattern", Kind::Words)
        .needed()
        .also(&["网段", "subnet"]),
    column("department", "部门", "Department", Kind::Words)
        .needed()
        .also(&["科室"]),
];

impl Book {
    /// All of them, in the order of pages.
    pub const ALL: [Self; 9] = [
        Self::Assets,
        Self::People,
        Self::Transfers,
        Self::Orders,
        Self::Providers,
        Self::Visits,
        Self::Licences,
        Self::Media,
        Self::Departments,
    ];

    /// The name used in the store, addresses and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Assets => "assets",
            Self::People => "people",
            Self::Transfers => "transfers",
            Self::Orders => "orders",
            Self::Providers => "providers",
            Self::Visits => "visits",
            Self::Licences => "licences",
            Self::Media => "media",
            Self::Departments => "departments",
        }
    }

    /// The book of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|book| book.name() == name)
    }

    /// What it is called, in Chinese and English.
    pub const fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::Assets => ("资产台账", "Asset register"),
            Self::People => ("人员与账户", "People and accounts"),
            Self::Transfers => ("资产移交", "Transfers"),
            Self::Orders => ("维修工单", "Work orders"),
            Self::Providers => ("外包服务商", "Providers"),
            Self::Visits => ("来访登记", "Visits"),
            Self::Licences => ("软件授权台账", "Licence ledger"),
            Self::Media => ("移动介质台账", "Removable media"),
            Self::Departments => ("部门识别", "Department signs"),
        }
    }

    /// Its columns, in the order of files.
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Assets => ASSETS,
            Self::People => PEOPLE,
            Self::Transfers => TRANSFERS,
            Self::Orders => ORDERS,
            Self::Providers => PROVIDERS,
            Self::Visits => VISITS,
            Self::Licences => LICENCES,
            Self::Media => MEDIA,
            Self::Departments => DEPARTMENTS,
        }
    }

    /// The column that a heading names.
    pub fn named(self, heading: &str) -> Option<&'static Column> {
        let given = heading_text(heading);
        let names = |column: &&Column| column.spellings().iter().any(|name| heading_text(name) == given);
        self.columns().iter().find(names)
    }

    /// The column of that name.
    pub fn column(self, name: &str) -> Option<&'static Column> {
        self.columns().iter().find(|column| column.name == name)
    }

    /// What identifies a row: the values of these columns.
    pub const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Assets | Self::Transfers | Self::Orders | Self::Visits => &["number"],
            Self::People | Self::Providers => &["name"],
            Self::Licences => &["title"],
            Self::Media => &["serial"],
            Self::Departments => &["sign", "pattern"],
        }
    }

    /// The column that names the person or the provider that a row concerns.
    pub const fn about(self) -> Option<&'static str> {
        match self {
            Self::People | Self::Providers => Some("name"),
            Self::Visits => Some("provider"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_found_by_its_headings_and_no_heading_names_two() {
        for book in Book::ALL {
            assert_eq!(Book::by_name(book.name()), Some(book));
            for column in book.columns() {
                for heading in [column.name, column.zh, column.en]
                    .into_iter()
                    .chain(column.also.iter().copied())
                {
                    let found = book.named(heading).map(|found| found.name);
                    assert_eq!(found, Some(column.name), "{book:?} {heading}");
                }
            }
            for key in book.keys() {
                assert!(book.column(key).is_some_and(|column| column.needed), "{book:?}");
            }
        }
    }
}
