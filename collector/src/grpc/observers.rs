//! Which devices tell about every machine on their subnet: two of each, while they have a session. All others
//! tell about their gateways only. A subnet is known by the gateway that its devices report. Several collectors
//! pick for themselves; more observers than needed do no harm.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use deskwarden_domain::port::{Paging, Store, StoreResult};
use deskwarden_proto::{
    decode,
    ids::DeviceId,
    key,
    v1::{InterfaceKind, Network, Policy, Section, directive::What, facet},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::standing::Sessions;

/// Observers of one subnet: one may be switched off at any time.
const PER_SUBNET: usize = 2;
/// Pause between two rounds.
const EVERY: Duration = Duration::from_secs(60);
/// Devices whose networks are read in one round, so that a storm of sessions is no storm of queries.
const READ_PER_ROUND: usize = 500;
/// Rounds after which a device is read again: it may have moved.
const READ_AGAIN: u32 = 60;
/// The same for one that has not told of any network yet.
const READ_SOON: u32 = 5;
/// Interfaces of one device that are looked at.
const INTERFACES: u32 = 64;

/// A gateway as its devices see it: hardware address and address, because one router serves many subnets.
type Subnet = (String, String);

/// What was read of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    subnets: BTreeSet<Subnet>,
    round: u32,
}

/// Picks observers until cancelled, and tells them and those who are it no longer.
pub async fn observe(sessions: Sessions, store: Arc<dyn Store>, policy: Policy, cancel: CancellationToken) {
    let mut known = HashMap::new();
    let mut number: u32 = 0;
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        number = number.wrapping_add(1);
        known = round(&sessions, &store, &policy, known, number).await;
    }
}

/// One round; returns what is known of the devices after it.
pub(super) async fn round(
    sessions: &Sessions,
    store: &Arc<dyn Store>,
    policy: &Policy,
    mut known: HashMap<DeviceId, Known>,
    number: u32,
) -> HashMap<DeviceId, Known> {
    let (store, live) = (Arc::clone(store), sessions.devices());
    let read = tokio::task::spawn_blocking(move || {
        let result = learn(store.as_ref(), &live, &mut known, number);
        (known, live, result)
    });
    let (known, live, result) = match read.await {
        Ok(read) => read,
        Err(error) => {
            warn!(%error, "picking observers was cut off; trying again later");
            return HashMap::new();
        }
    };
    if let Err(error) = result {
        warn!(%error, "networks could not be read; observers are picked again later");
        return known;
    }
    appoint(sessions, &pick(&live, &known, &sessions.observers()), policy);
    known
}

/// Reads the networks of devices that are new, or were read long ago; forgets those who left.
fn learn(
    store: &dyn Store,
    live: &[DeviceId],
    known: &mut HashMap<DeviceId, Known>,
    round: u32,
) -> StoreResult<()> {
    let here: BTreeSet<DeviceId> = live.iter().copied().collect();
    known.retain(|device, _| here.contains(device));
    let stale = |known: Option<&Known>| {
        known.is_none_or(|known| {
            let rounds = if known.subnets.is_empty() {
                READ_SOON
            } else {
                READ_AGAIN
            };
            round.wrapping_sub(known.round) >= rounds
        })
    };
    let wanted: Vec<DeviceId> = live
        .iter()
        .copied()
        .filter(|device| stale(known.get(device)))
        .take(READ_PER_ROUND)
        .collect();
    for device in wanted {
        let paging = Paging {
            offset: 0,
            limit: INTERFACES,
        };
        let page = store.items(device, Section::Network, paging)?;
        let networks =
            page.rows
                .iter()
                .filter_map(|row| match decode::facet(Section::Network, &row.item.facet) {
                    Ok(facet::Kind::Network(network)) => Some(network),
                    _ => None,
                });
        let subnets = networks.flat_map(|network| subnets(&network)).collect();
        known.insert(device, Known { subnets, round });
    }
    Ok(())
}

/// The subnets on which an interface can see its neighbours.
fn subnets(network: &Network) -> Vec<Subnet> {
    let wired = matches!(
        network.kind(),
        InterfaceKind::Ethernet | InterfaceKind::Wifi | InterfaceKind::Bridge
    );
    if !wired || !network.up || network.gateway_mac.is_empty() {
        return Vec::new();
    }
    let mac = key::mac(&network.gateway_mac);
    network
        .gateways
        .iter()
        .map(|ip| (mac.clone(), ip.clone()))
        .collect()
}

/// Who observes from now on: who does already, where he still can, and for what is left the lowest ids.
fn pick(
    live: &[DeviceId],
    known: &HashMap<DeviceId, Known>,
    before: &BTreeSet<DeviceId>,
) -> BTreeSet<DeviceId> {
    let mut by_subnet: BTreeMap<&Subnet, Vec<DeviceId>> = BTreeMap::new();
    for device in live {
        for subnet in known.get(device).into_iter().flat_map(|known| &known.subnets) {
            by_subnet.entry(subnet).or_default().push(*device);
        }
    }
    let mut picked = BTreeSet::new();
    for mut devices in by_subnet.into_values() {
        devices.sort_by_key(|device| (!before.contains(device), *device));
        devices.dedup();
        picked.extend(devices.into_iter().take(PER_SUBNET));
    }
    picked
}

fn appoint(sessions: &Sessions, wanted: &BTreeSet<DeviceId>, policy: &Policy) {
    let before = sessions.observers();
    let mut now = before.clone();
    let policy = |device, on| What::Policy(sessions.policy(device, policy, on));
    for device in wanted.difference(&before) {
        // A session that is too busy is asked in the next round.
        if sessions.direct(*device, policy(*device, true)) {
            info!(%device, "observes its subnet");
            now.insert(*device);
        }
    }
    for device in before.difference(wanted) {
        // Who is gone is told with its next welcome.
        if sessions.direct(*device, policy(*device, false)) || !sessions.is_live(*device) {
            info!(%device, "observes its subnet no longer");
            now.remove(device);
        }
    }
    sessions.set_observers(now);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::standing::Command;

    fn device(number: u8) -> DeviceId {
        DeviceId::from_random([number; 16])
    }

    fn known(rows: &[(u8, &[&str])]) -> HashMap<DeviceId, Known> {
        let all = rows.iter().map(|(number, gateways)| {
            let subnets = gateways
                .iter()
                .map(|mac| ((*mac).to_owned(), "192.0.2.1".to_owned()));
            let known = Known {
                subnets: subnets.collect(),
                round: 0,
            };
            (device(*number), known)
        });
        all.collect()
    }

    fn picked(live: &[u8], known: &HashMap<DeviceId, Known>, before: &[u8]) -> BTreeSet<DeviceId> {
        let live: Vec<_> = live.iter().map(|number| device(*number)).collect();
        pick(
            &live,
            known,
            &before.iter().map(|number| device(*number)).collect(),
        )
    }

    fn all(numbers: &[u8]) -> BTreeSet<DeviceId> {
        numbers.iter().map(|number| device(*number)).collect()
    }

    #[test]
    fn each_subnet_has_two_observers_and_they_stay() {
        let known = known(&[(1, &["a"]), (2, &["a"]), (3, &["a"]), (4, &["b"]), (5, &[])]);
        let first = picked(&[1, 2, 3, 4, 5], &known, &[]);
        assert_eq!(first.len(), 3);
        assert!(first.contains(&device(4)) && !first.contains(&device(5)));
        assert_eq!(
            picked(&[1, 2, 3, 4, 5], &known, &[2, 3, 4]),
            all(&[2, 3, 4]),
            "no change without need"
        );
        assert_eq!(
            picked(&[1, 3, 4, 5], &known, &[2, 3, 4]),
            all(&[1, 3, 4]),
            "who left is replaced"
        );
        assert_eq!(picked(&[5], &known, &[2, 3, 4]), all(&[]));
    }

    #[test]
    fn a_subnet_is_its_gateway_and_virtual_networks_are_none() {
        let network = Network {
            kind: InterfaceKind::Ethernet.into(),
            up: true,
            gateway_mac: "02-AA-00-00-00-01".into(),
            gateways: vec!["192.0.2.1".into()],
            ..Network::default()
        };
        assert_eq!(
            subnets(&network),
            [("02:aa:00:00:00:01".to_owned(), "192.0.2.1".to_owned())]
        );
        for other in [
            Network {
                kind: InterfaceKind::Vpn.into(),
                ..network.clone()
            },
            Network {
                up: false,
                ..network.clone()
            },
            Network {
                gateway_mac: String::new(),
                ..network
            },
        ] {
            assert!(subnets(&other).is_empty());
        }
    }

    #[tokio::test]
    async fn who_is_picked_is_told_once_and_who_is_it_no_longer_too() {
        let sessions = Sessions::default();
        let mut entry = sessions.enter(device(1), Vec::new());
        let policy = Policy {
            generation: 7,
            ..Policy::default()
        };
        appoint(&sessions, &all(&[1, 9]), &policy);
        assert_eq!(
            sessions.observers(),
            all(&[1]),
            "nobody is told who has no session"
        );
        appoint(&sessions, &all(&[1]), &policy);
        appoint(&sessions, &all(&[]), &policy);
        assert!(sessions.observers().is_empty());
        let mut told = Vec::new();
        for _ in 0..2 {
            match entry.commands.recv().await {
                Some(Command::Direct(What::Policy(policy))) => {
                    told.push((policy.generation, policy.observe_neighbours))
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(told, [(7, true), (7, false)]);
        assert!(entry.commands.try_recv().is_err());
    }
}
