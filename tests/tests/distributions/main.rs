//! The agent on roots of other distributions: every fact that such a root holds, each beside what that
//! distribution's own tool says, and nothing that failed.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod debian;
mod fedora;
mod kylin;
mod openeuler;
mod opensuse;
mod privilege;
mod ubuntu;
mod uos;

use deskwarden_tests::{distribution::Collected, need};
use serde_json::Value;

/// Whether every tool is here; notes the test as not run where one is not.
fn tools(test: &str, names: &[&str]) -> bool {
    names.iter().all(|name| need::program(test, name))
}

/// Fields of a facet, absent ones as `null`.
fn fields<'a, const N: usize>(facet: &'a Value, names: [&str; N]) -> [&'a Value; N] {
    names.map(|name| &facet[name])
}

/// What every root without a running kernel has in common.
fn assert_sound(collected: &Collected) {
    collected.nothing_failed().unwrap();
    for source in [
        "os/os-release",
        "network/config-files",
        "proxy/environment",
        "account/passwd",
        "security/auto-logon",
    ] {
        assert_eq!(collected.look(source), "looked", "{source}");
    }
    for source in [
        "process/proc",
        "listener/proc-net",
        "network/netlink",
        "part/smbios",
    ] {
        assert_eq!(
            collected.look(source),
            "unsupported",
            "{source} needs a kernel that runs"
        );
    }
}

/// Address, mode and manager of a root's one configured connection.
fn assert_static(collected: &Collected, interface: &str, manager: &str, address: &str) {
    let items = collected.items("network/config-files");
    let found = items
        .iter()
        .find(|item| item["facet"]["interface"] == interface)
        .unwrap_or_else(|| unreachable!("no {interface} among {items:#?}"));
    let network = &found["facet"];
    assert_eq!(network["manager"], manager);
    assert_eq!(network["mode"], "static");
    assert_eq!(network["addresses"][0]["ip"], address);
    assert_eq!(network["addresses"][0]["prefix"], 24);
    assert_eq!(network["gateways"][0], "192.0.2.1", "{network:#}");
    assert_eq!(network["dns"][0], "192.0.2.53", "{network:#}");
}
