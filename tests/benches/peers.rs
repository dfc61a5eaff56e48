//! The same reports to PuppetDB with PostgreSQL, to OCS Inventory with MariaDB, and to the collector: what a first, an
//! unchanged and a changed one cost server and database, and the memory of both. A refused report ends the bench, and so
//! does a store that lacks a title of a PC afterwards. Everything is started privately; no service of the system is used.
#![expect(clippy::print_stderr, reason = "a bench talks to a person")]

#[path = "peers/ocs.rs"]
mod ocs;
#[path = "peers/ours.rs"]
mod ours;
#[path = "peers/peer.rs"]
mod peer;
#[path = "peers/post.rs"]
mod post;
#[path = "peers/puppetdb.rs"]
mod puppetdb;
#[path = "peers/xml.rs"]
mod xml;

use std::env;

use anyhow::{Context as _, Result};
use deskwarden_store::conformance::postgres::Postgres;
use deskwarden_tests::{
    bench::{Limit, Report},
    ports,
};

use ocs::{Ocs, Schema};
use peer::{CHANGES, Costs, REPEATS, SENDERS, WARM};
use puppetdb::PuppetDb;

/// PCs that report.
const PCS: u32 = 100;
/// What every database server gets for its cache: what Debian's packages of both give it.
const SHARED_BUFFERS: &str = "shared_buffers=128MB";
const PUPPETDB: &str = "PuppetDB with PostgreSQL";
const OCS: &str = "OCS Inventory with MariaDB";
const OURS: &str = "collector with SQLite";

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1).filter(|argument| argument != "--bench");
    let pcs = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(PCS);
    let mut report = Report::new(
        "peers",
        "The same reports to PuppetDB, OCS Inventory and the collector",
    )?;
    report.about(&format!(
        "{pcs} simulated PCs of some 330 titles each, drawn so that they overlap as images of each other do; every store gets
        the same PCs with the same titles, parts, network and accounts, from {SENDERS} senders at a time, OCS Inventory from
        one. CPU is that of the server and of the database with all their children, user and system. The first report of each,
        then {REPEATS} times each with nothing changed, then {CHANGES} changes of one item each, reported one by one. Before
        that {WARM} other PCs report to each peer, so that the virtual machine of PuppetDB has compiled its code and Apache
        has loaded its modules; the collector is not warmed up. A refused report ends the bench; so does a peer that lacks one
        title or version of one PC afterwards, and a collector that lacks any item."
    ));
    report.about(
        "What is the same: every store syncs each commit to the disk, and each answers only when the report is in the
        database (PuppetDB is asked to wait for that). What differs, in favour of the peers: they are spoken to without TLS,
        the collector with mutual TLS; they judge nothing, while the collector judges every report by its rules and keeps a
        history of every item; and OCS Inventory gets one report at a time, so that nothing waits for a lock.",
    );
    settings(&mut report);

    let puppet = PuppetDb::start(SHARED_BUFFERS)?;
    let puppet = peer::measure(&puppet, pcs)?.tell(&mut report, PUPPETDB);
    let ocs = Ocs::start(Schema::OfItsServer)?;
    let ocs = peer::measure(&ocs, pcs)?.tell(&mut report, OCS);
    let shipped = Ocs::start(Schema::AsInstalled)?;
    let shipped = peer::first_reports(&shipped, pcs)?;
    report.figure(
        "a report, CPU of server and database",
        "OCS Inventory as its packages install it",
        "first",
        shipped,
        "ms",
    );

    let ours = ours::measure(None, pcs)?.tell(&mut report, OURS);
    let settings = [format!("port={}", ports::free()?), SHARED_BUFFERS.to_owned()];
    let place = Postgres::apart(&settings).context("there is no PostgreSQL here")?;
    ours::measure(Some(place), pcs)?.tell(&mut report, "collector with PostgreSQL");
    budgets(&mut report, &ours, &puppet, &ocs);
    report.save()
}

/// What a reader must know to judge whether the comparison is fair.
fn settings(report: &mut Report) {
    report.finding(
        PUPPETDB,
        "One `replace facts` command (version 5) per report with the packages as `package_inventory`, as Puppet's agents send \
        it with every run; neither catalogue nor run report, which they send too. Plain HTTP, `secondsToWaitForCompletion`, \
        so that an answer means that it is stored; the heap of Debian's package (192 MiB); PostgreSQL over TCP with fsync and \
        synchronous commits, 128 MB of shared buffers.",
    );
    report.finding(
        OCS,
        "PROLOG and INVENTORY per report, XML in zlib, with the checksum by which an agent says which sections changed. \
        Whatever that says, its server deletes all titles of the PC and writes them anew, twice with every report; \
        accounts it does not keep. One report at a time: when several come together, their transactions disturb each other, \
        and it says that all is well although titles or whole PCs are missing afterwards. Apache with mod_perl, as \
        many processes as the others have senders; the settings of Debian's package. MariaDB with its defaults: InnoDB, \
        128 MB of buffer pool, a sync with every commit.",
    );
    report.finding(
        "OCS Inventory as its packages install it",
        "Debian's server is of version 2.8.1, but its pages install the tables of 2.11.1, of which one lacks a column that the \
        server reads for every title: each lookup fails and is written to a log. The figures of OCS are those with the last \
        tables that its server understands; only this row is with what the packages install.",
    );
    report.finding(
        OURS,
        "Mutual TLS; an unchanged report is the hello with which a device that has nothing new comes, on a connection that is \
        there. SQLite in WAL mode with `synchronous=FULL`; PostgreSQL with the settings that PuppetDB's has. Many reports may \
        share a commit; every acknowledgement comes after it.",
    );
}

fn budgets(report: &mut Report, ours: &Costs, puppet: &Costs, ocs: &Costs) {
    let from = "CPU of server and database, same run; the collector with SQLite";
    for (what, limit, theirs, own) in [
        (
            "first report, PuppetDB's CPU beside the collector's",
            15.0,
            puppet.first,
            ours.first,
        ),
        (
            "first report, OCS Inventory's CPU beside the collector's",
            200.0,
            ocs.first,
            ours.first,
        ),
        (
            "one changed item, PuppetDB's CPU beside the collector's",
            300.0,
            puppet.changed,
            ours.changed,
        ),
        (
            "nothing changed, PuppetDB's CPU beside the collector's",
            200.0,
            puppet.unchanged,
            ours.unchanged,
        ),
    ] {
        report.budget(what, Limit::AtLeast(limit), theirs / own, "times", from);
        eprintln!("{what}: {:.0} times, {limit:.0} are asked", theirs / own);
    }
}
