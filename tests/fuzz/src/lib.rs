//! Everything that takes bytes from outside, one target each: what it is fed, and what it promises whatever
//! it is fed. The engine (libFuzzer) and the short runs are elsewhere; a target is listed here and nowhere
//! else.
#![expect(
    clippy::expect_used,
    reason = "a broken promise is a panic that the engine reports"
)]

mod binary;
mod contract;
mod machine;
mod measure;
mod netconf;
mod promise;
mod settings;
mod system;
mod trace;
mod windows;

/// Longest input that is tried: long enough for several records of every format, short enough to be fast.
pub const MAX_INPUT: usize = 16 << 10;

/// Something that takes bytes from outside.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name, unique.
    pub name: &'static str,
    /// Public functions that it feeds, as `module::function`.
    pub covers: &'static [&'static str],
    /// Feeds them, and panics where a promise is broken.
    pub check: fn(&[u8]),
    /// What to begin with: sound inputs, and those that cost most.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub fn targets() -> Vec<Target> {
    [
        binary::TARGETS,
        contract::TARGETS,
        machine::TARGETS,
        netconf::TARGETS,
        settings::TARGETS,
        system::TARGETS,
        trace::TARGETS,
        windows::TARGETS,
    ]
    .concat()
}

/// The target of that name.
pub fn target(name: &str) -> Option<Target> {
    targets().into_iter().find(|target| target.name == name)
}
