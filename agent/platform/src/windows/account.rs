//! Source `account/local`: accounts of this PC and which of them are administrators. Only this PC's own list is asked: on
//! a domain controller, whose list is the domain's, nothing is.

use std::{collections::BTreeSet, ffi::c_void};

use deskwarden_parse::registry::Key as _;
use deskwarden_proto::{
    key,
    v1::{Account, Section, facet::Kind},
};
use windows_sys::Win32::{
    Foundation::LocalFree,
    NetworkManagement::NetManagement::{
        LOCALGROUP_MEMBERS_INFO_0, USER_INFO_20, USER_MODALS_INFO_0, USER_MODALS_INFO_2,
    },
    Security::{
        Authorization::{ConvertSidToStringSidW, ConvertStringSidToSidW},
        LookupAccountSidW, PSID,
    },
};

use super::{
    Root,
    dll::functions,
    fault,
    gather::Gather,
    registry::{self, View},
    wide::{behind, narrow, wide},
};
use crate::{Fact, KernelEvent, Reading, Source, SourceId, Unavailable};

functions! {
    "netapi32.dll":
        fn NetUserEnum(*const u16, u32, u32, *mut *mut u8, u32, *mut u32, *mut u32, *mut u32) -> u32;
        fn NetUserModalsGet(*const u16, u32, *mut *mut u8) -> u32;
        fn NetLocalGroupGetMembers(*const u16, *const u16, u32, *mut *mut u8, u32, *mut u32, *mut u32, *mut usize) -> u32;
        fn NetApiBufferFree(*const c_void) -> u32;
}

const PRODUCT: &str = "SYSTEM\\CurrentControlSet\\Control\\ProductOptions";
/// The word for a domain controller.
const CONTROLLER: &str = "LanmanNT";
/// The group of administrators, by the identity that it has in every language.
const ADMINISTRATORS: &str = "S-1-5-32-544";
const NORMAL_ACCOUNTS: u32 = 2;
const ALL: u32 = u32::MAX;
const SUCCESS: u32 = 0;
const MORE: u32 = 234;
const DISABLED: u32 = 0x2;
const NEVER_EXPIRES: u32 = 0x1_0000;
/// Most accounts of one PC.
const MAX_ACCOUNTS: usize = 4_096;

/// The local list of accounts.
pub(super) struct Accounts;

impl Source for Accounts {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Account,
            source: "local",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.is_host() {
            let why = "only the running system's accounts are read".to_owned();
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        let product = registry::machine(root, PRODUCT, View::Native).ok().flatten();
        if product.is_some_and(|key| key.text("ProductType").eq_ignore_ascii_case(CONTROLLER)) {
            let why =
                "a domain controller has no accounts of its own, and those of the domain are not listed"
                    .to_owned();
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        let found = machine_sid().and_then(|machine| Ok((machine, users()?)));
        let (machine, users) = match found {
            Ok(found) => found,
            Err(why) => return Reading::unavailable(self.id(), &why),
        };
        gather.answered();
        let administrators = administrators().unwrap_or_else(|why| {
            gather.fault(why);
            BTreeSet::new()
        });
        gather.facts = users
            .into_iter()
            .map(|user| fact(&machine, user, &administrators))
            .collect();
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Protection]
    }
}

struct User {
    name: String,
    full_name: String,
    flags: u32,
    id: u32,
}

fn fact(machine: &str, user: User, administrators: &BTreeSet<String>) -> Fact {
    let sid = format!("{machine}-{}", user.id);
    let administrator = administrators.contains(&sid);
    let enabled = user.flags & DISABLED == 0;
    let account = Account {
        name: user.name.clone(),
        full_name: user.full_name,
        administrator,
        enabled,
        password_never_expires: user.flags & NEVER_EXPIRES != 0,
        groups: if administrator {
            vec!["Administrators".to_owned()]
        } else {
            Vec::new()
        },
        interactive: enabled,
        ..Account::default()
    };
    Fact::machine(key::account(&sid), Kind::Account(account)).of(sid, user.name)
}

/// Memory that the system gave, freed when nobody needs it.
struct Given(*mut u8);

impl Drop for Given {
    fn drop(&mut self) {
        if let Ok(free) = NetApiBufferFree() {
            // SAFETY: the memory is the system's, and nobody uses it any more; null is allowed.
            #[expect(unsafe_code, reason = "a function of the system")]
            let _freed = unsafe { free(self.0.cast()) };
        }
    }
}

/// The SID that every local account's begins with.
fn machine_sid() -> Result<String, Unavailable> {
    let ask = NetUserModalsGet()?;
    let mut given = std::ptr::null_mut();
    // SAFETY: no name means this PC; the answer's place is written to a pointer of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let result = unsafe { ask(std::ptr::null(), 2, &raw mut given) };
    let given = Given(given);
    if result != SUCCESS || given.0.is_null() {
        return Err(fault::unavailable("NetUserModalsGet", result));
    }
    // SAFETY: the system wrote this structure there.
    #[expect(unsafe_code, reason = "a structure that the system wrote")]
    let of = unsafe { given.0.cast::<USER_MODALS_INFO_2>().read_unaligned() };
    sid_text(of.usrmod2_domain_id)
        .ok_or_else(|| Unavailable::Failed("NetUserModalsGet: this PC has no SID".to_owned()))
}

fn users() -> Result<Vec<User>, Unavailable> {
    let ask = NetUserEnum()?;
    let (mut given, mut read, mut total, mut resume) = (std::ptr::null_mut(), 0, 0, 0);
    // SAFETY: no name means this PC; the answer and its length are written to places of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let result = unsafe {
        ask(
            std::ptr::null(),
            20,
            NORMAL_ACCOUNTS,
            &raw mut given,
            ALL,
            &raw mut read,
            &raw mut total,
            &raw mut resume,
        )
    };
    let given = Given(given);
    if (result != SUCCESS && result != MORE) || given.0.is_null() {
        return Err(fault::unavailable("NetUserEnum", result));
    }
    let count = usize::try_from(read).unwrap_or_default().min(MAX_ACCOUNTS);
    // SAFETY: the system wrote so many structures there, and they are not freed before they were copied.
    #[expect(unsafe_code, reason = "structures that the system wrote")]
    let all = unsafe { std::slice::from_raw_parts(given.0.cast::<USER_INFO_20>(), count) };
    Ok(all
        .iter()
        .map(|user| User {
            name: text(user.usri20_name),
            full_name: text(user.usri20_full_name),
            flags: user.usri20_flags,
            id: user.usri20_user_id,
        })
        .collect())
}

/// SIDs of the members; no name of a member is looked up, which could ask a domain.
fn administrators() -> Result<BTreeSet<String>, Unavailable> {
    let ask = NetLocalGroupGetMembers()?;
    let group = wide(group_name().ok_or_else(|| {
        Unavailable::Failed("the group of administrators: its name cannot be told".to_owned())
    })?);
    let (mut given, mut read, mut total, mut resume) = (std::ptr::null_mut(), 0, 0, 0);
    // SAFETY: no name means this PC; the group's name ends in zero; the rest is written to places of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let result = unsafe {
        ask(
            std::ptr::null(),
            group.as_ptr(),
            0,
            &raw mut given,
            ALL,
            &raw mut read,
            &raw mut total,
            &raw mut resume,
        )
    };
    let given = Given(given);
    if result != SUCCESS || given.0.is_null() {
        return Err(fault::unavailable("NetLocalGroupGetMembers", result));
    }
    let count = usize::try_from(read).unwrap_or_default().min(MAX_ACCOUNTS);
    // SAFETY: the system wrote so many structures there, and they are not freed before they were copied.
    #[expect(unsafe_code, reason = "structures that the system wrote")]
    let all = unsafe { std::slice::from_raw_parts(given.0.cast::<LOCALGROUP_MEMBERS_INFO_0>(), count) };
    Ok(all
        .iter()
        .filter_map(|member| sid_text(member.lgrmi0_sid))
        .collect())
}

/// Name of the group in the language of this Windows. It is a built-in one: nobody else is asked.
fn group_name() -> Option<String> {
    let text = wide(ADMINISTRATORS);
    let mut sid: PSID = std::ptr::null_mut();
    // SAFETY: the text ends in zero, and the SID's place is written to a pointer of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let made = unsafe { ConvertStringSidToSidW(text.as_ptr(), &raw mut sid) };
    if made == 0 {
        return None;
    }
    let (mut name, mut domain) = ([0u16; 256], [0u16; 256]);
    let (mut name_size, mut domain_size, mut kind) = (256, 256, 0);
    // SAFETY: the SID is sound; names and sizes describe buffers of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let told = unsafe {
        LookupAccountSidW(
            std::ptr::null(),
            sid,
            name.as_mut_ptr(),
            &raw mut name_size,
            domain.as_mut_ptr(),
            &raw mut domain_size,
            &raw mut kind,
        )
    };
    // SAFETY: the SID is the system's, and nobody uses it any more.
    #[expect(unsafe_code, reason = "a function of the system")]
    let _freed = unsafe { LocalFree(sid) };
    (told != 0).then(|| narrow(&name))
}

fn sid_text(sid: PSID) -> Option<String> {
    if sid.is_null() {
        return None;
    }
    let mut text = std::ptr::null_mut();
    // SAFETY: the SID stands in memory that the system gave; the text's place is written to a pointer of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let told = unsafe { ConvertSidToStringSidW(sid, &raw mut text) };
    if told == 0 {
        return None;
    }
    // SAFETY: the system made this text, which ends in zero.
    #[expect(unsafe_code, reason = "a text that the system made")]
    let found = unsafe { behind(text, 256) };
    // SAFETY: the text is the system's, and nobody uses it any more.
    #[expect(unsafe_code, reason = "a function of the system")]
    let _freed = unsafe { LocalFree(text.cast()) };
    Some(found)
}

fn text(pointer: *const u16) -> String {
    // SAFETY: null, or a text that the system made, which ends in zero.
    #[expect(unsafe_code, reason = "a text that the system made")]
    let text = unsafe { behind(pointer, 512) };
    text
}

/// Shortest password, and how long one lasts in seconds.
pub(super) fn policy() -> Result<(u32, u32), Unavailable> {
    let ask = NetUserModalsGet()?;
    let mut given = std::ptr::null_mut();
    // SAFETY: no name means this PC; the answer's place is written to a pointer of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let result = unsafe { ask(std::ptr::null(), 0, &raw mut given) };
    let given = Given(given);
    if result != SUCCESS || given.0.is_null() {
        return Err(fault::unavailable("NetUserModalsGet", result));
    }
    // SAFETY: the system wrote this structure there.
    #[expect(unsafe_code, reason = "a structure that the system wrote")]
    let of = unsafe { given.0.cast::<USER_MODALS_INFO_0>().read_unaligned() };
    Ok((of.usrmod0_min_passwd_len, of.usrmod0_max_passwd_age))
}
