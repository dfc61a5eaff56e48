//! Work that the collector does without being asked by an agent or a person, and the leases that keep two
//! collectors over one store from doing it twice.

mod lease;

pub use lease::Lease;
