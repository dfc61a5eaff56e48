//! To which department a PC belongs, as far as it shows: what the installer was told, the token that it enrolled
//! with, its subnet, its directory, its host name. Proposed only; a person accepts.

use std::{collections::BTreeSet, net::IpAddr};

use super::{
    directory,
    record::{DepartmentSign, Sign, Subnet, like},
};
use crate::model::AssetId;

/// A PC whose department is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// What the register says now.
    pub department: Option<String>,
    /// What the installer was told.
    pub installer: String,
    /// What its token was made for.
    pub token: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Its directory domain.
    pub domain: String,
    /// Where that directory keeps it, as `CN=PC-7,OU=Finance,DC=corp,DC=example`.
    pub directory: String,
    /// Its host name.
    pub hostname: String,
}

/// Why a department is proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The installer was told.
    Installer,
    /// Its token was made for it.
    Token,
    /// A sign of the book.
    Sign(Sign),
}

impl Reason {
    /// The name used in tables and for words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Installer => "installer",
            Self::Token => "token",
            Self::Sign(sign) => sign.name(),
        }
    }

    /// Words for people, Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Installer => ("安装时指定", "installer"),
            Self::Token => ("入网令牌", "token"),
            Self::Sign(sign) => sign.words(),
        }
    }
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// The PC; filled in by whoever asked.
    pub asset: AssetId,
    /// The department.
    pub department: String,
    /// Why.
    pub reason: Reason,
    /// What it was recognised by.
    pub by: String,
}

/// The most telling proposal that differs from what the register says. `departments` are those that the company has.
pub fn propose(
    asset: AssetId,
    candidate: &Candidate,
    signs: &[DepartmentSign],
    departments: &BTreeSet<String>,
) -> Option<Proposed> {
    let told = [
        (Reason::Installer, candidate.installer.trim()),
        (Reason::Token, candidate.token.trim()),
    ]
    .into_iter()
    .filter(|(_, department)| !department.is_empty())
    .map(|(reason, department)| (reason, department.to_owned(), department.to_owned()));
    let in_directory = in_directory(candidate, signs, departments)
        .map(|(department, by)| (Reason::Sign(Sign::Domain), department, by));
    let shown = [Sign::Subnet, Sign::Host].into_iter().filter_map(|sign| {
        let mut signs = signs.iter().filter(|known| known.sign == sign);
        signs.find_map(|known| {
            seen(known, candidate).map(|by| (Reason::Sign(sign), known.department.clone(), by))
        })
    });
    let (reason, department, by) = told.chain(in_directory).chain(shown).next()?;
    (candidate.department.as_deref().map(str::trim) != Some(department.trim())).then_some(Proposed {
        asset,
        department,
        reason,
        by,
    })
}

/// What the directory tells: the innermost unit that the book of signs knows, else the whole name or the domain, else
/// the innermost unit that is called as a department is.
fn in_directory(
    candidate: &Candidate,
    signs: &[DepartmentSign],
    departments: &BTreeSet<String>,
) -> Option<(String, String)> {
    let units = directory::units(&candidate.directory);
    let mut of_units = units
        .iter()
        .flat_map(|unit| signs.iter().map(move |sign| (unit, sign)));
    let by_unit = of_units.find(|(unit, sign)| {
        let pattern = sign.pattern.to_lowercase();
        let pattern = pattern.strip_prefix("ou=").unwrap_or(&pattern);
        // A pattern of several parts is meant for the whole name.
        sign.sign == Sign::Domain && !pattern.contains('=') && like(pattern, &unit.to_lowercase())
    });
    if let Some((unit, sign)) = by_unit {
        return Some((sign.department.clone(), unit.clone()));
    }
    let whole = |text: &String| {
        let mut of_domain = signs.iter().filter(|known| known.sign == Sign::Domain);
        of_domain.find_map(|known| {
            let is = !text.is_empty() && like(&known.pattern.to_lowercase(), &text.to_lowercase());
            is.then(|| (known.department.clone(), text.clone()))
        })
    };
    let whole = [&candidate.directory, &candidate.domain]
        .into_iter()
        .find_map(whole);
    whole.or_else(|| {
        units.into_iter().find_map(|unit| {
            let same = |known: &&String| known.trim().to_lowercase() == unit.to_lowercase();
            Some((departments.iter().find(same)?.trim().to_owned(), unit))
        })
    })
}

fn seen(known: &DepartmentSign, candidate: &Candidate) -> Option<String> {
    let pattern = known.pattern.to_lowercase();
    let is_like =
        |text: &str| (!text.is_empty() && like(&pattern, &text.to_lowercase())).then(|| text.to_owned());
    match known.sign {
        Sign::Host => is_like(&candidate.hostname),
        // Asked by itself: a name in it has several parts.
        Sign::Domain => None,
        Sign::Subnet => {
            let subnet = Subnet::parse(&known.pattern)?;
            candidate
                .addresses
                .iter()
                .find(|address| address.parse::<IpAddr>().is_ok_and(|ip| subnet.holds(ip)))
                .cloned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(sign: Sign, pattern: &str, department: &str) -> DepartmentSign {
        DepartmentSign {
            sign,
            pattern: pattern.into(),
            department: department.into(),
        }
    }

    #[test]
    fn the_most_telling_sign_wins_and_what_is_known_is_not_proposed() {
        let signs = [
            sign(Sign::Host, "fin-*", "财务部"),
            sign(Sign::Subnet, "10.1.2.0/24", "工程部"),
            sign(Sign::Domain, "*ou=hr*", "人事部"),
        ];
        let mut pc = Candidate {
            hostname: "FIN-07".into(),
            ..Candidate::default()
        };
        let found = |pc: &Candidate| {
            propose(AssetId(1), pc, &signs, &BTreeSet::new())
                .map(|found| (found.department, found.reason.name()))
        };
        assert_eq!(found(&pc), Some(("财务部".into(), "host")));
        pc.addresses = vec!["nonsense".into(), "10.1.2.7".into()];
        assert_eq!(found(&pc), Some(("工程部".into(), "subnet")));
        pc.domain = "OU=HR,DC=corp".into();
        assert_eq!(found(&pc), Some(("人事部".into(), "domain")));
        pc.token = "信息部".into();
        assert_eq!(found(&pc), Some(("信息部".into(), "token")));
        pc.installer = "后勤部".into();
        assert_eq!(found(&pc), Some(("后勤部".into(), "installer")));
        pc.department = Some("后勤部".into());
        assert_eq!(found(&pc), None);
        let nothing = propose(AssetId(1), &Candidate::default(), &signs, &BTreeSet::new());
        assert_eq!(nothing, None);
    }

    #[test]
    fn the_innermost_unit_tells_by_the_book_or_by_its_name() {
        let signs = [
            sign(Sign::Domain, "总部", "总经办"),
            sign(Sign::Domain, "OU=R&D*", "研发部"),
            sign(Sign::Domain, "branch.corp.example", "分公司"),
            sign(Sign::Domain, "*,ou=hr,ou=west,*", "人事部"),
        ];
        let departments: BTreeSet<String> = ["财务部".to_owned(), "Sales".to_owned()].into();
        let found = |directory: &str| {
            let pc = Candidate {
                directory: directory.into(),
                domain: "branch.corp.example".into(),
                ..Candidate::default()
            };
            propose(AssetId(1), &pc, &signs, &departments).map(|found| (found.department, found.by))
        };
        for (directory, department, by) in [
            (
                r"CN=a,OU=Desks,OU=R&D\, Tests,OU=总部,DC=corp",
                "研发部",
                "R&D, Tests",
            ),
            ("CN=a,OU=财务部,OU=总部,DC=corp", "总经办", "总部"),
            (
                "CN=a,OU=HR,OU=West,DC=corp",
                "人事部",
                "CN=a,OU=HR,OU=West,DC=corp",
            ),
            ("CN=a,OU=sales,DC=corp", "分公司", "branch.corp.example"),
        ] {
            assert_eq!(
                found(directory),
                Some((department.into(), by.into())),
                "{directory}"
            );
        }
        let named = |directory: &str| {
            let pc = Candidate {
                directory: directory.into(),
                addresses: vec!["10.1.2.7".into()],
                ..Candidate::default()
            };
            let subnets = [sign(Sign::Subnet, "10.1.2.0/24", "工程部")];
            propose(AssetId(1), &pc, &subnets, &departments)
                .map(|found| (found.department, found.reason.name()))
        };
        assert_eq!(
            named("CN=a,OU=Desks,OU=sales,DC=corp"),
            Some(("Sales".into(), "domain"))
        );
        assert_eq!(
            named("CN=a,OU=Sales Team,DC=corp"),
            Some(("工程部".into(), "subnet"))
        );
    }
}
