//! To which department a PC belongs, as far as it shows: what the installer was told, the token that it enrolled
//! with, its subnet, its directory, its host name. Proposed only; a person accepts.

use std::net::IpAddr;

use super::record::{DepartmentSign, Sign, Subnet, like};
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

/// The most telling proposal that differs from what the register says.
pub fn propose(asset: AssetId, candidate: &Candidate, signs: &[DepartmentSign]) -> Option<Proposed> {
    let told = [
        (Reason::Installer, candidate.installer.trim()),
        (Reason::Token, candidate.token.trim()),
    ]
    .into_iter()
    .filter(|(_, department)| !department.is_empty())
    .map(|(reason, department)| (reason, department.to_owned(), department.to_owned()));
    let shown = [Sign::Domain, Sign::Subnet, Sign::Host]
        .into_iter()
        .filter_map(|sign| {
            signs
                .iter()
                .filter(|known| known.sign == sign)
                .find_map(|known| seen(known, candidate).map(|by| (sign, known, by)))
        })
        .map(|(sign, known, by)| (Reason::Sign(sign), known.department.clone(), by));
    let (reason, department, by) = told.chain(shown).next()?;
    (candidate.department.as_deref().map(str::trim) != Some(department.trim())).then_some(Proposed {
        asset,
        department,
        reason,
        by,
    })
}

fn seen(known: &DepartmentSign, candidate: &Candidate) -> Option<String> {
    let pattern = known.pattern.to_lowercase();
    let is_like =
        |text: &str| (!text.is_empty() && like(&pattern, &text.to_lowercase())).then(|| text.to_owned());
    match known.sign {
        Sign::Host => is_like(&candidate.hostname),
        Sign::Domain => is_like(&candidate.domain),
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
            propose(AssetId(1), pc, &signs).map(|found| (found.department, found.reason.name()))
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
        assert_eq!(propose(AssetId(1), &Candidate::default(), &signs), None);
    }
}
