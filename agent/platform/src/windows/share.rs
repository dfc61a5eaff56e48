//! Source `share/registry`: folders that people share, as the server's list in the registry has them. Shares that Windows
//! makes by itself stand in no list.

use deskwarden_parse::registry::Key as _;
use deskwarden_proto::{
    key,
    v1::{Section, Share, facet::Kind},
};

use super::{
    Root,
    gather::Gather,
    registry::{self, View},
};
use crate::{Fact, KernelEvent, Reading, Source, SourceId};

const SHARES: &str = "SYSTEM\\CurrentControlSet\\Services\\LanmanServer\\Shares";
const PARAMETERS: &str = "SYSTEM\\CurrentControlSet\\Services\\LanmanServer\\Parameters";
/// A folder; printers and the like are other kinds.
const FOLDER: &str = "0";

/// The server's list.
pub(super) struct Shares;

impl Source for Shares {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Share,
            source: "registry",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let open = registry::machine(root, PARAMETERS, View::Native).ok().flatten();
        let open = open.and_then(|key| key.value("NullSessionShares").ok().flatten());
        let open = open.map(|value| value.texts()).unwrap_or_default();
        let values = match registry::machine(root, SHARES, View::Native) {
            Ok(key) => key.map(|key| key.values()),
            Err(why) => return Reading::unavailable(self.id(), &why),
        };
        gather.answered();
        match values {
            Some(Ok(values)) => gather.facts.extend(values.all.iter().filter_map(|(name, value)| {
                let lines = value.texts();
                let of = |setting: &str| {
                    lines
                        .iter()
                        .find_map(|line| line.strip_prefix(setting)?.strip_prefix('='))
                        .unwrap_or_default()
                };
                if !matches!(of("Type"), "" | FOLDER) {
                    return None;
                }
                let share = Share {
                    name: name.clone(),
                    protocol: "smb".to_owned(),
                    administrative: name.ends_with('$'),
                    guest: open.iter().any(|other| other.eq_ignore_ascii_case(name)),
                    writable: false,
                };
                let key = key::named(&["smb", name]);
                Some(Fact::machine(key, Kind::Share(share)).at(of("Path")))
            })),
            Some(Err(why)) => gather.fault(registry::unavailable(SHARES, why)),
            None => {}
        }
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Shares]
    }
}
