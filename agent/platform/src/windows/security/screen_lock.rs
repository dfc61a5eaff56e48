//! Source `security/screen-lock`: after how long each person's screen locks itself. A policy stands above what the person
//! set, and a limit of the machine above both where it is shorter.

use deskwarden_parse::registry::Key as _;
use deskwarden_proto::v1::Security;

use super::{fact, id, number, switch};
use crate::{
    KernelEvent, Reading, Root, Source, SourceId,
    windows::{
        gather::Gather,
        people::{self, Branch},
        registry::Registry,
    },
};

const DESKTOP: &str = "Control Panel\\Desktop";
const POLICY: &str = "Software\\Policies\\Microsoft\\Windows\\Control Panel\\Desktop";
const MACHINE: &str = "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System";

/// Screen savers that lock, and the machine's limit.
pub(in crate::windows) struct ScreenLock;

impl Source for ScreenLock {
    fn id(&self) -> SourceId {
        id("screen-lock")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let limit = number(root, &mut gather, MACHINE, "InactivityTimeoutSecs").filter(|limit| *limit > 0);
        people::each(root, &mut gather, Branch::Own, |gather, person, own| {
            let own = after(own);
            let seconds = [own, limit].into_iter().flatten().min();
            gather.facts.push(
                fact(Security {
                    topic: "screen_lock".to_owned(),
                    product: "Windows".to_owned(),
                    enabled: switch(seconds.is_some()).into(),
                    seconds: seconds.unwrap_or_default(),
                    ..Security::default()
                })
                .of(person.sid.clone(), &person.account),
            );
        });
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Protection]
    }
}

/// Seconds until the screen saver locks; `None` where it does not.
fn after(own: &Registry) -> Option<u64> {
    let places = [POLICY, DESKTOP].map(|path| own.open(path).ok().flatten());
    let number = |name: &str| places.iter().flatten().find_map(|key| key.number(name));
    let on = number("ScreenSaveActive")? != 0 && number("ScreenSaverIsSecure")? != 0;
    on.then(|| number("ScreenSaveTimeOut"))
        .flatten()
        .filter(|seconds| *seconds > 0)
}
