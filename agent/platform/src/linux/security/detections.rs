//! Source `security/detections`: what an antivirus that keeps it in the open found lately. ClamAV does.

use std::collections::BTreeMap;

use deskwarden_parse::clamav_log::{Detection, parse_clamav_log};
use deskwarden_proto::{
    key,
    v1::{Security, facet::Kind},
};

use super::{folder, id};
use crate::{
    Fact, Reading, Root, Source, SourceId, Unavailable, WatchPath,
    linux::{gather::Gather, logon::unix_now},
};

const LOGS: &str = "var/log/clamav";
/// Most bytes of the end of one log.
const MAX_LOG: u64 = 4 << 20;
/// How far back a detection counts.
const WINDOW_DAYS: i64 = 30;

/// ClamAV's logs.
pub(in crate::linux) struct Detections;

impl Source for Detections {
    fn id(&self) -> SourceId {
        id("detections")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !gather.there(root, LOGS) {
            let why = format!(
                "{}: no antivirus that keeps its detections in the open",
                root.display(LOGS).display()
            );
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        let today = unix_now().div_euclid(86_400);
        let mut found: BTreeMap<(String, String), Detection> = BTreeMap::new();
        for path in gather.folder(root, LOGS, ".log") {
            let bytes = match root.read_end(&path, MAX_LOG) {
                Ok(bytes) => bytes,
                Err(why) => {
                    gather.fault(why);
                    continue;
                }
            };
            let written = root.modified(&path).map(|at| at.div_euclid(86_400));
            for detection in parse_clamav_log(&bytes) {
                let day = detection.day.or(written).unwrap_or(today);
                if today - day <= WINDOW_DAYS {
                    found.insert((detection.name.clone(), detection.path.clone()), detection);
                }
            }
        }
        gather.facts = found.into_values().map(fact).collect();
        gather.answered();
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        vec![folder(root, LOGS)]
    }
}

fn fact(found: Detection) -> Fact {
    let security = Security {
        topic: "detection".to_owned(),
        product: "ClamAV".to_owned(),
        detail: found.name.clone(),
        ..Security::default()
    };
    // Whose file it is shows in the path, which stays local to the PC's own item.
    Fact::machine(
        key::named(&["detection", &found.name, &found.path]),
        Kind::Security(security),
    )
    .at(found.path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::testing::security;
    use super::*;
    use deskwarden_proto::v1::Look;

    #[test]
    fn what_was_found_lately_is_told_and_what_is_long_ago_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(Detections.read(&root).look, Look::Unsupported);
        let logs = folder.path().join(LOGS);
        fs::create_dir_all(&logs).unwrap();
        let log = "/home/wang/eicar.com: Win.Test.EICAR_HDB-1 FOUND\n\
                   Thu Nov 26 10:00:00 2015 -> /home/wang/old: Old FOUND\n";
        fs::write(logs.join("clamav.log"), log).unwrap();
        let reading = Detections.read(&root);
        assert_eq!(
            (reading.look, reading.facts.len()),
            (Look::Looked, 1),
            "{}",
            reading.reason
        );
        let fact = &reading.facts[0];
        assert_eq!(
            (&*security(fact).detail, &*fact.local.path),
            ("Win.Test.EICAR_HDB-1", "/home/wang/eicar.com")
        );
    }
}
