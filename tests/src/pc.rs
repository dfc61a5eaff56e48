//! A PC made of files: the root that the agent reads with `--root`. Starts as a plain office PC without anything
//! forbidden; tests change it as people do.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::smbios::Firmware;

const STATUS: &str = "\
Package: base-files
Status: install ok installed
Priority: required
Section: admin
Installed-Size: 353
Maintainer: Santiago Vila <sanvila@debian.org>
Architecture: amd64
Multi-Arch: foreign
Version: 12.4+deb12u11
Description: Debian base system miscellaneous files
 The directory tree that every system has.

Package: libc6
Status: install ok installed
Priority: optional
Section: libs
Installed-Size: 12989
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>
Architecture: amd64
Multi-Arch: same
Source: glibc
Version: 2.36-9+deb12u10
Description: GNU C Library: Shared libraries

Package: libreoffice-writer
Status: install ok installed
Priority: optional
Section: editors
Installed-Size: 36512
Maintainer: Debian LibreOffice Maintainers <debian-openoffice@lists.debian.org>
Architecture: amd64
Source: libreoffice
Version: 4:7.4.7-1+deb12u8
Description: office productivity suite -- word processor
";

/// A root folder with the files of an office PC.
#[derive(Debug)]
pub struct Pc {
    folder: TempDir,
}

impl Pc {
    /// A PC of that host name, with packages, an operating system and firmware tables.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn new(host: &str) -> Result<Self> {
        let pc = Self {
            folder: tempfile::Builder::new().prefix("deskwarden-pc-").tempdir()?,
        };
        pc.write("etc/hostname", &format!("{host}\n"))?;
        pc.write(
            "etc/os-release",
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nID=debian\n",
        )?;
        pc.write(
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nwang:x:1000:1000:王芳:/home/wang:/bin/bash\n",
        )?;
        pc.write("etc/group", "root:x:0:\nsudo:x:27:\nwang:x:1000:\n")?;
        pc.write("etc/machine-id", "4c1f0b0a2d6e4f7f8a7b6c5d4e3f2a1b\n")?;
        pc.write("etc/environment", "PATH=\"/usr/local/bin:/usr/bin:/bin\"\n")?;
        pc.write(
            "etc/apt/apt.conf.d/01autoremove",
            "APT\n{\n  NeverAutoRemove\n  {\n\t\"^firmware-linux.*\";\n  };\n};\n",
        )?;
        pc.write("var/lib/dpkg/status", STATUS)?;
        pc.write("var/lib/dpkg/available", "")?;
        for folder in [
            "var/lib/dpkg/info",
            "var/lib/dpkg/updates",
            "var/lib/dpkg/triggers",
            "home/wang",
            "root",
            "tmp",
        ] {
            fs::create_dir_all(pc.path().join(folder))?;
        }
        Firmware::default().write(pc.path())?;
        Ok(pc)
    }

    /// The root.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file below the root.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file as editors do: a new file beside the old one, renamed over it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let file = self.file(name);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let new = file.with_extension("dpkg-new");
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, &file))
            .with_context(|| format!("{name} cannot be written"))
    }

    /// Replaces the firmware's tables, as opening the case and swapping parts does.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn firmware(&self, firmware: &Firmware) -> Result<()> {
        firmware.write(self.path())
    }
}
