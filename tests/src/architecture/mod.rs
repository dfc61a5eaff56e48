//! Reads the project itself: which package uses which, what a source file contains, how modules refer to each
//! other, what the tree holds. Owns the reading; the rules that it must obey are in `tests/architecture.rs`.

pub mod modules;
pub mod packages;
pub mod source;
pub mod tree;
