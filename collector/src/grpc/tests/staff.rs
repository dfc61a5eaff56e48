//! A PC with a session is handed links to the notice about it.

use std::collections::HashMap;

use deskwarden_proto::v1::directive::What;

use super::{super::staff::round, *};

#[tokio::test]
async fn a_pc_is_handed_a_link_that_leads_to_it_and_a_fresh_one_later() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    let mut given = HashMap::new();
    let now = bed.now();
    let mut secrets = Vec::new();
    for (at, expected) in [(now, true), (now + 60_000, false), (now + 31 * 60_000, true)] {
        round(
            &bed.sessions,
            bed.store.as_ref(),
            "https://desk.example",
            &mut given,
            at,
        )
        .unwrap();
        if !expected {
            continue;
        }
        let Frame::Directive(directive) = talk.next().await else {
            panic!("a directive");
        };
        let Some(What::StaffNotice(notice)) = directive.what else {
            panic!("a link");
        };
        let secret = notice
            .url
            .strip_prefix("https://desk.example/mine/")
            .unwrap()
            .to_owned();
        let hash = *blake3::hash(secret.as_bytes()).as_bytes();
        assert_eq!(bed.store.staff_link(&hash, at).unwrap(), Some(agent.id));
        assert_eq!(
            bed.store.staff_link(&hash, notice.expires_at_ms).unwrap(),
            None,
            "it ended"
        );
        secrets.push(secret);
    }
    assert_eq!(secrets.len(), 2);
    assert_ne!(secrets[0], secrets[1]);
}
