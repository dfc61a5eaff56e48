//! Parsers of what a PC says about itself: bytes in, plain structs out. No input or output, no unsafe,
//! bounded in size and count, and no panic whatever the bytes are. Knows no facet and no key: turning a
//! struct into a fact is the platform's.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

pub mod accounts;
pub mod app;
pub mod apt_conf;
pub mod authenticode;
pub mod bdb;
pub mod browser;
pub mod clamav_log;
pub mod clock;
pub mod cpuinfo;
pub mod crash_names;
pub mod dpkg;
pub mod edid;
pub mod error_report;
pub mod file_list;
pub mod gauges;
pub mod gvdb;
pub mod ini;
pub mod iphelper;
pub mod journal;
pub mod linglong;
pub mod mounts;
pub mod netconf;
pub mod os_release;
pub mod passwd;
pub mod pe;
pub mod procnet;
pub mod proxy;
pub mod proxy_answer;
pub mod registry;
pub mod rpm;
pub mod rtnetlink;
pub mod security_descriptor;
pub mod serial;
pub mod shares;
pub mod shell;
pub mod shortcut;
pub mod smart;
pub mod smbios;
pub mod sockdiag;
pub mod sqlite;
pub mod storage;
pub mod text;
pub mod tool_conf;
pub mod uevent;
pub mod usb_log;
pub mod utmp;
