//! What a fact tells of a program, whatever kind of fact it is.

use deskwarden_proto::v1::{self, SoftwareKind, facet};

use super::packaging;

/// What is known of a program.
#[derive(Clone, Copy, Default)]
pub(super) struct Program<'a> {
    pub(super) title: &'a str,
    /// Word patterns are for titles; a package's name counts only as a whole.
    pub(super) title_is_package: bool,
    pub(super) package: &'a str,
    pub(super) executable: &'a str,
    pub(super) original_name: &'a str,
    pub(super) publishers: [&'a str; 2],
    /// Section of the packager's archive.
    pub(super) section: &'a str,
}

/// `None` for facts that are about no program.
pub(super) fn of(facet: &facet::Kind) -> Option<Program<'_>> {
    match facet {
        facet::Kind::Software(software) => of_software(software),
        facet::Kind::Process(process) => Some(Program {
            package: &process.package,
            executable: &process.name,
            original_name: &process.original_name,
            publishers: [&process.publisher, ""],
            ..Program::default()
        }),
        facet::Kind::Listener(listener) => Some(Program {
            package: &listener.package,
            executable: file_name(&listener.program),
            ..Program::default()
        }),
        facet::Kind::Egress(egress) => Some(Program {
            package: &egress.package,
            executable: file_name(&egress.program),
            ..Program::default()
        }),
        _ => None,
    }
}

fn of_software(software: &v1::Software) -> Option<Program<'_>> {
    let kind = software.kind();
    // An update says nothing that the title it belongs to does not.
    if kind == SoftwareKind::Update {
        return None;
    }
    let is_package = kind == SoftwareKind::Package;
    // Store apps carry version and architecture behind the first underscore of their full name.
    let id = match software.package.split_once('_') {
        Some((family, _)) if kind == SoftwareKind::StoreApp => family,
        _ => &software.package,
    };
    // What an archive files a package under may stand before its name.
    let apart = |text| match is_package.then(|| packaging::category(text)).flatten() {
        Some((category, name)) => (category, name),
        None => ("", text),
    };
    let (category, name) = apart(software.name.as_str());
    let (_, id) = apart(id);
    Some(Program {
        title: name,
        title_is_package: is_package && is_package_name(name),
        package: if is_package && id.is_empty() { name } else { id },
        executable: &software.exe,
        original_name: &software.original_name,
        publishers: [&software.publisher, &software.signer],
        section: if software.section_hint.is_empty() {
            category
        } else {
            &software.section_hint
        },
    })
}

/// Whether a name can be a package's: some packagers put a title for people there.
fn is_package_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_graphic())
}

/// The last part of a path of either system.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
