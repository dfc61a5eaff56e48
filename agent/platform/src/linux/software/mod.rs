//! Section `software` beside the package managers: applications that stores, people and companies put on a
//! PC in their own folders, one source per file.

mod apps;
mod linglong;
mod portable;
mod rpm;

pub(super) use apps::{Flatpak, OptApps, Snap};
pub(super) use linglong::Linglong;
pub(super) use portable::{MenuEntries, RunningPortable};
pub(super) use rpm::Rpm;
