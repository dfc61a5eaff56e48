//! Source `security/password-policy`: the shortest password that can be set on this PC, and how long one lasts.

use deskwarden_proto::v1::Security;

use super::{fact, id, switch};
use crate::{
    KernelEvent, Reading, Root, Source, SourceId, Unavailable,
    windows::{account, gather::Gather},
};

/// The word for "never", in seconds.
const NEVER: u32 = u32::MAX;

/// The local policy.
pub(in crate::windows) struct PasswordPolicy;

impl Source for PasswordPolicy {
    fn id(&self) -> SourceId {
        id("password-policy")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.is_host() {
            let why = "only the running system's policy is read".to_owned();
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        match account::policy() {
            Ok((length, age)) => {
                gather.answered();
                gather.facts.push(fact(Security {
                    topic: "password_policy".to_owned(),
                    enabled: switch(length > 0).into(),
                    minimum_length: length,
                    seconds: if age == NEVER { 0 } else { age.into() },
                    ..Security::default()
                }));
            }
            Err(why) => return Reading::unavailable(self.id(), &why),
        }
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Protection]
    }
}
