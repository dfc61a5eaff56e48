//! Work that the collector does without being asked by an agent or a person, and the leases that keep two
//! collectors over one store from doing it twice. What time or an edit made due is judged by the ingest
//! writer itself, because only one thread of a process writes findings.

mod cross;
mod eyes;
mod heap;
mod housekeeping;
mod inspect;
mod lease;
mod verify;
mod watch;

pub use cross::Cross;
pub use eyes::{Certificates, Damaged, Eyes};
pub use heap::heap;
pub use housekeeping::housekeeping;
pub use inspect::inspect;
pub use lease::Lease;
pub use verify::{Verdict, Walked, verify, walk, walk_at_once};
pub use watch::Watch;
