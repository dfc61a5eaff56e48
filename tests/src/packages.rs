//! The packages of agent and collector, which `deploy/linux/build` made, and what can be read from them. Installs nothing.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{architecture::tree, need, program};

/// Processors that packages are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processor {
    /// Most office PCs.
    X86_64,
    /// Kunpeng, Phytium.
    Aarch64,
}

impl Processor {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// The one of this machine, `None` where no packages are made for it.
    pub fn of_this_machine() -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|processor| processor.name() == std::env::consts::ARCH)
    }

    /// As rpm and the compiler call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// As Debian calls it.
    pub fn deb_name(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }
}

/// The two programs that are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// On every PC.
    Agent,
    /// On the server.
    Collector,
}

impl Product {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Agent, Self::Collector];

    /// As packages, services and programs are called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "deskwarden-agent",
            Self::Collector => "deskwarden-collector",
        }
    }

    /// As the scripts that build it are told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Collector => "collector",
        }
    }
}

/// A program that does nothing.
const NOTHING: &str = "/usr/bin/true";

/// Ready packages of one version for both processors.
#[derive(Clone, Debug)]
pub struct Packages {
    folder: PathBuf,
}

impl Packages {
    /// The packages under test, or `None` where there are none: the test is noted as not run then. `tests/run` builds
    /// them once for all tests; `DESKWARDEN_PACKAGES` names their folder, so that the very files that ship can be
    /// tested as well.
    pub fn of(test: &str) -> Option<Self> {
        let folder = std::env::var_os("DESKWARDEN_PACKAGES").map(PathBuf::from);
        let Some(folder) = folder.filter(|folder| folder.is_dir()) else {
            need::missing(
                test,
                "DESKWARDEN_PACKAGES names no folder with packages of the agent",
            );
            return None;
        };
        Some(Self { folder })
    }

    /// The collector's packages for this machine: those under test, or, where it was not built for them, made in `folder`
    /// of a program that does nothing. All that stands beside the program is the same. `None`, and noted, where nothing
    /// can be packed.
    ///
    /// # Errors
    /// When it cannot be packed although the tools are there.
    pub fn of_collector(test: &str, folder: &Path) -> Result<Option<Self>> {
        let Some(processor) = Processor::of_this_machine() else {
            return Ok(None);
        };
        let built = std::env::var_os("DESKWARDEN_PACKAGES").map(|folder| Self {
            folder: PathBuf::from(folder),
        });
        if let Some(built) = built.filter(|built| built.has(Product::Collector, processor)) {
            return Ok(Some(built));
        }
        stand_in(test, Product::Collector, env!("CARGO_PKG_VERSION"), folder)
    }

    /// Whether there is a program for a processor among them.
    pub fn has(&self, product: Product, processor: Processor) -> bool {
        self.deb(product, processor).is_ok()
    }

    /// The .deb for a processor.
    ///
    /// # Errors
    /// When there is not exactly one.
    pub fn deb(&self, product: Product, processor: Processor) -> Result<PathBuf> {
        self.only(product, &format!("_{}.deb", processor.deb_name()))
    }

    /// The .rpm for a processor.
    ///
    /// # Errors
    /// When there is not exactly one.
    pub fn rpm(&self, product: Product, processor: Processor) -> Result<PathBuf> {
        self.only(product, &format!(".{}.rpm", processor.name()))
    }

    /// What the program for a processor is made of, as CycloneDX.
    ///
    /// # Errors
    /// When there is not exactly one.
    pub fn crates(&self, product: Product, processor: Processor) -> Result<PathBuf> {
        self.only(product, &format!("_{}.cdx.json", processor.name()))
    }

    /// Unpacks the .deb for a processor into a folder, without running anything; the program in it.
    ///
    /// # Errors
    /// When `dpkg-deb` refuses.
    pub fn unpack(&self, product: Product, processor: Processor, folder: &Path) -> Result<PathBuf> {
        let deb = self.deb(product, processor)?;
        program::finish(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(folder))?;
        Ok(folder.join("usr/bin").join(product.name()))
    }

    fn only(&self, product: Product, ending: &str) -> Result<PathBuf> {
        let beginning = product.name();
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)
            .with_context(|| format!("{} cannot be listed", self.folder.display()))?
        {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            if name.is_some_and(|name| name.starts_with(beginning) && name.ends_with(ending)) {
                found.push(path);
            }
        }
        ensure!(
            found.len() == 1,
            "one package is wanted, there is {found:?} ({ending})"
        );
        found.pop().context("no package")
    }
}

/// Packs a program under a version.
///
/// # Errors
/// When the script refuses.
pub fn pack(
    product: Product,
    program: &Path,
    processor: Processor,
    version: &str,
    folder: &Path,
) -> Result<Packages> {
    let mut command = Command::new(tree::root().join("deploy/linux/package"));
    command
        .arg(product.word())
        .arg(program)
        .args([processor.name(), version])
        .arg(folder);
    program::finish(&mut command)?;
    Ok(Packages {
        folder: folder.to_owned(),
    })
}

/// Packages for this machine of a program that does nothing, made in a folder: for what stands beside the program. `None`,
/// and noted, where nothing can be packed.
///
/// # Errors
/// When it cannot be packed although the tools are there.
pub fn stand_in(test: &str, product: Product, version: &str, folder: &Path) -> Result<Option<Packages>> {
    let Some(processor) = Processor::of_this_machine() else {
        need::missing(test, "no packages are made for this processor");
        return Ok(None);
    };
    if !(need::program(test, "dpkg-deb") && need::program(test, "rpmbuild")) {
        return Ok(None);
    }
    pack(product, Path::new(NOTHING), processor, version, folder).map(Some)
}

/// The same .deb under another version, as another release would have it.
///
/// # Errors
/// When `dpkg-deb` refuses.
pub fn renumber(
    packages: &Packages,
    product: Product,
    processor: Processor,
    version: &str,
    folder: &Path,
) -> Result<Packages> {
    let tree = folder.join("tree");
    let mut extract = Command::new("dpkg-deb");
    program::finish(
        extract
            .arg("--raw-extract")
            .arg(packages.deb(product, processor)?)
            .arg(&tree),
    )?;
    let control = fs::read_to_string(tree.join("DEBIAN/control"))?;
    let lines = control.lines().map(|line| match line.split_once(": ") {
        Some(("Version", _)) => format!("Version: {version}\n"),
        _ => format!("{line}\n"),
    });
    fs::write(tree.join("DEBIAN/control"), lines.collect::<String>())?;
    let out = folder.join("out");
    fs::create_dir(&out)?;
    let deb = out.join(format!(
        "{}_{version}_{}.deb",
        product.name(),
        processor.deb_name()
    ));
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Znone", "--build"]);
    program::finish(build.arg(&tree).arg(deb))?;
    Ok(Packages { folder: out })
}

/// The folder for build results that this test was built into.
///
/// # Errors
/// When the test does not say where it is.
pub fn build_folder() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("CARGO_TARGET_DIR") {
        return Ok(PathBuf::from(folder));
    }
    // target/debug/deps/test
    let test = std::env::current_exe()?;
    test.ancestors()
        .nth(3)
        .map(Path::to_path_buf)
        .context("the test is in no build folder")
}

/// Versions of the C library that a program needs, from its own table, oldest first.
///
/// # Errors
/// When it is no program, or names none.
pub fn glibc_versions(program: &Path) -> Result<BTreeSet<(u32, u32)>> {
    let table = program::finish(
        Command::new("readelf")
            .arg("--version-info")
            .arg("--wide")
            .arg(program),
    )?;
    let needs = table.split("Version needs section").nth(1);
    let versions: BTreeSet<(u32, u32)> = needs
        .with_context(|| {
            format!(
                "{} needs no versions: it is not linked dynamically",
                program.display()
            )
        })?
        .split("Name: GLIBC_")
        .skip(1)
        .filter_map(|rest| {
            let version = rest.split_whitespace().next()?;
            let mut parts = version.split('.').map(str::parse);
            Some((parts.next()?.ok()?, parts.next()?.ok()?))
        })
        .collect();
    ensure!(
        !versions.is_empty(),
        "{} names no version of the C library",
        program.display()
    );
    Ok(versions)
}
