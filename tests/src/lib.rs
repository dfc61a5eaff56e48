//! Proofs about the whole product: what drives the real programs (processes, fixture roots, a mail server, a
//! webhook receiver, a browser) and what reads the sources (the architecture). The tests themselves are in
//! `tests/`; nothing here is shipped.

pub mod http_sink;

#[cfg(feature = "harness")]
pub mod architecture;
