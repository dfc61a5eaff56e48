//! Packages of the agent that wait for PCs: kept as files in the data folder, offered ring by ring. What is in a
//! package, and whether it may be believed, is between the publisher and the agents: the collector holds no key.

mod bundle;
mod shelf;

pub use bundle::{Bundle, NotABundle, Signer, SignerError};
pub use shelf::{Entry, Ring, Shelf, ShelfError};
