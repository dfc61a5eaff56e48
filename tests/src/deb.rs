//! Real packages: built with `dpkg-deb`, installed and removed with `dpkg` in a private root.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Result;

use crate::{pc::Pc, program};

/// Builds `NAME_VERSION_all.deb` below a folder.
///
/// # Errors
/// When `dpkg-deb` refuses.
pub fn build(folder: &Path, name: &str, version: &str, description: &str) -> Result<PathBuf> {
    let tree = folder.join(format!("{name}-{version}"));
    fs::create_dir_all(tree.join("DEBIAN"))?;
    fs::create_dir_all(tree.join("usr/share/doc").join(name))?;
    fs::write(
        tree.join("usr/share/doc").join(name).join("copyright"),
        "Made for a test.\n",
    )?;
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Tencent <support@example.com>\nSection: net\nPriority: optional\nInstalled-Size: 4\nDescription: {description}\n"
    );
    fs::write(tree.join("DEBIAN/control"), control)?;
    let deb = folder.join(format!("{name}_{version}_all.deb"));
    program::finish(
        Command::new("dpkg-deb")
            .args(["--root-owner-group", "--build"])
            .arg(&tree)
            .arg(&deb),
    )?;
    Ok(deb)
}

/// Installs a package into a PC.
///
/// # Errors
/// When `dpkg` refuses.
pub fn install(pc: &Pc, deb: &Path) -> Result<()> {
    program::finish(dpkg(pc).arg("--install").arg(deb)).map(drop)
}

/// Removes a package from a PC, configuration and all.
///
/// # Errors
/// When `dpkg` refuses.
pub fn purge(pc: &Pc, name: &str) -> Result<()> {
    program::finish(dpkg(pc).arg("--purge").arg(name)).map(drop)
}

fn dpkg(pc: &Pc) -> Command {
    let mut command = Command::new("dpkg");
    // Folders of system programs are where dpkg insists on finding its helpers.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    let mut root = std::ffi::OsString::from("--root=");
    root.push(pc.path());
    let mut log = std::ffi::OsString::from("--log=");
    log.push(pc.file("tmp/dpkg.log"));
    command.stdin(Stdio::null()).args([root, log]);
    command.args(["--force-not-root", "--force-script-chrootless"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::need;

    #[test]
    fn dpkg_installs_into_a_pc_and_removes_again() {
        if !need::program("dpkg_installs_into_a_pc_and_removes_again", "dpkg-deb") {
            return;
        }
        let pc = Pc::new("pc-deb").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let deb = build(folder.path(), "linuxqq", "3.2.17", "Tencent QQ").unwrap();
        install(&pc, &deb).unwrap();
        let status = |pc: &Pc| fs::read_to_string(pc.file("var/lib/dpkg/status")).unwrap();
        assert!(status(&pc).contains("Package: linuxqq\nStatus: install ok installed"));
        purge(&pc, "linuxqq").unwrap();
        assert!(!status(&pc).contains("linuxqq"));
    }
}
