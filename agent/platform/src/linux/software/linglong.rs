//! Source `software/linglong`: applications of Linglong (如意玲珑), the newer store of UOS and Deepin.

use deskwarden_parse::linglong::{parse_linglong_info, parse_linglong_states};
use deskwarden_proto::v1::{Section, SoftwareKind};

use super::apps::{absent, fact, watch};
use crate::{Reading, Root, Source, SourceId, Unavailable, WatchPath, Watched, linux::gather::Gather};

const HOME: &str = "var/lib/linglong";
/// The list of everything.
const STATES: &str = "var/lib/linglong/states.json";
/// One folder for each; read where versions of the store keep no list.
const LAYERS: &str = "var/lib/linglong/layers";
const MAX_STATES: usize = 64 << 20;

/// The store's list, or its layers.
pub(in crate::linux) struct Linglong;

impl Source for Linglong {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Software,
            source: "linglong",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.exists(HOME) {
            return gather.finish_without(self.id(), absent(root, HOME));
        }
        let damaged = |path: &str| {
            let place = root.display(path);
            Unavailable::Failed(format!("{}: not a description of applications", place.display()))
        };
        match root.read_limited(STATES, MAX_STATES) {
            Ok(Some(bytes)) => match parse_linglong_states(&bytes) {
                Some(apps) => {
                    gather.answered();
                    let facts = apps
                        .into_iter()
                        .map(|app| fact(app, SoftwareKind::StoreApp).at(format!("/{HOME}")));
                    gather.facts.extend(facts);
                }
                None => gather.fault(damaged(STATES)),
            },
            Ok(None) => {
                for layer in gather.folder(root, LAYERS, "") {
                    let path = format!("{layer}/info.json");
                    let Some(bytes) = gather.file(root, &path) else {
                        continue;
                    };
                    match parse_linglong_info(&bytes) {
                        Some(app) => {
                            let facts =
                                app.map(|app| fact(app, SoftwareKind::StoreApp).at(format!("/{layer}")));
                            gather.facts.extend(facts);
                        }
                        None => gather.fault(damaged(&path)),
                    }
                }
            }
            Err(why) => gather.fault(why),
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let states = WatchPath {
            path: root.display(STATES),
            what: Watched::File,
        };
        vec![states, watch(root, LAYERS)]
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        Some(root.stamp([HOME, STATES, LAYERS]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::fs;

    #[test]
    fn the_list_goes_before_the_layers_and_damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(Linglong.read(&root).look, Look::Unsupported);
        let layer = folder.path().join(LAYERS).join("aa");
        fs::create_dir_all(&layer).unwrap();
        let info = r#"{"id":"com.qq.wechat","name":"微信","version":"4.0","arch":["x86_64"],"kind":"app","module":"binary"}"#;
        fs::write(layer.join("info.json"), info).unwrap();
        let keys =
            |reading: &Reading| -> Vec<String> { reading.facts.iter().map(|f| f.key.clone()).collect() };
        let reading = Linglong.read(&root);
        assert_eq!(
            (reading.look, keys(&reading)),
            (Look::Looked, vec!["com.qq.wechat".to_owned()])
        );
        let stamp = Linglong.stamp(&root);
        fs::write(
            folder.path().join(STATES),
            format!(r#"{{"layers":[{{"info":{}}}]}}"#, info.replace("wechat", "qq")),
        )
        .unwrap();
        assert_ne!(Linglong.stamp(&root), stamp);
        assert_eq!(keys(&Linglong.read(&root)), ["com.qq.qq"]);
        fs::write(folder.path().join(STATES), "{").unwrap();
        assert_eq!(Linglong.read(&root).look, Look::Failed);
    }
}
