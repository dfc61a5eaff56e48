//! Source `part/edid`: monitors that are connected, as they present themselves to the graphics adapter.

use deskwarden_parse::{edid::parse_edid, registry::Key as _};
use deskwarden_proto::{
    key,
    part::class_name,
    v1::{Part, PartClass, Section, facet::Kind},
};

use crate::{
    Fact, KernelEvent, Reading, Root, Source, SourceId, Unavailable,
    windows::{
        devices::{self, Filter},
        gather::Gather,
        registry,
    },
};

/// Monitors that are connected now.
pub(in crate::windows) struct Monitors;

impl Source for Monitors {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Part,
            source: "edid",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.is_host() {
            let why = "only the running system has monitors to ask for".to_owned();
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        let names = match devices::present(Filter::Class(devices::MONITOR)) {
            Ok(names) => names,
            Err(why) => return Reading::unavailable(self.id(), &why),
        };
        gather.answered();
        for name in names {
            let Some(key) = devices::key(root, &name) else {
                continue;
            };
            let block = key
                .open("Device Parameters")
                .and_then(|below| below.map(|below| below.value("EDID")).transpose());
            let bytes = match block {
                Ok(Some(Some(value))) => value.bytes,
                // A screen that says nothing about itself.
                Ok(_) => continue,
                Err(why) => {
                    gather.fault(registry::unavailable(&name, why));
                    continue;
                }
            };
            match parse_edid(&bytes) {
                Some(monitor) => {
                    let part = Part {
                        class: PartClass::Monitor.into(),
                        position: output(&name),
                        manufacturer: monitor.maker,
                        model: monitor.model,
                        serial: monitor.serial,
                        removable: true,
                        ..Part::default()
                    };
                    let key = key::part(class_name(PartClass::Monitor), &part.position);
                    gather.facts.push(Fact::machine(key, Kind::Part(part)));
                }
                None => gather.fault(Unavailable::Failed(format!(
                    "{name}: what the monitor says about itself is damaged"
                ))),
            }
        }
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Device]
    }
}

/// The number of the output, which another monitor in its place keeps: `DISPLAY\DELA0F4\5&2d8b91f&0&UID4353`.
fn output(name: &str) -> String {
    let instance = name.rsplit('\\').next().unwrap_or_default();
    let output = instance.rsplit('&').find(|part| part.starts_with("UID"));
    output.unwrap_or(instance).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monitor_is_known_by_its_output() {
        assert_eq!(output("DISPLAY\\DELA0F4\\5&2d8b91f&0&UID4353"), "UID4353");
        assert_eq!(output("DISPLAY\\Default_Monitor\\4&1&0"), "4&1&0");
    }
}
