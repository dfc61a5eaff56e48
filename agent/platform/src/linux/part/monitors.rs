//! Source `part/edid`: monitors that are connected, as they present themselves to the graphics adapter.

use deskwarden_parse::edid::parse_edid;
use deskwarden_proto::{
    key,
    part::class_name,
    v1::{Part, PartClass, Section, facet::Kind},
};

use crate::{Fact, KernelEvent, Reading, Root, Source, SourceId, Unavailable, linux::gather::Gather};

const DRM: &str = "sys/class/drm";

/// Outputs of graphics adapters.
pub(in crate::linux) struct Monitors;

impl Source for Monitors {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Part,
            source: "edid",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.exists(DRM) {
            let why = format!("{}: no graphics outputs here", root.display(DRM).display());
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        for path in gather.folder(root, DRM, "") {
            let name = path.rsplit('/').next().unwrap_or_default();
            // `card0-HDMI-A-1`: the number of the card depends on the order of discovery.
            let Some((_, output)) = name.split_once('-').filter(|_| name.starts_with("card")) else {
                continue;
            };
            let Some(bytes) = gather
                .file(root, &format!("{path}/edid"))
                .filter(|bytes| !bytes.is_empty())
            else {
                continue;
            };
            let Some(monitor) = parse_edid(&bytes) else {
                let place = root.display(&path);
                gather.fault(Unavailable::Failed(format!(
                    "{}: what the monitor says about itself is damaged",
                    place.display()
                )));
                continue;
            };
            let part = Part {
                class: PartClass::Monitor.into(),
                position: output.to_owned(),
                manufacturer: monitor.maker,
                model: monitor.model,
                serial: monitor.serial,
                removable: true,
                ..Part::default()
            };
            let key = key::part(class_name(PartClass::Monitor), &part.position);
            gather.facts.push(Fact::machine(key, Kind::Part(part)));
        }
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Device]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_parse::edid::sample::edid;
    use deskwarden_proto::v1::Look;
    use std::fs;

    #[test]
    fn a_monitor_is_known_by_its_output_and_a_damaged_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(Monitors.read(&root).look, Look::Unsupported);
        let drm = folder.path().join(DRM);
        for (name, bytes) in [
            (
                "card1-HDMI-A-1",
                edid(4 << 10 | 5 << 5 | 12, "DELL U2419H", "7VX1234"),
            ),
            ("card1-DP-1", Vec::new()),
            ("card1", b"no output".to_vec()),
        ] {
            fs::create_dir_all(drm.join(name)).unwrap();
            fs::write(drm.join(name).join("edid"), bytes).unwrap();
        }
        let reading = Monitors.read(&root);
        assert_eq!(
            (reading.look, reading.facts.len()),
            (Look::Looked, 1),
            "{}",
            reading.reason
        );
        assert_eq!(reading.facts[0].key, "monitor:HDMI-A-1");
        fs::write(drm.join("card1-DP-1/edid"), "damaged").unwrap();
        assert_eq!(Monitors.read(&root).look, Look::Partial);
    }
}
