//! What Linglong (如意玲珑, the application store of UOS and Deepin) has installed: its list of layers
//! (`states.json`), or the description of one layer (`info.json`).

use serde_json::Value;

use crate::{app::App, text};

/// Most layers that are kept.
const MAX_LAYERS: usize = 20_000;
const MAX_VALUE: usize = 1_000;

/// The applications of `states.json`; runtimes and what only builders need are left out. `None` where it is
/// no such list.
pub fn parse_linglong_states(bytes: &[u8]) -> Option<Vec<App>> {
    let whole: Value = serde_json::from_slice(bytes).ok()?;
    let layers = whole.get("layers")?.as_array()?.iter().take(MAX_LAYERS);
    let here = layers.filter(|layer| layer.get("deleted").and_then(Value::as_bool) != Some(true));
    Some(here.filter_map(|layer| application(layer.get("info")?)).collect())
}

/// The application of `info.json`; the outer `None` where it is no such description, the inner one where it
/// describes something else.
pub fn parse_linglong_info(bytes: &[u8]) -> Option<Option<App>> {
    let info: Value = serde_json::from_slice(bytes).ok()?;
    info.get("version")?;
    Some(application(&info))
}

fn application(info: &Value) -> Option<App> {
    let field = |name: &str| {
        let value = match info.get(name) {
            // One architecture is a list of one.
            Some(Value::Array(all)) => all.first().and_then(Value::as_str),
            value => value.and_then(Value::as_str),
        };
        text::kept(value.unwrap_or_default(), MAX_VALUE).to_owned()
    };
    let id = match field("id") {
        // As the first versions called it.
        none if none.is_empty() => field("appid"),
        id => id,
    };
    let is_app = field("kind") == "app" && field("module") != "develop";
    (is_app && !id.is_empty()).then(|| App {
        id,
        name: field("name"),
        version: field("version"),
        architecture: field("arch"),
        summary: field("description").lines().next().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // Typed from the published schema of the store's files.
    const STATES: &str = r#"{"ll-version":"1.7.0","version":"1","layers":[
      {"commit":"aa","repo":"stable","info":{"schema_version":"1.0","id":"com.qq.wechat","name":"微信","version":"4.0.1.11",
        "arch":["x86_64"],"kind":"app","module":"binary","base":"main:org.deepin.base/23","description":"聊天\n更多"}},
      {"commit":"ab","repo":"stable","info":{"id":"com.qq.wechat","version":"4.0.1.11","arch":["x86_64"],"kind":"app","module":"develop"}},
      {"commit":"bb","repo":"stable","info":{"id":"org.deepin.base","version":"23.1","arch":["x86_64"],"kind":"base","module":"binary"}},
      {"commit":"cc","repo":"stable","deleted":true,"info":{"id":"org.gone","version":"1","arch":["x86_64"],"kind":"app","module":"binary"}}]}"#;

    #[test]
    fn applications_are_told_from_what_they_stand_on() {
        let apps = parse_linglong_states(STATES.as_bytes()).unwrap();
        let seen: Vec<_> = apps
            .iter()
            .map(|app| {
                (
                    &*app.id,
                    &*app.name,
                    &*app.version,
                    &*app.architecture,
                    &*app.summary,
                )
            })
            .collect();
        assert_eq!(seen, [("com.qq.wechat", "微信", "4.0.1.11", "x86_64", "聊天")]);
        assert_eq!(parse_linglong_states(b"[]"), None);
    }

    #[test]
    fn one_description_is_read_in_its_older_form_too() {
        let old = br#"{"appid":"com.qq.qq","name":"QQ","version":"3.2","arch":["arm64"],"kind":"app","module":"runtime"}"#;
        let app = parse_linglong_info(old).unwrap().unwrap();
        assert_eq!(
            (&*app.id, &*app.version, &*app.architecture),
            ("com.qq.qq", "3.2", "arm64")
        );
        assert_eq!(
            parse_linglong_info(br#"{"id":"a","version":"1","kind":"runtime"}"#),
            Some(None)
        );
        assert_eq!(parse_linglong_info(b"{"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..STATES.len()) {
            parse_linglong_states(&bytes);
            parse_linglong_info(&bytes);
            parse_linglong_states(&STATES.as_bytes()[..cut]);
        }
    }
}
