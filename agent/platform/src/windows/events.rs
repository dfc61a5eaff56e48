//! What the system tells while it happens: keys of the registry, adapters and addresses, devices. Reads no state and
//! starts no thread; the caller blocks in the iterator, and a stopper ends it.

use std::{collections::BTreeSet, sync::Arc};

use windows_sys::Win32::{
    Foundation::{HANDLE, WAIT_FAILED, WAIT_OBJECT_0},
    System::{
        Registry::{REG_NOTIFY_CHANGE_LAST_SET, REG_NOTIFY_CHANGE_NAME, RegNotifyChangeKeyValue},
        Threading::{INFINITE, WaitForMultipleObjects},
    },
};

use super::{
    Root,
    event::Event,
    fault,
    notices::Notices,
    people,
    registry::{self, Live, Registry, View},
};
use crate::{KernelEvent, Unavailable};

/// Keys of the machine, with what their change means; everything below a key counts.
const OF_MACHINE: [(&str, View, KernelEvent); 12] = [
    (
        "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall",
        View::Native,
        KernelEvent::Titles,
    ),
    (
        "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall",
        View::Old,
        KernelEvent::Titles,
    ),
    (
        "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Internet Settings",
        View::Native,
        KernelEvent::Proxies,
    ),
    ("SOFTWARE\\Policies", View::Native, KernelEvent::Proxies),
    ("SOFTWARE\\Policies", View::Native, KernelEvent::Protection),
    (
        "SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment",
        View::Native,
        KernelEvent::Proxies,
    ),
    (
        "SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters",
        View::Native,
        KernelEvent::Address,
    ),
    (
        "SYSTEM\\CurrentControlSet\\Services\\PortProxy",
        View::Native,
        KernelEvent::Proxies,
    ),
    (
        "SYSTEM\\CurrentControlSet\\Services\\SharedAccess",
        View::Native,
        KernelEvent::Protection,
    ),
    (
        "SYSTEM\\CurrentControlSet\\Control\\Terminal Server",
        View::Native,
        KernelEvent::Protection,
    ),
    (
        "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon",
        View::Native,
        KernelEvent::Protection,
    ),
    (
        "SYSTEM\\CurrentControlSet\\Services\\LanmanServer\\Shares",
        View::Native,
        KernelEvent::Shares,
    ),
];
/// The same below the registry of each person who is signed in.
const OF_USER: [(&str, KernelEvent); 4] = [
    (
        "Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall",
        KernelEvent::Titles,
    ),
    (
        "Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings",
        KernelEvent::Proxies,
    ),
    ("Environment", KernelEvent::Proxies),
    ("Control Panel\\Desktop", KernelEvent::Protection),
];
/// Most people whose keys are followed; the full scan sees the others.
const MAX_PEOPLE: usize = 8;
/// Most objects that can be waited for at once.
const MAX_WAIT: usize = 64;

/// A key that is followed.
struct Followed {
    key: Live,
    event: Event,
    means: KernelEvent,
    extent: Extent,
}

/// What of a key is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// It, and everything below it.
    Whole,
    /// Which keys are directly below it, because the wanted one is not there yet.
    Names,
    /// Those that come and go, and nothing of what is in them.
    Own,
}

/// Blocking iterator over what changed: one batch per wake-up, each kind once. Ends after a stop.
pub struct KernelEvents {
    stop: Arc<Event>,
    people_changed: Event,
    notices: Notices,
    keys: Vec<Followed>,
    people: Option<(Live, BTreeSet<String>)>,
    armed: bool,
    broken: bool,
}

/// Ends the iterator that it came from, from any thread.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<Event>);

impl Stopper {
    /// The iterator returns `None` from now on, also when it is waiting.
    pub fn stop(&self) {
        self.0.set();
    }
}

/// Listens to what the system tells of the registry, the network and devices.
pub fn kernel_events() -> Result<KernelEvents, Unavailable> {
    Ok(KernelEvents {
        stop: Arc::new(Event::new(true)?),
        people_changed: Event::new(false)?,
        notices: Notices::start(Event::new(false)?),
        keys: Vec::new(),
        people: None,
        armed: false,
        broken: false,
    })
}

impl KernelEvents {
    /// A handle that ends the iteration.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    /// Opens the keys and asks to be told. On the thread that waits: what was asked for ends with the thread.
    fn arm(&mut self) -> Result<(), Unavailable> {
        let host = Root::host();
        self.keys.clear();
        for (path, view, means) in OF_MACHINE {
            self.follow(path, means, |path| registry::machine(&host, path, view))?;
        }
        let signed_in: BTreeSet<String> = people::signed_in().into_iter().collect();
        for sid in signed_in.iter().take(MAX_PEOPLE) {
            for (path, means) in OF_USER {
                self.follow(path, means, |path| registry::user(&format!("{sid}\\{path}")))?;
            }
        }
        if let Ok(Some(Registry::Live(key))) = registry::user("") {
            // Only who comes and goes: everything below would be every change of everybody.
            notify(&key, &self.people_changed, Extent::Own)?;
            self.people = Some((key, signed_in));
        }
        self.armed = true;
        Ok(())
    }

    /// Follows a key, or the nearest one above it that is there, until it is made.
    fn follow(
        &mut self,
        path: &str,
        means: KernelEvent,
        open: impl Fn(&str) -> Result<Option<Registry>, Unavailable>,
    ) -> Result<(), Unavailable> {
        let mut path = path;
        let mut extent = Extent::Whole;
        loop {
            if let Ok(Some(Registry::Live(key))) = open(path) {
                let event = Event::new(false)?;
                notify(&key, &event, extent)?;
                self.keys.push(Followed {
                    key,
                    event,
                    means,
                    extent,
                });
                return Ok(());
            }
            // What is not even that far there, or may not be opened, is seen by the full scan.
            let Some((above, _)) = path.rsplit_once('\\') else {
                return Ok(());
            };
            (path, extent) = (above, Extent::Names);
        }
    }

    /// Looks for all keys anew. What happened to any of them meanwhile is not known: each kind may have changed.
    fn arm_anew(&mut self) -> Result<BTreeSet<KernelEvent>, Unavailable> {
        self.arm()?;
        Ok(OF_MACHINE
            .iter()
            .map(|(_, _, means)| *means)
            .chain(OF_USER.map(|(_, means)| means))
            .collect())
    }

    /// Waits for the next change; `None` after a stop.
    fn wait(&mut self) -> Result<Option<BTreeSet<KernelEvent>>, Unavailable> {
        if !self.armed {
            self.arm()?;
        }
        let fixed = [
            self.stop.handle(),
            self.people_changed.handle(),
            self.notices.event().handle(),
        ];
        let room = MAX_WAIT - fixed.len();
        let handles: Vec<HANDLE> = fixed
            .into_iter()
            .chain(
                self.keys
                    .iter()
                    .take(room)
                    .map(|followed| followed.event.handle()),
            )
            .collect();
        // SAFETY: handles are open, and as many as stated.
        #[expect(unsafe_code, reason = "a function of the system")]
        let woken = unsafe { WaitForMultipleObjects(handles.len() as u32, handles.as_ptr(), 0, INFINITE) };
        if woken == WAIT_FAILED {
            return Err(fault::unavailable("WaitForMultipleObjects", fault::last()));
        }
        match usize::try_from(woken - WAIT_OBJECT_0).unwrap_or_default() {
            0 => Ok(None),
            1 => {
                let signed_in: BTreeSet<String> = people::signed_in().into_iter().collect();
                let before = self.people.take().map(|(_, before)| before).unwrap_or_default();
                if signed_in == before {
                    if let Ok(Some(Registry::Live(key))) = registry::user("") {
                        notify(&key, &self.people_changed, Extent::Own)?;
                        self.people = Some((key, before));
                    }
                    return Ok(Some(BTreeSet::new()));
                }
                self.arm_anew().map(Some)
            }
            2 => Ok(Some(self.notices.take())),
            key => {
                let Some(followed) = self.keys.get(key - 3) else {
                    return Ok(Some(BTreeSet::new()));
                };
                let means = followed.means;
                // A wanted key may be there now, and one that is gone cannot be followed.
                let awaited = followed.extent == Extent::Names;
                if awaited || notify(&followed.key, &followed.event, followed.extent).is_err() {
                    return self.arm_anew().map(Some);
                }
                Ok(Some([means].into()))
            }
        }
    }
}

impl Iterator for KernelEvents {
    type Item = Result<BTreeSet<KernelEvent>, Unavailable>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.broken {
            match self.wait() {
                Ok(None) => return None,
                Ok(Some(found)) if found.is_empty() => {}
                Ok(Some(found)) => return Some(Ok(found)),
                Err(why) => {
                    self.broken = true;
                    return Some(Err(why));
                }
            }
        }
        None
    }
}

/// Asks to be told once of the next change of a key.
fn notify(key: &Live, event: &Event, extent: Extent) -> Result<(), Unavailable> {
    let what = match extent {
        Extent::Names => REG_NOTIFY_CHANGE_NAME,
        Extent::Whole | Extent::Own => REG_NOTIFY_CHANGE_NAME | REG_NOTIFY_CHANGE_LAST_SET,
    };
    let below = extent == Extent::Whole;
    // SAFETY: key and event are open and stay so until the answer came or the key is closed, which ends it.
    #[expect(unsafe_code, reason = "a function of the system")]
    let result = unsafe { RegNotifyChangeKeyValue(key.handle(), below.into(), what, event.handle(), 1) };
    if result == 0 {
        Ok(())
    } else {
        Err(fault::unavailable("RegNotifyChangeKeyValue", result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_iterator_ends_without_an_event() {
        let mut events = kernel_events().unwrap();
        let stopper = events.stopper();
        let waiting = std::thread::spawn(move || events.find(|batch| batch.is_err()).is_none());
        stopper.stop();
        assert!(waiting.join().unwrap());
    }
}
