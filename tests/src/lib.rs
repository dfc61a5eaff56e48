//! Proofs about the whole product: what drives the real programs (processes, PCs made of files, a mail server, a
//! webhook receiver, a browser) and what reads the sources (the architecture). The tests themselves are in
//! `tests/`; nothing here is shipped.

pub mod agent;
pub mod architecture;
pub mod authority;
pub mod axe;
pub mod bench;
pub mod browser;
pub mod collector;
pub mod crowd;
pub mod cut;
pub mod dashboard;
pub mod deb;
pub mod distribution;
pub mod faults;
pub mod folder;
pub mod https;
pub mod machine;
pub mod mail;
pub mod need;
pub mod netns;
pub mod npm;
pub mod openid;
pub mod packages;
pub mod pc;
pub mod pe;
pub mod ports;
pub mod power;
pub mod program;
pub mod relay;
pub mod sim;
pub mod slapd;
pub mod small_disk;
pub mod smbios;
pub mod sources_page;
pub mod strace;
pub mod syslog;
pub mod wait;
pub mod webhook;
pub mod wine;
