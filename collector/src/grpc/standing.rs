//! Which devices may not report, for a look at every frame without a query; and which sessions are live.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use deskwarden_domain::{
    model::DeviceStatus,
    port::{Store, StoreResult},
};
use deskwarden_proto::{
    ids::DeviceId,
    v1::{Policy, directive::What},
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::ingest::Fence;

/// Devices that are barred, as last read from the store.
pub struct Standing {
    barred: RwLock<HashMap<DeviceId, DeviceStatus>>,
    changed: watch::Sender<()>,
}

impl Standing {
    /// Reads them for the first time. Blocks.
    pub fn load(store: &dyn Store) -> StoreResult<Self> {
        let barred = RwLock::new(store.barred_devices()?.into_iter().collect());
        Ok(Self {
            barred,
            changed: watch::Sender::new(()),
        })
    }

    /// Reads them anew, so that somebody who was barred by another process is noticed. Blocks.
    pub fn refresh(&self, store: &dyn Store) -> StoreResult<()> {
        let barred: HashMap<DeviceId, DeviceStatus> = store.barred_devices()?.into_iter().collect();
        let mut known = self.barred.write().unwrap_or_else(PoisonError::into_inner);
        if *known != barred {
            *known = barred;
            drop(known);
            self.changed.send_replace(());
        }
        Ok(())
    }

    /// Whether the device may report: `None`, or why not.
    pub fn bar(&self, device: DeviceId) -> Option<DeviceStatus> {
        self.barred
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&device)
            .copied()
    }

    /// Told when somebody was barred or let in again.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

/// What a live session is told from outside.
#[derive(Debug)]
pub(super) enum Command {
    /// The device opened another session.
    Replaced,
    /// Pass it on to the agent.
    Direct(What),
    /// Have the agent say that it is here. A session that ends meanwhile says nothing.
    Prove(oneshot::Sender<()>),
}

/// Directives that may wait for a session.
const COMMANDS: usize = 8;

/// The live sessions of this process.
#[derive(Clone, Default)]
pub struct Sessions {
    live: Arc<Mutex<HashMap<DeviceId, Live>>>,
    numbers: Arc<AtomicU64>,
    observers: Arc<Mutex<BTreeSet<DeviceId>>>,
    withheld: Arc<Mutex<HashMap<DeviceId, Vec<String>>>>,
}

struct Live {
    number: u64,
    /// The run of the agent that holds it; empty where the agent does not tell.
    instance: Vec<u8>,
    fence: Fence,
    commands: mpsc::Sender<Command>,
}

/// A session's entry; dropping it takes the session off the list.
pub(super) struct Entry {
    sessions: Sessions,
    device: DeviceId,
    number: u64,
    pub(super) fence: Fence,
    pub(super) commands: mpsc::Receiver<Command>,
}

impl Sessions {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether the device has a session now.
    pub fn is_live(&self, device: DeviceId) -> bool {
        self.live
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(&device)
    }

    /// The run of the agent that holds the device's session; `None` without a session.
    pub(super) fn holder(&self, device: DeviceId) -> Option<Vec<u8>> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.get(&device).map(|live| live.instance.clone())
    }

    /// Asks the agent of the device's session to say that it is there. What comes ends with the session.
    pub(super) fn prove(&self, device: DeviceId) -> Option<oneshot::Receiver<()>> {
        let (answer, answered) = oneshot::channel();
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = live.get(&device)?.commands.try_send(Command::Prove(answer));
        asked.is_ok().then_some(answered)
    }

    /// The devices that have one.
    pub(super) fn devices(&self) -> Vec<DeviceId> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.keys().copied().collect()
    }

    /// Devices that were told to observe their subnets.
    pub(super) fn observers(&self) -> BTreeSet<DeviceId> {
        self.observers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set_observers(&self, observers: BTreeSet<DeviceId>) {
        *self.observers.lock().unwrap_or_else(PoisonError::into_inner) = observers;
    }

    /// Whether the device is to observe its subnet.
    pub(super) fn observes(&self, device: DeviceId) -> bool {
        let observers = self.observers.lock().unwrap_or_else(PoisonError::into_inner);
        observers.contains(&device)
    }

    /// What a device is told to do: the common policy, whether it observes, and whose data it keeps to itself.
    pub(super) fn policy(&self, device: DeviceId, common: &Policy, observes: bool) -> Policy {
        let withheld = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
        Policy {
            observe_neighbours: observes,
            withheld_principals: withheld.get(&device).cloned().unwrap_or_default(),
            ..common.clone()
        }
    }

    /// Reads anew whose data is withheld, and tells the devices for which that changed. Blocks.
    pub fn withhold(&self, store: &dyn Store, common: &Policy) -> StoreResult<()> {
        let fresh: HashMap<DeviceId, Vec<String>> = store.withheld()?.into_iter().collect();
        let changed: Vec<DeviceId> = {
            let mut known = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = fresh
                .iter()
                .filter(|(device, names)| known.get(device) != Some(names))
                .map(|(device, _)| *device)
                .collect();
            *known = fresh;
            changed
        };
        for device in changed {
            // Who has no session, or a busy one, is told with its next welcome.
            let policy = self.policy(device, common, self.observes(device));
            self.direct(device, What::Policy(policy));
        }
        Ok(())
    }

    /// Hands a directive to the device's session; `false` when there is none or it is too busy.
    pub fn direct(&self, device: DeviceId, what: What) -> bool {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.get(&device)
            .is_some_and(|live| live.commands.try_send(Command::Direct(what)).is_ok())
    }

    /// Enters a session. An older one of the device ends: what it queued does not count any more.
    pub(super) fn enter(&self, device: DeviceId, instance: Vec<u8>) -> Entry {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let fence = Fence::default();
        let (sender, commands) = mpsc::channel(COMMANDS);
        let live = Live {
            number,
            instance,
            fence: fence.clone(),
            commands: sender,
        };
        let before = self
            .live
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(device, live);
        if let Some(before) = before {
            before.fence.close();
            // A full queue does not matter: its sender is dropped here, which ends the session too.
            before.commands.try_send(Command::Replaced).ok();
        }
        Entry {
            sessions: self.clone(),
            device,
            number,
            fence,
            commands,
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.fence.close();
        let mut live = self.sessions.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live
            .get(&self.device)
            .is_some_and(|live| live.number == self.number)
        {
            live.remove(&self.device);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_session_ends_the_first_and_stays_on_the_list() {
        let sessions = Sessions::default();
        let device = DeviceId::from_random([1; 16]);
        let mut first = sessions.enter(device, Vec::new());
        let second = sessions.enter(device, Vec::new());
        assert!(matches!(first.commands.recv().await, Some(Command::Replaced)));
        assert!(first.commands.recv().await.is_none());
        assert!(first.fence.is_closed() && !second.fence.is_closed());
        drop(first);
        assert!(sessions.is_live(device));
        drop(second);
        assert_eq!(sessions.count(), 0);
    }

    #[tokio::test]
    async fn a_session_that_ends_does_not_prove_that_it_is_here() {
        let sessions = Sessions::default();
        let device = DeviceId::from_random([1; 16]);
        assert!(sessions.prove(device).is_none());
        let entry = sessions.enter(device, vec![1]);
        assert_eq!(sessions.holder(device), Some(vec![1]));
        let answered = sessions.prove(device).unwrap();
        drop(entry);
        assert!(answered.await.is_err());
    }

    #[tokio::test]
    async fn a_directive_reaches_the_live_session_only() {
        let sessions = Sessions::default();
        let device = DeviceId::from_random([1; 16]);
        let what = What::Renew(deskwarden_proto::v1::Renew {});
        assert!(!sessions.direct(device, what.clone()));
        let mut entry = sessions.enter(device, Vec::new());
        assert!(sessions.direct(device, what.clone()));
        assert!(matches!(entry.commands.recv().await, Some(Command::Direct(told)) if told == what));
    }
}
