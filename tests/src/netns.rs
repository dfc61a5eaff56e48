//! A network namespace with one cable to this machine: an address can really change there, and nowhere else.

use std::{ffi::OsStr, process::Command};

use anyhow::Result;

use crate::program;

/// A namespace with the interface `office0`, joined to this machine.
#[derive(Debug)]
pub struct Netns {
    name: String,
    host_interface: String,
    octet: u8,
}

impl Netns {
    /// Makes one. `octet` keeps tests that run side by side apart: the cable is 10.213.OCTET.0/24.
    ///
    /// # Errors
    /// When this process is not root or `ip` refuses.
    pub fn new(octet: u8) -> Result<Self> {
        let name = format!("dw-{}-{octet}", std::process::id());
        let host_interface = format!("dw{octet}h{}", std::process::id() % 100_000);
        program::run("ip", ["netns", "add", &name])?;
        let netns = Self {
            name,
            host_interface,
            octet,
        };
        netns.host(&[
            "link",
            "add",
            &netns.host_interface,
            "type",
            "veth",
            "peer",
            "name",
            "office0",
            "netns",
            &netns.name,
        ])?;
        netns.host(&[
            "address",
            "add",
            &format!("{}/24", netns.gateway()),
            "dev",
            &netns.host_interface,
        ])?;
        netns.host(&["link", "set", &netns.host_interface, "up"])?;
        netns.ip(&["link", "set", "lo", "up"])?;
        netns.ip(&["link", "set", "office0", "up"])?;
        netns.ip(&["address", "add", &netns.address(2), "dev", "office0"])?;
        netns.ip(&["route", "add", "default", "via", &netns.gateway()])?;
        Ok(netns)
    }

    /// This machine's end of the cable.
    pub fn gateway(&self) -> String {
        format!("10.213.{}.1", self.octet)
    }

    /// Another address of this machine on the cable: reaching it asks nobody for the gateway.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn neighbour(&self) -> Result<String> {
        let address = self.address(3);
        self.host(&["address", "add", &address, "dev", &self.host_interface])?;
        Ok(address.trim_end_matches("/24").to_owned())
    }

    /// The kernel inside learns who answers for the gateway.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn gateway_is(&self, mac: &str) -> Result<()> {
        let gateway = self.gateway();
        self.ip(&[
            "neigh",
            "replace",
            &gateway,
            "lladdr",
            mac,
            "dev",
            "office0",
            "nud",
            "reachable",
        ])?;
        Ok(())
    }

    /// From now on another machine answers for the gateway, and passes on what it is sent, as such a machine
    /// does: without that the PC could tell nobody until its kernel has asked again.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn is_fooled_by(&self, mac: &str) -> Result<()> {
        self.host(&["link", "set", "dev", &self.host_interface, "address", mac])?;
        self.gateway_is(mac)
    }

    /// Where it can be joined.
    pub fn path(&self) -> String {
        format!("/run/netns/{}", self.name)
    }

    /// An address of the office, with its prefix length.
    pub fn address(&self, last: u8) -> String {
        format!("10.213.{}.{last}/24", self.octet)
    }

    /// Runs `ip` inside.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn ip(&self, arguments: &[&str]) -> Result<String> {
        program::run("ip", ["-n", &self.name].iter().chain(arguments))
    }

    /// A command that starts inside. Only the network differs: unlike `ip netns exec`, this leaves the
    /// mounts, and so `/sys`, as they are.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net={}", self.path()))
            .arg("--")
            .arg(program);
        command
    }

    fn host(&self, arguments: &[&str]) -> Result<String> {
        program::run("ip", arguments)
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        program::run("ip", ["link", "del", &self.host_interface]).ok();
        program::run("ip", ["netns", "del", &self.name]).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::need;

    #[test]
    fn an_address_changes_inside_and_the_cable_reaches_this_machine() {
        let test = "an_address_changes_inside_and_the_cable_reaches_this_machine";
        if !(need::program(test, "ip") && need::root(test)) {
            return;
        }
        let netns = Netns::new(250).unwrap();
        let listener = std::net::TcpListener::bind((netns.gateway().as_str(), 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = format!("exec 3<>/dev/tcp/{}/{port}", netns.gateway());
        program::finish(netns.command("bash").args(["-c", &script])).unwrap();
        let (_, peer) = listener.accept().unwrap();
        assert_eq!(peer.ip().to_string(), "10.213.250.2");

        netns
            .ip(&["address", "del", &netns.address(2), "dev", "office0"])
            .unwrap();
        netns
            .ip(&["address", "add", &netns.address(77), "dev", "office0"])
            .unwrap();
        let shown = netns
            .ip(&["-o", "-4", "address", "show", "dev", "office0"])
            .unwrap();
        assert!(
            shown.contains("10.213.250.77/24") && !shown.contains("10.213.250.2/24"),
            "{shown}"
        );
    }
}
