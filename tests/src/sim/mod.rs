//! A simulated office: many PCs in one process, each with the agent's real code (enrolment, outbox, recorder,
//! session) over real mutual TLS, against the real collector. Only what a PC *is* comes from here: facts that a
//! seed decides. The oracle knows what the store must hold afterwards.

pub mod agent;
pub mod courier;
pub mod device;
pub mod fleet;
pub mod flood;
pub mod line;
pub mod oracle;
pub mod pc;
pub mod pool;

pub use agent::SimAgent;
pub use courier::Courier;
pub use device::Device;
pub use fleet::{Fleet, Plan};
pub use flood::Flood;
pub use line::Line;
pub use oracle::{Oracle, Tally};
pub use pc::{Mutation, SimPc};
pub use pool::Pool;
