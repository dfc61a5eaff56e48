//! Scans of this machine in interleaved rounds, by the agent and by its peers, and what each of them found.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use deskwarden_tests::{
    bench::{
        Cost, Limit, Report, cost,
        inventory::{Found, of_agent, of_hwinfo, of_lshw, of_ocs_xml},
        median,
    },
    program,
};
use serde_json::{Value, json};

/// On every Debian; a report without it is no report.
const KNOWN: &str = "dpkg";
const FULL: &str = "deskwarden-agent collect";
const SOFTWARE: &str = "deskwarden-agent collect --section software";
const FUSION: &str = "fusioninventory-agent";
const FUSION_SOFTWARE: &str = "fusioninventory-agent, software only";
const OCS: &str = "ocsinventory-agent";
const LSHW: &str = "lshw";
const HWINFO: &str = "hwinfo --all";
/// Everything that FusionInventory can leave out but software.
const NOT_SOFTWARE: &str = "--no-category=accesslog,antivirus,battery,bios,controller,cpu,drive,environment,firewall,input,\
    licenseinfo,local_group,local_user,lvm,memory,modem,monitor,network,port,printer,process,provider,psu,remote_mgmt,\
    slot,sound,storage,usb,user,video,virtualmachine";

/// What the other parts of the bench compare with: zlib bytes of FusionInventory's reports.
pub(super) struct Scans {
    pub(super) fusion_zlib: f64,
    pub(super) fusion_software_zlib: f64,
}

struct Case {
    name: &'static str,
    command: Vec<String>,
    /// Where the program itself writes its report; its standard output otherwise.
    folder: Option<PathBuf>,
}

/// Measures, and compares what was found.
pub(super) fn run(report: &mut Report, folder: &Path, rounds: usize) -> Result<Scans> {
    report.about(&format!(
        "Whole programs in {rounds} interleaved rounds: CPU is user and system time of the program and of everything that
        it starts, as the kernel counts it; peak memory is that of its largest process. The median stands in the table. The
        agent prints JSON, the peers write XML or text. A report that lacks the package `{KNOWN}` ends the bench."
    ));
    let cases = cases(folder)?;
    let mut costs: BTreeMap<&str, Vec<Cost>> = BTreeMap::new();
    let mut reports: BTreeMap<&str, String> = BTreeMap::new();
    let mut looks: Vec<Value> = Vec::new();
    for round in 0..rounds {
        for case in &cases {
            let output = folder.join("output");
            if let Some(folder) = &case.folder {
                fs::remove_dir_all(folder).ok();
                fs::create_dir_all(folder)?;
            }
            let spent = cost(&case.command, &File::create(&output)?)?;
            costs.entry(case.name).or_default().push(spent);
            let text = fs::read(case.written(&output)?)?;
            let text = String::from_utf8_lossy(&text).into_owned();
            check(case.name, &text)?;
            reports.insert(case.name, text);
        }
        let mut twice = std::process::Command::new(program::product("deskwarden-agent")?);
        looks.push(serde_json::from_str(&program::finish(
            twice.args(["collect", "--cost", "--json"]),
        )?)?);
        eprintln!("round {} of {rounds}", round + 1);
    }
    tell(report, &cases, &costs, &looks);
    compare(report, &reports)?;
    let zlib = |name: &str| -> Result<f64> {
        let text = reports.get(name).context("no report")?;
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(text.as_bytes())?;
        Ok(packed.finish()?.len() as f64)
    };
    Ok(Scans {
        fusion_zlib: zlib(FUSION)?,
        fusion_software_zlib: zlib(FUSION_SOFTWARE)?,
    })
}

impl Case {
    fn written(&self, output: &Path) -> Result<PathBuf> {
        let Some(folder) = &self.folder else {
            return Ok(output.to_owned());
        };
        let entry = fs::read_dir(folder)?.next();
        Ok(entry
            .with_context(|| format!("{} wrote no report", self.name))??
            .path())
    }
}

fn cases(folder: &Path) -> Result<Vec<Case>> {
    let agent = program::product("deskwarden-agent")?.display().to_string();
    let fusion = folder.join("fusion");
    let case = |name, program: &str, arguments: &[&str], folder: Option<&PathBuf>| Case {
        name,
        command: std::iter::once(program)
            .chain(arguments.iter().copied())
            .map(str::to_owned)
            .collect(),
        folder: folder.cloned(),
    };
    let local = format!("--local={}", fusion.display());
    Ok(vec![
        case(FULL, &agent, &["collect", "--json"], None),
        case(
            SOFTWARE,
            &agent,
            &["collect", "--json", "--section", "software"],
            None,
        ),
        case(
            FUSION,
            FUSION,
            &[&local, "--force", "--tasks=inventory"],
            Some(&fusion),
        ),
        case(
            FUSION_SOFTWARE,
            FUSION,
            &[&local, "--force", "--tasks=inventory", NOT_SOFTWARE],
            Some(&fusion),
        ),
        case(OCS, OCS, &["--stdout"], None),
        case(HWINFO, "hwinfo", &["--all"], None),
        case(LSHW, "lshw", &["-json"], None),
    ])
}

/// A broken peer, or a broken agent, must not look fast.
fn check(name: &str, text: &str) -> Result<()> {
    let found = found(name, text)?;
    match name {
        HWINFO | LSHW => ensure!(!found.disks.is_empty(), "{name} named no disk"),
        _ => ensure!(
            found.packages.contains(KNOWN),
            "{name} did not name the package {KNOWN}"
        ),
    }
    Ok(())
}

fn found(name: &str, text: &str) -> Result<Found> {
    let json = || serde_json::from_str(text).with_context(|| format!("{name} wrote no JSON"));
    Ok(match name {
        FULL | SOFTWARE => of_agent(&json()?),
        HWINFO => of_hwinfo(text),
        LSHW => of_lshw(&json()?),
        _ => of_ocs_xml(text),
    })
}

fn tell(report: &mut Report, cases: &[Case], costs: &BTreeMap<&str, Vec<Cost>>, looks: &[Value]) {
    let of = |name: &str, value: fn(&Cost) -> f64| {
        let all: Vec<f64> = costs.get(name).into_iter().flatten().map(value).collect();
        median(&all)
    };
    for case in cases {
        let table = "one scan";
        report.figure(table, case.name, "CPU", of(case.name, |cost| cost.cpu_ms), "ms");
        report.figure(
            table,
            case.name,
            "peak memory",
            of(case.name, |cost| cost.peak_kib) / 1024.0,
            "MiB",
        );
    }
    let look = |name: &str| {
        let all: Vec<f64> = looks.iter().filter_map(|look| look[name].as_f64()).collect();
        median(&all) / 1000.0
    };
    let (first, again) = (look("first_us"), look("again_us"));
    let table = "looks of the running agent, all sources";
    report.figure(table, "first", "CPU", first, "ms");
    report.figure(table, "again, nothing changed", "CPU", again, "ms");
    let fusion = of(FUSION, |cost| cost.cpu_ms);
    let full = of(FULL, |cost| cost.cpu_ms);
    report.budget(
        "full scan of all sections, CPU",
        Limit::AtMost(fusion / 40.0),
        full,
        "ms",
        &format!(
            "a fortieth of FusionInventory's; a twentieth would be {:.1} ms",
            fusion / 20.0
        ),
    );
    report.budget(
        "rescan with nothing changed, CPU",
        Limit::AtMost(first / 10.0),
        again,
        "ms",
        "a tenth of the agent's own first look, without start and output",
    );
    report.raw = json!({ "scans": costs, "looks": looks });
}

fn compare(report: &mut Report, reports: &BTreeMap<&str, String>) -> Result<()> {
    let ours = found(FULL, reports.get(FULL).context("no own report")?)?;
    for name in [FUSION, OCS, HWINFO, LSHW] {
        let theirs = found(name, reports.get(name).context("no report")?)?;
        let table = "found";
        for (what, theirs, ours) in [
            ("packages", theirs.packages.len(), ours.packages.len()),
            ("disks", theirs.disks.len(), ours.disks.len()),
            ("addresses", theirs.addresses.len(), ours.addresses.len()),
        ] {
            report.figure(table, name, what, theirs as f64, "");
            report.figure(table, "deskwarden-agent", what, ours as f64, "");
        }
        let packages: Vec<&str> = theirs
            .packages
            .difference(&ours.packages)
            .map(String::as_str)
            .collect();
        let disks: Vec<String> = theirs
            .disks
            .iter()
            .filter(|(disk, size)| !has_disk(&ours, disk, **size))
            .map(|(disk, _)| format!("{disk}{}", why_no_disk(disk)))
            .collect();
        let addresses: Vec<String> = theirs
            .addresses
            .difference(&ours.addresses)
            .map(|address| format!("{address}{}", why_no_address(address)))
            .collect();
        let missed = [
            ("packages", packages.join(", ")),
            ("disks", disks.join(", ")),
            ("addresses", addresses.join(", ")),
        ];
        for (what, list) in missed {
            if !list.is_empty() {
                report.finding(&format!("{what} that {name} names and the agent does not"), list);
            }
        }
    }
    Ok(())
}

/// By size, because everybody names disks differently.
fn has_disk(ours: &Found, name: &str, size: Option<u64>) -> bool {
    let told = || -> Option<u64> {
        let sectors = fs::read_to_string(format!("/sys/block/{name}/size")).ok()?;
        Some(sectors.trim().parse::<u64>().ok()? * 512)
    };
    let Some(size) = size.or_else(told) else {
        return false;
    };
    let near = |own: &u64| own.abs_diff(size) <= size / 100;
    ours.disks.values().flatten().any(near)
}

fn why_no_disk(name: &str) -> &'static str {
    if name.starts_with("zram") || name.starts_with("ram") || name.starts_with("loop") {
        " (memory or a file, no part of the PC)"
    } else {
        ""
    }
}

fn why_no_address(address: &str) -> &'static str {
    match address.parse::<std::net::IpAddr>() {
        Ok(address) if address.is_loopback() => " (the PC itself; nobody can reach it there)",
        _ => "",
    }
}
