//! The collector's disk is full: what was there is still read, nothing new is acknowledged, and with room it goes on.

use std::time::Instant;

use deskwarden_tests::{
    collector::Setup,
    faults, need,
    program::Stream,
    sim::{Fleet, Oracle, Plan},
    small_disk::SmallDisk,
    wait::{PATIENCE, eventually},
};

use super::{hears_of_the_store, told};

/// Pages of the disk: 128 MiB, so that the write-ahead log of these agents fits.
const PAGES: usize = 32 << 10;
const AGENTS: u32 = 20;
/// What the log says of reports that were not stored.
const REFUSED: &str = "the store is out of reach";

#[test]
fn a_full_disk_stops_writing_and_nothing_else() {
    if !need::root("a_full_disk_stops_writing_and_nothing_else") {
        return;
    }
    let disk = SmallDisk::of_pages(PAGES).unwrap();
    let database = disk.path().join("deskwarden.db");
    let store = format!("sqlite:{}", database.display());
    let (receiver, setup) = told(Setup::new().unwrap().store(&store));
    let mut collector = setup.start().unwrap();
    let mut fleet = Fleet::enrol(
        Plan {
            agents: AGENTS,
            seed: 95,
        },
        &collector,
    )
    .unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    let mut admin = collector.administrator().unwrap();
    let process = collector.program().id();
    disk.fill_but(0).unwrap();
    let filled = Instant::now();
    let program = collector.program();
    eventually("the log to tell of the disk", PATIENCE, || {
        // A full disk still has the room of its write-ahead log.
        fleet.mutate(30)?;
        let lines = program.lines(Stream::Err);
        Ok(lines.iter().any(|line| line.contains(REFUSED)).then_some(()))
    })
    .unwrap();
    let promised = fleet.promised();
    assert!(
        !fleet.is_settled(),
        "nothing is acknowledged that is not on the disk"
    );
    let oracle = Oracle::at(&format!("sqlite:{}", database.display()));
    if let Ok(oracle) = oracle {
        oracle.holds(&promised).unwrap();
    }
    for page in ["/", "/findings", "/assets", "/software", "/system"] {
        assert!(!admin.read(page).unwrap().is_empty(), "{page} is read meanwhile");
    }
    // Somebody is told, past the store.
    hears_of_the_store(&receiver, "opened");
    let told_after = filled.elapsed().as_secs_f64();
    assert!(
        !fleet.is_settled(),
        "nothing is acknowledged that is not on the disk"
    );
    disk.free().unwrap();
    let began = Instant::now();
    fleet
        .settle()
        .unwrap_or_else(|error| panic!("{error:#}\n{}", collector.log()));
    let took = began.elapsed().as_secs_f64();
    assert_eq!(collector.program().id(), process, "by itself");
    hears_of_the_store(&receiver, "resolved");
    let oracle = Oracle::at(&format!("sqlite:{}", database.display())).unwrap();
    let tally = oracle.agrees(&fleet).unwrap();
    faults::tell(
        "disk-full-collector",
        &format!(
            "5 pages read meanwhile; a webhook was told {told_after:.0} s after the disk was full, and of the end; everything was there {took:.1} s after \
             there was room; {} items and {} lines compared, 0 lost, 0 doubled",
            tally.items, tally.lines
        ),
    );
}
