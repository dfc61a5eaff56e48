//! Packages made and installed by `dpkg` and `rpm` themselves, and what they say is installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{distribution::Distribution, program};

/// An installed package as its manager names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Installed {
    /// Name.
    pub name: String,
    /// Version in full.
    pub version: String,
    /// Architecture.
    pub architecture: String,
}

/// A package for dpkg: name, version, architecture.
#[derive(Clone, Copy, Debug)]
pub struct Deb(pub &'static str, pub &'static str, pub &'static str);

/// A package for rpm: name, epoch or 0, version, release, architecture.
#[derive(Clone, Copy, Debug)]
pub struct Rpm(
    pub &'static str,
    pub u32,
    pub &'static str,
    pub &'static str,
    pub &'static str,
);

impl Distribution {
    /// Builds packages with dpkg-deb and installs them with dpkg.
    ///
    /// # Errors
    /// When either refuses.
    pub fn install_debs(&self, debs: &[Deb]) -> Result<()> {
        for folder in ["info", "updates", "triggers"] {
            fs::create_dir_all(self.file("var/lib/dpkg").join(folder))?;
        }
        for file in ["status", "available"] {
            fs::write(self.file("var/lib/dpkg").join(file), "")?;
        }
        let mut command = Command::new("dpkg");
        // Folders of system programs are where dpkg insists on finding its helpers.
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env("PATH", format!("{path}:/usr/sbin:/sbin"))
            .arg(format!("--root={}", self.path().display()))
            .arg(format!("--log={}", self.work().join("dpkg.log").display()))
            .args([
                "--force-not-root",
                "--force-script-chrootless",
                "--force-architecture",
                "--install",
            ]);
        for Deb(name, version, architecture) in debs {
            let tree = self.work().join(format!("{name}-{architecture}"));
            let documents = tree.join("usr/share/doc").join(format!("{name}-{architecture}"));
            fs::create_dir_all(tree.join("DEBIAN"))?;
            fs::create_dir_all(&documents)?;
            fs::write(documents.join("copyright"), "Made for a test.\n")?;
            fs::write(
                tree.join("DEBIAN/control"),
                format!(
                    "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMulti-Arch: same\nMaintainer: Packager <p@example.com>\nSection: utils\nPriority: optional\nDescription: {name}\n made for a test\n"
                )
                // Packages for every architecture cannot be installed side by side.
                .replace(if *architecture == "all" { "Multi-Arch: same\n" } else { "\0" }, ""),
            )?;
            let deb = self.work().join(format!("{name}_{architecture}.deb"));
            let mut build = Command::new("dpkg-deb");
            program::finish(build.args(["--root-owner-group", "--build"]).arg(&tree).arg(&deb))?;
            command.arg(deb);
        }
        program::finish(&mut command).map(drop)
    }

    /// Builds packages with rpmbuild and installs them with rpm; the database lies in `place`.
    ///
    /// # Errors
    /// When either refuses.
    pub fn install_rpms(&self, place: &str, rpms: &[Rpm]) -> Result<()> {
        let built = self.work().join("built");
        for Rpm(name, epoch, version, release, architecture) in rpms {
            let spec = self.work().join("one.spec");
            let epoch = if *epoch > 0 {
                format!("Epoch: {epoch}\n")
            } else {
                String::new()
            };
            fs::write(
                &spec,
                format!(
                    "Name: {name}\nVersion: {version}\nRelease: {release}\n{epoch}Summary: {name} of a test\nLicense: MIT\nVendor: Packager\nGroup: Tests\n\n%description\nMade for a test.\n\n%files\n"
                ),
            )?;
            let mut build = Command::new("rpmbuild");
            build
                .args(["-bb", "--quiet", "--nodeps", "--target", architecture])
                .args(["--define", "debug_package %{nil}"])
                .args([
                    "--define",
                    &format!("_topdir {}", self.work().join("rpmbuild").display()),
                ])
                .args(["--define", &format!("_rpmdir {}", built.display())]);
            program::finish(build.arg(&spec))?;
        }
        let mut files = Vec::new();
        for folder in fs::read_dir(&built)? {
            for file in fs::read_dir(folder?.path())? {
                files.push(file?.path());
            }
        }
        files.sort();
        let mut install = self.rpm(place);
        install.args(["--install", "--nodeps", "--ignorearch", "--ignoreos", "--force"]);
        program::finish(install.args(&files)).map(drop)
    }

    /// What rpm says is installed. Asked before the database is put into another form.
    ///
    /// # Errors
    /// When rpm refuses.
    pub fn rpm_knows(&self, place: &str) -> Result<Vec<Installed>> {
        let format = "%{NAME}\\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\t%{ARCH}\\n";
        let text = program::finish(
            self.rpm(place)
                .args(["--query", "--all", "--queryformat", format]),
        )?;
        installed(&text)
    }

    fn rpm(&self, place: &str) -> Command {
        let mut command = Command::new("rpm");
        command
            .arg("--root")
            .arg(self.path())
            .args(["--define", "_db_backend sqlite"])
            .args(["--define", &format!("_dbpath /{place}")]);
        command
    }

    /// Puts the database into the form of openSUSE, ndb, which the rpm of Debian can neither write nor read: rpm's own
    /// headers out of its own database, behind pages of slots, in blocks of 16 bytes, as lib/backend/ndb/rpmpkg.c of
    /// rpm describes them.
    ///
    /// # Errors
    /// When there is no database in SQLite.
    pub fn put_rpms_into_ndb(&self, place: &str) -> Result<()> {
        let folder = &self.file(place);
        let database = folder.join("rpmdb.sqlite");
        let script = "import sqlite3, sys\nfor (blob,) in sqlite3.connect(sys.argv[1]).execute('select blob from Packages order by hnum'):\n    print(blob.hex())";
        let text = program::finish(Command::new("python3").args(["-c", script]).arg(&database))?;
        let mut file = vec![0u8; 4_096];
        let put = |file: &mut Vec<u8>, at: usize, words: &[u32]| {
            for (number, word) in words.iter().enumerate() {
                let at = at + number * 4;
                if let Some(slot) = file.get_mut(at..at + 4) {
                    slot.copy_from_slice(&word.to_le_bytes());
                }
            }
        };
        let tag = |text: &[u8; 4]| u32::from_le_bytes(*text);
        let count = text.lines().count() as u32;
        put(&mut file, 0, &[tag(b"RpmP"), 0, 1, 1, count + 1]);
        for at in (32..4_096).step_by(16) {
            put(&mut file, at, &[tag(b"Slot"), 0, 0, 0]);
        }
        for (number, line) in text.lines().enumerate() {
            let package = number as u32 + 1;
            let blob = data_encoding::HEXLOWER
                .decode(line.as_bytes())
                .context("no hexadecimal")?;
            let block = file.len() as u32 / 16;
            let blocks = (16 + blob.len() + 12).div_ceil(16) as u32;
            put(
                &mut file,
                32 + number * 16,
                &[tag(b"Slot"), package, block, blocks],
            );
            let begin = file.len();
            file.resize(begin + blocks as usize * 16, 0);
            put(&mut file, begin, &[tag(b"BlbS"), package, 1, blob.len() as u32]);
            if let Some(place) = file.get_mut(begin + 16..begin + 16 + blob.len()) {
                place.copy_from_slice(&blob);
            }
            let end = file.len() - 12;
            put(&mut file, end, &[0, blob.len() as u32, tag(b"BlbE")]);
        }
        for old in fs::read_dir(folder)? {
            fs::remove_file(old?.path())?;
        }
        fs::write(folder.join("Packages.db"), file)?;
        Ok(())
    }
}

/// What dpkg says is on the disk of a root.
///
/// # Errors
/// When dpkg-query refuses.
pub fn dpkg_knows(root: &Path) -> Result<Vec<Installed>> {
    let folder: PathBuf = root.join("var/lib/dpkg");
    let format = "${db:Status-Status}\\t${Package}\\t${Version}\\t${Architecture}\\n";
    let text = program::finish(
        Command::new("dpkg-query")
            .arg(format!("--admindir={}", folder.display()))
            .args(["--show", &format!("--showformat={format}")]),
    )?;
    let present: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("installed\t"))
        .collect();
    installed(&present.join("\n"))
}

fn installed(text: &str) -> Result<Vec<Installed>> {
    let mut all = Vec::new();
    for line in text.lines() {
        let mut fields = line.split('\t').map(str::to_owned);
        let mut next = || fields.next().context("a line lacks a field");
        all.push(Installed {
            name: next()?,
            version: next()?,
            architecture: next()?,
        });
    }
    all.sort();
    Ok(all)
}
