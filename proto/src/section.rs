//! The kinds of facts by name, for command lines, pages, rules and tables.

pub use crate::v1::Section;

/// All sections in the order of the contract.
pub const ALL: [Section; 15] = [
    Section::Os,
    Section::Part,
    Section::Software,
    Section::Process,
    Section::Network,
    Section::Proxy,
    Section::Listener,
    Section::Account,
    Section::Logon,
    Section::Security,
    Section::Share,
    Section::Media,
    Section::Neighbour,
    Section::Egress,
    Section::Health,
];

/// The lower-case name that rules, tables and command lines use; `unspecified` never leaves a decoder.
pub const fn name(section: Section) -> &'static str {
    match section {
        Section::Unspecified => "unspecified",
        Section::Os => "os",
        Section::Part => "part",
        Section::Software => "software",
        Section::Process => "process",
        Section::Network => "network",
        Section::Proxy => "proxy",
        Section::Listener => "listener",
        Section::Account => "account",
        Section::Logon => "logon",
        Section::Security => "security",
        Section::Share => "share",
        Section::Media => "media",
        Section::Neighbour => "neighbour",
        Section::Egress => "egress",
        Section::Health => "health",
    }
}

/// The section of that name, or `None`.
pub fn by_name(text: &str) -> Option<Section> {
    ALL.into_iter().find(|section| name(*section) == text)
}

/// Whether the accepted baseline of an asset covers this section: there, a difference is a change that a
/// person accepts or rejects.
pub const fn has_baseline(section: Section) -> bool {
    matches!(section, Section::Part | Section::Network | Section::Account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_is_found_by_its_name() {
        for section in ALL {
            assert_eq!(by_name(name(section)), Some(section));
        }
        assert_eq!(by_name("unspecified"), None);
        assert_eq!(ALL.len(), crate::describe::SECTIONS.len());
    }
}
