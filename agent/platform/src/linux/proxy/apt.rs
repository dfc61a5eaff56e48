//! Source `proxy/apt`: proxies of the package manager.

use deskwarden_parse::apt_conf::parse_apt_conf;
use deskwarden_proto::v1::Section;

use super::{Owner, fact, file, folder};
use crate::{Reading, Root, Source, SourceId, Unavailable, WatchPath, linux::gather::Gather};

const MAIN: &str = "etc/apt/apt.conf";
const PARTS: &str = "etc/apt/apt.conf.d";

/// `apt.conf` and its folder of parts.
pub(in crate::linux) struct Apt;

impl Source for Apt {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Proxy,
            source: "apt",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !gather.there(root, "etc/apt") {
            let why = format!("{}: this system has no apt", root.display("etc/apt").display());
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        for path in places(root, &mut gather) {
            let Some(bytes) = gather.file(root, &path) else {
                continue;
            };
            for setting in parse_apt_conf(&bytes)
                .iter()
                .filter(|setting| is_proxy(&setting.name))
            {
                gather
                    .facts
                    .extend(fact(&path, setting, &[], "apt", Owner::default()));
            }
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        vec![file(root, MAIN), folder(root, PARTS)]
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let places = places(root, &mut Gather::default());
        Some(root.stamp(std::iter::once("etc/apt").chain(places.iter().map(String::as_str))))
    }
}

fn places(root: &Root, gather: &mut Gather) -> Vec<String> {
    let mut all = vec![MAIN.to_owned()];
    // apt reads names without an ending and those that end so.
    all.extend(gather.folder(root, PARTS, "").into_iter().filter(|path| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.ends_with(".conf") || !name.contains('.')
    }));
    all
}

/// `Acquire::<method>::Proxy`, also for one host: `Acquire::http::Proxy::example.com`.
fn is_proxy(name: &str) -> bool {
    let mut words = name.split("::");
    let is =
        |word: Option<&str>, expected: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(expected));
    is(words.next(), "Acquire") && words.next().is_some() && is(words.next(), "Proxy")
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::fs;

    #[test]
    fn only_files_that_apt_reads_count() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(Apt.read(&root).look, Look::Unsupported);
        let parts = folder.path().join(PARTS);
        fs::create_dir_all(&parts).unwrap();
        for name in ["01proxy", "02.conf", "03.save"] {
            fs::write(
                parts.join(name),
                format!("Acquire::http::Proxy \"http://{name}:1\";"),
            )
            .unwrap();
        }
        fs::write(
            folder.path().join(MAIN),
            "Acquire { https { Proxy \"DIRECT\"; }; };",
        )
        .unwrap();
        let reading = Apt.read(&root);
        let keys: Vec<_> = reading.facts.iter().map(|fact| fact.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "/etc/apt/apt.conf.d/01proxy:Acquire::http::Proxy",
                "/etc/apt/apt.conf.d/02.conf:Acquire::http::Proxy"
            ]
        );
    }
}
