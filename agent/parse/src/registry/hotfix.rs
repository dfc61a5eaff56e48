//! Updates of Windows and of Microsoft's programs, which are no titles: as the component store lists them, and as
//! older systems and frameworks keep them below a tree of products.

use std::collections::BTreeMap;

use super::{Fault, Found, Key, uninstall::is_article, unix_seconds};
use crate::clock::civil_day;

/// The component store's word for "installed".
const INSTALLED: u64 = 112;
/// Deepest tree of products.
const MAX_DEPTH: usize = 4;

/// One update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hotfix {
    /// Number of the article about it, `KB5034441`; of a rollup without one, its version.
    pub id: String,
    /// Version, where it has one.
    pub version: String,
    /// Product that it updates; empty for Windows.
    pub product: String,
    /// Day of installation, `YYYY-MM-DD`, where it is known.
    pub installed_on: String,
}

/// Installed updates below the component store's `Packages` key; each once, however many packages it is made of.
pub fn component_packages<K: Key>(packages: &K) -> Found<Hotfix> {
    let mut faults = Found::<Hotfix>::default();
    let mut by_id: BTreeMap<String, Hotfix> = BTreeMap::new();
    let names = match packages.names() {
        Ok(names) => names,
        Err(why) => {
            faults.fault("Packages", why);
            return faults;
        }
    };
    // Thousands of packages belong to the system itself: only those of updates are opened.
    for name in names.iter().filter(|name| name.starts_with("Package_for_")) {
        let Some((id, version)) = update_of(name) else {
            continue;
        };
        let key = match packages.open(name) {
            Ok(Some(key)) => key,
            Ok(None) => continue,
            Err(why) => {
                faults.fault(name, why);
                continue;
            }
        };
        if key.number("CurrentState") != Some(INSTALLED) {
            continue;
        }
        let half = |name: &str| key.number(name).unwrap_or(0) & 0xffff_ffff;
        let time = half("InstallTimeHigh") << 32 | half("InstallTimeLow");
        let installed_on = unix_seconds(time)
            .map(|s| civil_day(s.div_euclid(86_400)))
            .unwrap_or_default();
        let found = by_id.entry(id.clone()).or_insert(Hotfix {
            id,
            ..Hotfix::default()
        });
        if found.version.as_str() < version.as_str() {
            found.version = version;
        }
        if found.installed_on < installed_on {
            found.installed_on = installed_on;
        }
    }
    faults.all = by_id.into_values().collect();
    faults
}

/// `Package_for_KB5034441~31bf3856ad364e35~amd64~~19041.3920.1.0`, `Package_for_RollupFix~...~~19041.3930.1.7`.
fn update_of(package: &str) -> Option<(String, String)> {
    let mut parts = package.strip_prefix("Package_for_")?.split('~');
    let what = parts.next()?;
    let version = parts.next_back().unwrap_or_default().to_owned();
    if what == "RollupFix" {
        return Some((format!("RollupFix {version}"), version));
    }
    // `KB976002_RTM` and `1_for_KB976002` are pieces of one.
    let article = what.split('_').find(|part| is_article(part))?;
    Some((article.to_owned(), version))
}

/// Updates below Microsoft's `Updates` key: a tree of products and service packs with an article at each end.
pub fn updates_tree<K: Key>(updates: &K) -> Found<Hotfix> {
    let mut found = Found::default();
    walk(&mut found, updates, "Updates", "", 0);
    found
}

fn walk<K: Key>(found: &mut Found<Hotfix>, key: &K, place: &str, product: &str, depth: usize) {
    found.each(key, place, |found, name, below, values| {
        let inner = format!("{place}\\{name}");
        if is_article(name) || !values.text("InstalledDate").is_empty() {
            let id = name.trim_end_matches(|c: char| c.is_ascii_alphabetic() && is_article(name));
            found.all.push(Hotfix {
                id: if is_article(name) {
                    id.to_owned()
                } else {
                    name.to_owned()
                },
                product: product.to_owned(),
                ..Hotfix::default()
            });
        } else if depth < MAX_DEPTH {
            let product = if product.is_empty() { name } else { product };
            walk(found, below, &inner, product, depth + 1);
        } else {
            found.fault(&inner, Fault::TooMuch);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_updates_name_their_article() {
        let of = |name: &str| update_of(name).map(|(id, _)| id);
        assert_eq!(
            of("Package_for_KB5034441~31bf3856ad364e35~amd64~~19041.3920.1.0").as_deref(),
            Some("KB5034441")
        );
        assert_eq!(of("Package_2_for_KB976002~x~amd64~~6.1.1.0"), None);
        assert_eq!(
            of("Package_for_KB976002_RTM~x~amd64~~6.1.1.0").as_deref(),
            Some("KB976002")
        );
        assert_eq!(
            of("Package_for_RollupFix~x~amd64~~19041.3930.1.7").as_deref(),
            Some("RollupFix 19041.3930.1.7")
        );
        assert_eq!(of("Microsoft-Windows-Foundation~x~amd64~~6"), None);
    }
}
