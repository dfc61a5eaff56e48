//! Store apps: the packages that are installed for a person, as the person's part of the registry lists them.

use super::{Found, Key};
use crate::text;

/// Packages that hold nothing to run by themselves.
const FRAMEWORKS: [&str; 8] = [
    "Microsoft.VCLibs.",
    "Microsoft.NET.Native.",
    "Microsoft.UI.Xaml.",
    "Microsoft.WindowsAppRuntime",
    "Microsoft.Services.Store.Engagement",
    "Microsoft.Advertising.Xaml",
    "Microsoft.DirectXRuntime",
    "Microsoft.WinAppRuntime",
];

/// One package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Name and mark of the publisher: what stays when the package is updated.
    pub family: String,
    /// Name as shown; that of the package where the shown one stands in its resources.
    pub name: String,
    /// Version.
    pub version: String,
    /// Processor that it is for; `neutral` for any.
    pub architecture: String,
    /// Folder that it is in.
    pub folder: String,
    /// A library of others, or a part of the system.
    pub system_component: bool,
}

/// Packages below a `Packages` key of a person's repository.
pub fn packages<K: Key>(repository: &K) -> Found<Package> {
    let mut found = Found::default();
    found.each(repository, "Packages", |found, full, _, values| {
        let Some((name, version, architecture, resource, publisher)) = split_full_name(full) else {
            return;
        };
        // Texts and pictures of a package for one language or screen.
        if resource.starts_with("split.") {
            return;
        }
        let folder = values.text("PackageRootFolder");
        let shown = values.text("DisplayName");
        let stored = shown.starts_with('@') || shown.to_lowercase().starts_with("ms-resource:");
        let lower = folder.to_lowercase();
        found.all.push(Package {
            family: format!("{name}_{publisher}"),
            name: if shown.is_empty() || stored {
                name.to_owned()
            } else {
                text::clip(&shown, 1_024).to_owned()
            },
            version: version.to_owned(),
            architecture: architecture.to_owned(),
            system_component: lower.contains("\\systemapps\\")
                || FRAMEWORKS.iter().any(|of| name.starts_with(of)),
            folder,
        });
    });
    found
}

/// Name, version, processor, resource and publisher of a full name; `None` where it is none.
pub fn split_full_name(full: &str) -> Option<(&str, &str, &str, &str, &str)> {
    let mut parts = full.split('_');
    let (name, version, architecture, resource, publisher) = (
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next()?,
    );
    let sound = !name.is_empty()
        && version.starts_with(|c: char| c.is_ascii_digit())
        && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && !publisher.is_empty();
    (sound && parts.next().is_none()).then_some((name, version, architecture, resource, publisher))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names_come_apart_and_other_keys_do_not() {
        assert_eq!(
            split_full_name("Tencent.WeChat_3.9.5.0_x64__abc123"),
            Some(("Tencent.WeChat", "3.9.5.0", "x64", "", "abc123"))
        );
        for other in [
            "Packages",
            "a_b_c_d_e",
            "_1.0_x64__p",
            "a_1.0_x64__",
            "a_1.0_x64__p_q",
            "",
        ] {
            assert_eq!(split_full_name(other), None, "{other}");
        }
    }
}
