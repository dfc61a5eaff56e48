//! Hands every PC with a session a fresh link to the notice about it. The link is a secret of that PC for an hour;
//! the store keeps its hash, so that any collector behind one address answers it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use deskwarden_domain::{
    model::Millis,
    port::{Store, StoreResult},
};
use deskwarden_proto::{
    ids::DeviceId,
    v1::{StaffNotice, directive::What},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::standing::Sessions;
use crate::{clock, entropy};

/// Pause between two rounds.
const EVERY: Duration = Duration::from_secs(60);
/// A PC gets a fresh link this often.
const FRESH_MS: Millis = 30 * 60_000;
/// A link leads somewhere for so long.
const HOLDS_MS: Millis = 60 * 60_000;
/// Links that are made in one round: a storm of sessions is no storm of writes.
const PER_ROUND: usize = 2_000;

/// Hands out links until cancelled. `public_url` is where staff reach the dashboard.
pub async fn hand_out_links(
    sessions: Sessions,
    store: Arc<dyn Store>,
    public_url: String,
    cancel: CancellationToken,
) {
    let mut given: HashMap<DeviceId, Millis> = HashMap::new();
    loop {
        let (sessions, store, url) = (sessions.clone(), Arc::clone(&store), public_url.clone());
        let work = move || {
            let done = round(&sessions, store.as_ref(), &url, &mut given, clock::now());
            (given, done)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok((map, done)) => {
                given = map;
                if let Err(error) = done {
                    warn!(%error, "links to the notice could not be kept");
                }
            }
            Err(_) => given = HashMap::new(),
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// One round: those who have no link, or an old one.
pub(super) fn round(
    sessions: &Sessions,
    store: &dyn Store,
    public_url: &str,
    given: &mut HashMap<DeviceId, Millis>,
    now: Millis,
) -> StoreResult<()> {
    let live: HashSet<DeviceId> = sessions.devices().into_iter().collect();
    given.retain(|device, _| live.contains(device));
    let mut links = Vec::new();
    let mut told = Vec::new();
    for device in live {
        if given.get(&device).is_some_and(|at| now - at < FRESH_MS) || links.len() >= PER_ROUND {
            continue;
        }
        let Ok(random) = entropy::bytes::<32>(&entropy::OsEntropy) else {
            break;
        };
        let secret = data_encoding::BASE64URL_NOPAD.encode(&random);
        let ends = now + HOLDS_MS;
        links.push((*blake3::hash(secret.as_bytes()).as_bytes(), device, ends));
        told.push((
            device,
            StaffNotice {
                url: format!("{public_url}/mine/{secret}"),
                expires_at_ms: ends,
            },
        ));
    }
    if links.is_empty() {
        return Ok(());
    }
    store.put_staff_links(&links, now)?;
    for (device, notice) in told {
        // A session that is too busy is asked in the next round.
        if sessions.direct(device, What::StaffNotice(notice)) {
            given.insert(device, now);
        }
    }
    Ok(())
}
