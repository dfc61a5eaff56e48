//! Rows of the books as judging reads them: typed, and what they say of an account, an address or a moment.

use std::{collections::BTreeMap, fmt, net::IpAddr};

use super::book::Book;
use crate::model::{AssetId, Millis};

/// The permission form of a transfer is due after so long (clause 3.3).
const FORM_DUE: Millis = 3 * 86_400_000;

/// A row of a book as it is kept. Empty cells are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// What identifies it.
    pub key: String,
    /// Asset that it concerns.
    pub asset: Option<AssetId>,
    /// Cells by the names of their columns.
    pub cells: BTreeMap<String, String>,
    /// When it was first written.
    pub at: Millis,
    /// By whom it was last written.
    pub by: String,
}

impl Row {
    /// A cell; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.cells.get(name).map_or("", String::as_str)
    }

    /// A moment.
    pub fn at(&self, name: &str) -> Option<Millis> {
        self.text(name).parse().ok()
    }

    /// The values of a cell that holds several.
    pub fn several(&self, name: &str) -> Vec<String> {
        parts_of(self.text(name)).map(str::to_owned).collect()
    }

    /// When the form of a transfer is due: as it says, else so long after its date.
    fn form_due(&self) -> Option<Millis> {
        let usual = || Some(self.at("date")?.saturating_add(FORM_DUE));
        self.at("due").or_else(usual)
    }

    /// As lists show it: with what holds where a cell is empty.
    pub fn listed(&self, book: Book) -> Self {
        let mut row = self.clone();
        if let (Book::Transfers, Some(due)) = (book, self.form_due()) {
            row.cells.insert("due".to_owned(), due.to_string());
        }
        row
    }

    /// The person or provider that it concerns.
    pub fn about(&self, book: Book) -> Option<&str> {
        let name = self.text(book.about()?);
        (!name.is_empty()).then_some(name)
    }

    /// What identifies it, from its cells.
    pub fn key_of(book: Book, cells: &BTreeMap<String, String>) -> String {
        let keys: Vec<&str> = book
            .keys()
            .iter()
            .map(|key| cells.get(*key).map_or("", String::as_str))
            .collect();
        keys.join(" ")
    }
}

/// A person, with the accounts that the person signs in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Name, as custodians are named.
    pub name: String,
    /// Accounts, without or with their domain.
    pub accounts: Vec<String>,
}

impl Person {
    /// Whether an account is the person's.
    pub fn has(&self, account: &str) -> bool {
        self.accounts.iter().any(|own| same_account(own, account))
    }
}

/// Whether two spellings name one account: `CORP\wang`, `wang@corp.example` and `wang` do, unless both name
/// different domains.
pub fn same_account(one: &str, other: &str) -> bool {
    let ((name, domain), (other_name, other_domain)) = (account(one), account(other));
    let same_domain = match (&domain, &other_domain) {
        (Some(one), Some(other)) => one.split('.').next() == other.split('.').next(),
        _ => true,
    };
    !name.is_empty() && name == other_name && same_domain
}

fn account(text: &str) -> (String, Option<String>) {
    let text = text.trim().to_lowercase();
    if let Some((domain, name)) = text.split_once('\\') {
        return (name.to_owned(), Some(domain.to_owned()));
    }
    match text.split_once('@') {
        Some((name, domain)) => (name.to_owned(), Some(domain.to_owned())),
        None => (text, None),
    }
}

/// Who gave a PC to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Its number.
    pub number: String,
    /// Who had it.
    pub from: String,
    /// Who gets it.
    pub to: String,
    /// When.
    pub date: Millis,
    /// When the form is due.
    pub due: Millis,
    /// When the form came.
    pub received: Option<Millis>,
}

/// A repair that was ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its number.
    pub number: String,
    /// From when parts may change. Never before it was written: an order authorises ahead.
    pub from: Millis,
    /// Until when.
    pub to: Millis,
    /// Classes of parts that may change; empty for all.
    pub parts: Vec<String>,
}

impl Order {
    /// Whether it is open at that moment.
    pub const fn is_open(&self, at: Millis) -> bool {
        self.from <= at && at <= self.to
    }

    /// Whether it authorises the change of a part of that class at that moment.
    pub fn covers(&self, class: &str, at: Millis) -> bool {
        self.is_open(at) && (self.parts.is_empty() || self.parts.iter().any(|part| part == class))
    }
}

/// A provider of outsourced services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Name, as assets name it.
    pub name: String,
    /// Who answers for it on our side.
    pub responsible: String,
    /// Networks that its PCs may use; empty for all.
    pub subnets: Vec<Subnet>,
}

/// A time in which a provider's PC may be here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Its number.
    pub number: String,
    /// From when.
    pub from: Millis,
    /// Until when.
    pub to: Millis,
}

/// Software that was paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Licence {
    /// What it is called.
    pub title: String,
    /// Entry of the catalogue that it is, or empty.
    pub entry: String,
    /// Names that it registers itself with, `*` for anything, or empty.
    pub pattern: String,
    /// How many may have it.
    pub seats: u64,
}

impl Licence {
    /// Of a row.
    pub fn of(row: &Row) -> Self {
        Self {
            title: row.key.clone(),
            entry: row.text("entry").to_owned(),
            pattern: row.text("pattern").to_lowercase(),
            seats: row.text("seats").parse().unwrap_or(0),
        }
    }

    /// Whether a program is it: by its entry, or by its name. `now` gives the id that an entry has now.
    pub fn is<'a>(&'a self, entry: Option<&str>, name: &str, now: &dyn Fn(&'a str) -> &'a str) -> bool {
        (!self.entry.is_empty() && entry == Some(now(&self.entry)))
            || (!self.pattern.is_empty() && like(&self.pattern, &name.to_lowercase()))
    }
}

/// Subject of the evidence that a PC has a licensed title: no item's key looks so.
pub fn licence_subject(title: &str) -> String {
    format!("licence:{title}")
}

/// Whether a text is like a pattern whose `*` stand for anything.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

/// By what a department is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sign {
    /// The subnet that the PC is in.
    Subnet,
    /// Its host name, `*` for anything.
    Host,
    /// Its directory domain or organisational unit, `*` for anything.
    Domain,
}

impl Sign {
    const ALL: [Self; 3] = [Self::Subnet, Self::Host, Self::Domain];

    /// The name used in tables and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subnet => "subnet",
            Self::Host => "host",
            Self::Domain => "domain",
        }
    }

    /// Words for people, Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Subnet => ("网段", "subnet"),
            Self::Host => ("主机名", "host name"),
            Self::Domain => ("目录", "directory"),
        }
    }

    /// The sign of a name or word.
    pub fn by_word(word: &str) -> Option<Self> {
        let word = word.trim().to_lowercase();
        Self::ALL
            .into_iter()
            .find(|sign| sign.name() == word || sign.words().0 == word || sign.words().1 == word)
    }
}

/// A sign and the department that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepartmentSign {
    /// What is looked at.
    pub sign: Sign,
    /// What it is like.
    pub pattern: String,
    /// The department.
    pub department: String,
}

impl DepartmentSign {
    /// Of a row.
    pub fn of(row: &Row) -> Option<Self> {
        Some(Self {
            sign: Sign::by_word(row.text("sign"))?,
            pattern: row.text("pattern").to_owned(),
            department: row.text("department").to_owned(),
        })
    }
}

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    first: IpAddr,
    prefix: u8,
}

impl Subnet {
    /// Reads `10.1.2.0/24`; a single address is a network of one.
    pub fn parse(text: &str) -> Option<Self> {
        let (ip, prefix) = match text.trim().split_once('/') {
            Some((ip, prefix)) => (ip, Some(prefix.trim().parse::<u8>().ok()?)),
            None => (text.trim(), None),
        };
        let ip: IpAddr = ip.trim().parse().ok()?;
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(most);
        (prefix <= most).then(|| Self {
            first: first_of(ip, prefix),
            prefix,
        })
    }

    /// Whether an address lies within.
    pub fn holds(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.first.is_ipv4() && first_of(ip, self.prefix) == self.first
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

fn first_of(ip: IpAddr, prefix: u8) -> IpAddr {
    let rest = |bits: u8| u32::from(bits.saturating_sub(prefix));
    match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(rest(32)).unwrap_or(0);
            IpAddr::V4((u32::from(ip) & mask).into())
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(rest(128)).unwrap_or(0);
            IpAddr::V6((u128::from(ip) & mask).into())
        }
    }
}

/// What the books say around one asset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Papers {
    /// Its custodian, where people are known.
    pub person: Option<Person>,
    /// Its provider, where it is known.
    pub provider: Option<Provider>,
    /// Its transfers.
    pub transfers: Vec<Transfer>,
    /// Its work orders.
    pub orders: Vec<Order>,
    /// Its visits, and those of its provider that name no asset.
    pub visits: Vec<Visit>,
}

impl Papers {
    /// Takes a row of a book; rows of books that judging does not read are left aside.
    pub fn take(&mut self, book: Book, row: &Row) {
        match book {
            Book::People => {
                self.person = Some(Person {
                    name: row.key.clone(),
                    accounts: row.several("accounts"),
                });
            }
            Book::Providers => {
                self.provider = Some(Provider {
                    name: row.key.clone(),
                    responsible: row.text("responsible").to_owned(),
                    subnets: row
                        .several("subnets")
                        .iter()
                        .filter_map(|text| Subnet::parse(text))
                        .collect(),
                });
            }
            Book::Transfers => {
                let Some(date) = row.at("date") else { return };
                self.transfers.push(Transfer {
                    number: row.key.clone(),
                    from: row.text("from_custodian").to_owned(),
                    to: row.text("to_custodian").to_owned(),
                    date,
                    due: row.form_due().unwrap_or(date),
                    received: row.at("received"),
                });
            }
            Book::Orders => {
                let (Some(from), Some(to)) = (row.at("from"), row.at("to")) else {
                    return;
                };
                self.orders.push(Order {
                    number: row.key.clone(),
                    from: from.max(row.at),
                    to: row.at("closed").map_or(to, |closed| closed.min(to)),
                    parts: row.several("parts"),
                });
            }
            Book::Visits => {
                let (Some(from), Some(to)) = (row.at("from"), row.at("to")) else {
                    return;
                };
                self.visits.push(Visit {
                    number: row.key.clone(),
                    from,
                    to,
                });
            }
            Book::Assets | Book::Licences | Book::Media | Book::Departments => {}
        }
    }
}

/// The values of a cell that holds several.
pub(super) fn parts_of(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';', '，', '；', '、', '\n'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_is_known_in_every_spelling_but_not_of_another_domain() {
        for (one, other, same) in [
            ("wang", "CORP\\Wang", true),
            ("wang@corp.example", "corp\\wang", true),
            ("Wang", "wang", true),
            ("corp\\wang", "other\\wang", false),
            ("wang", "wangfang", false),
            ("", "", false),
        ] {
            assert_eq!(same_account(one, other), same, "{one} {other}");
        }
    }

    #[test]
    fn a_subnet_holds_its_own_addresses_only() {
        let subnet = Subnet::parse("10.1.2.200/24").unwrap();
        assert_eq!(subnet.to_string(), "10.1.2.0/24");
        assert!(subnet.holds("10.1.2.7".parse().unwrap()));
        assert!(subnet.holds("::ffff:10.1.2.7".parse().unwrap()));
        assert!(!subnet.holds("10.1.3.7".parse().unwrap()));
        assert!(!subnet.holds("fd00::1".parse().unwrap()));
        assert!(
            Subnet::parse("0.0.0.0/0")
                .unwrap()
                .holds("1.2.3.4".parse().unwrap())
        );
        assert!(
            Subnet::parse("10.1.2.7")
                .unwrap()
                .holds("10.1.2.7".parse().unwrap())
        );
        assert!(Subnet::parse("::/129").is_none() && Subnet::parse("x/8").is_none());
    }

    #[test]
    fn a_pattern_is_exact_but_for_its_stars() {
        for (pattern, text, is) in [
            ("autocad*", "autocad 2024 - english", true),
            ("autocad", "autocad 2024", false),
            (
                "*office*2019*",
                "microsoft office professional plus 2019 - zh-cn",
                true,
            ),
            ("*", "", true),
            ("a*a", "a", false),
            ("", "x", false),
        ] {
            assert_eq!(like(pattern, text), is, "{pattern} {text}");
        }
    }

    #[test]
    fn a_licence_is_known_by_its_entry_or_its_name() {
        let cells = [("pattern", "AutoCAD*"), ("entry", "autocad"), ("seats", "5")];
        let row = Row {
            key: "AutoCAD".into(),
            cells: cells.map(|(name, cell)| (name.into(), cell.into())).into(),
            ..Row::default()
        };
        let licence = Licence::of(&row);
        assert_eq!(licence.seats, 5);
        let is = |entry, name| licence.is(entry, name, &|id| id);
        assert!(is(Some("autocad"), "浩辰CAD"));
        assert!(is(None, "AutoCAD 2024"));
        assert!(!is(Some("zwcad"), "中望CAD") && !is(None, ""));
        let renamed = |id| if id == "autocad" { "acad" } else { id };
        assert!(licence.is(Some("acad"), "浩辰CAD", &renamed));
    }

    #[test]
    fn a_list_says_when_the_form_of_a_transfer_is_due_whoever_wrote_it() {
        let row = |due: &str| Row {
            cells: [("date", "1000"), ("due", due)]
                .into_iter()
                .filter(|(_, cell)| !cell.is_empty())
                .map(|(name, cell)| (name.into(), cell.into()))
                .collect(),
            ..Row::default()
        };
        let usual = (1000 + FORM_DUE).to_string();
        assert_eq!(row("").listed(Book::Transfers).text("due"), usual);
        assert_eq!(row("5000").listed(Book::Transfers).text("due"), "5000");
        assert_eq!(row("").listed(Book::Visits), row(""));
        assert_eq!(Row::default().listed(Book::Transfers), Row::default());
        let mut papers = Papers::default();
        papers.take(Book::Transfers, &row(""));
        assert_eq!(
            papers.transfers[0].due.to_string(),
            usual,
            "the list says what is judged"
        );
    }

    #[test]
    fn an_order_authorises_ahead_within_its_time_and_for_its_parts() {
        let cells = [
            ("from", "1000"),
            ("to", "5000"),
            ("parts", "memory, disk"),
            ("closed", "4000"),
        ];
        let row = Row {
            key: "WO-1".into(),
            cells: cells.map(|(name, cell)| (name.into(), cell.into())).into(),
            at: 2_000,
            ..Row::default()
        };
        let mut papers = Papers::default();
        papers.take(Book::Orders, &row);
        let order = &papers.orders[0];
        assert!(!order.covers("memory", 1_500), "it was not written yet");
        assert!(order.covers("memory", 2_000) && order.covers("disk", 4_000));
        assert!(!order.covers("memory", 4_500), "it was closed");
        assert!(!order.covers("cpu", 3_000), "of a part that it does not name");
    }
}
