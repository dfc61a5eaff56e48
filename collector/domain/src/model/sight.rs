//! Whose assets a person sees: everything, or those of named departments.

use serde::{Deserialize, Serialize};

/// Whose assets a person sees. What belongs to no department is seen by those who see everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// Every asset, and what belongs to none.
    #[default]
    Everything,
    /// Assets of these departments.
    Departments(Vec<String>),
}

impl Sight {
    /// From departments as they are typed, one per line or comma; none: everything.
    pub fn of(text: &str) -> Self {
        let mut names: Vec<String> = text
            .split(['\n', ',', '，', ';', '；'])
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        if names.is_empty() {
            Self::Everything
        } else {
            Self::Departments(names)
        }
    }

    /// Whether something of this department is seen.
    pub fn sees(&self, department: Option<&str>) -> bool {
        match self {
            Self::Everything => true,
            Self::Departments(names) => {
                department.is_some_and(|department| names.iter().any(|name| name == department))
            }
        }
    }

    /// Whether anything is hidden.
    pub const fn is_limited(&self) -> bool {
        matches!(self, Self::Departments(_))
    }

    /// The departments; none when everything is seen.
    pub fn departments(&self) -> &[String] {
        match self {
            Self::Everything => &[],
            Self::Departments(names) => names,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limited_person_sees_named_departments_only() {
        let sight = Sight::of(" 客服部，工程部\n客服部 ");
        assert_eq!(sight.departments(), ["客服部", "工程部"]);
        assert!(sight.sees(Some("工程部")));
        assert!(!sight.sees(Some("财务部")));
        assert!(!sight.sees(None), "what nobody owns is not theirs");
        assert!(Sight::of(" \n").sees(None));
    }
}
