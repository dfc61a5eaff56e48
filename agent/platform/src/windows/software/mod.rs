//! Section `software`: titles of the machine and of each person, Store apps, updates, and programs that were only
//! copied here. One source per file; here is what they share.

mod appx;
mod copied;
mod hotfix;
mod portable;
mod shortcuts;
mod uninstall;

pub(super) use appx::StoreApps;
pub(super) use hotfix::Updates;
pub(super) use portable::RunningPortable;
pub(super) use shortcuts::Shortcuts;
pub(super) use uninstall::{OfMachine, OfUsers};

use deskwarden_proto::v1::Section;

use crate::SourceId;

fn id(source: &'static str) -> SourceId {
    SourceId {
        section: Section::Software,
        source,
    }
}
